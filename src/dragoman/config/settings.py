"""One documented dataclass per stage: the only home of any default.

The line under a field is its help. A contradiction is found when the settings are made, all faults at once
(`dragoman.config.loading`).
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_CHECKED = ConfigDict(extra="forbid", use_attribute_docstrings=True)

LARGEST = 2**31 - 1
"""Of whole numbers: beyond it the libraries below take none."""
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Natural = Annotated[int, Field(ge=0, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


@dataclass(config=_CHECKED, frozen=True)
class ModelSettings:
    """The translator's shape (Vaswani et al. 2017 and what came after; the recurrent ones before it)."""

    family: Literal["transformer", "rnn", "gru", "lstm"] = "transformer"
    """Which architecture: a Transformer, or a recurrent translator of RNN, GRU or LSTM cells."""
    attention: Literal["none", "additive", "dot"] = "additive"
    """Recurrent: how the decoder looks at the source: v.tanh(W s + U h), s.h, or only through the encoder's end."""
    bidirectional: bool = True
    """Recurrent: the encoder reads both ways, each half of d_model wide."""
    input_feeding: bool = False
    """Recurrent: each step also reads the attentional vector of the step before (Luong et al. 2015, section 3.3)."""
    recurrent_start: Literal["orthogonal", "plain"] = "orthogonal"
    """Recurrent: first values of the matrices on hidden states: orthogonal, or uniform in +-1/sqrt(width)."""
    d_model: Count = 256
    """Width of embeddings and of every layer's input and output."""
    d_ff: Count = 1024
    """Transformer: width inside the feed-forward part."""
    heads: Count = 4
    """Transformer: attention heads; d_model is shared equally among them."""
    encoder_layers: Count = 3
    """Layers of the encoder."""
    decoder_layers: Count = 3
    """Layers of the decoder."""
    dropout: Rate = 0.1
    """Share of values set to zero: after embeddings, in the feed-forward and before residual sums, or after layers."""
    attention_dropout: Rate = 0.0
    """Transformer: share of attention weights set to zero while training."""
    norm: Literal["pre", "post"] = "pre"
    """Transformer: the normalisation stands before each part (pre) or after each residual sum (post, the paper's)."""
    norm_kind: Literal["layer", "rms"] = "layer"
    """Transformer: LayerNorm (Ba et al. 2016) or RMSNorm (Zhang and Sennrich 2019)."""
    positions: Literal["sinusoidal", "learned", "rotary", "none"] = "sinusoidal"
    """Transformer: a place enters by sines and cosines, learned vectors, rotated queries and keys, or not at all."""
    longest: Count = 1024
    """Transformer: positions that `learned` has vectors for; the other kinds have no limit."""
    similarity: Literal["scaled-dot", "dot", "cosine"] = "scaled-dot"
    """Transformer: how a query is compared with a key; cosine has one trained temperature a head."""
    activation: Literal["relu", "gelu", "swiglu"] = "relu"
    """Transformer: what bends the feed-forward part."""
    tie: Literal["all", "output", "none"] = "all"
    """Which matrices are one: source and target embedding and output projection (all), the last two (output), none."""
    embeddings: str = ""
    """Word vectors that the embedding starts from: a word2vec or GloVe file, or glove (the extra of that name)."""
    embeddings_side: Literal["both", "source", "target"] = "both"
    """The side whose language these word vectors are of."""


@dataclass(config=_CHECKED, frozen=True)
class TextSettings:
    """From strings to ids."""

    kind: Literal["bpe", "unigram", "character", "word"] = "bpe"
    """How a line is cut into tokens."""
    vocabulary_size: Count = 8000
    """Tokens in a vocabulary, the 256 bytes and the special ones included."""
    joint: bool = True
    """One vocabulary for both languages, or one for each."""
    normalisation: Literal["identity", "nfkc"] = "nfkc"
    """Whether text returns unchanged (identity) or compatibility forms and white space are unified (nfkc)."""
    sampling: Rate = 0.0
    """While training: share of merges dropped (bpe) or 1 - smoothing of the cut (unigram); each epoch cuts anew."""
    sample_lines: Count = 500_000
    """Lines a side from whose first 2,000 characters the vocabulary is learnt; a larger corpus is sampled evenly."""


@dataclass(config=_CHECKED, frozen=True)
class BatchSettings:
    """From ids to padded tensors."""

    target_tokens: Count = 3000
    """Target positions in a batch, padding included."""
    longest: Count = 256
    """Tokens of the longest side, the end mark counted; longer pairs are left out of training, and counted aloud."""
    window: Count = 131_072
    """Pairs that are sorted by length together; a larger corpus is trained on window by window, in a drawn order."""


@dataclass(config=_CHECKED, frozen=True)
class TrainingSettings:
    """How the weights are found."""

    steps: Natural = 0
    """Updates to make; 0 means: until `minutes` or `epochs` end."""
    epochs: Natural = 0
    """Passes over the corpus to make; 0 means: until `minutes` or `steps` end."""
    minutes: Annotated[float, Field(ge=0)] = 0
    """Minutes by the clock, set-up and validation included; the schedule follows the clock. 0 means: no such limit."""
    update_minutes: Annotated[float, Field(ge=0)] = 0
    """Minutes spent on updates; set-up, validation and saving do not count. 0 means: no such limit."""
    target_tokens: Annotated[int, Field(ge=0)] = 0
    """Real target tokens to train on, passes over the same ones counted anew; 0 means: no such limit."""
    learning_rate: Annotated[float, Field(gt=0)] = 1.5e-3
    """The schedule's highest learning rate."""
    schedule: Literal["cosine", "wsd", "inverse-sqrt", "constant"] = "cosine"
    """The learning rate after warm-up: half a cosine to zero at the end, level and down to zero over the last fifth,
    1/sqrt(step) (the paper's), or level."""
    warmup_steps: Natural = 400
    """Updates in which the learning rate grows from zero."""
    label_smoothing: Rate = 0.1
    """Share of the target's probability spread evenly over the vocabulary (Szegedy et al. 2016)."""
    agreement: Annotated[float, Field(ge=0)] = 0.0
    """R-Drop's alpha (Liang et al. 2021): two passes, other dropout, drawn to one prediction; 0 means: one pass."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """AdamW's decay (Loshchilov and Hutter 2019); matrices only, not norms, biases or embeddings."""
    beta1: Rate = 0.9
    """AdamW's memory of the gradient."""
    beta2: Rate = 0.98
    """AdamW's memory of the gradient's square."""
    clip: Annotated[float, Field(ge=0)] = 1.0
    """Largest norm of the whole gradient; 0 means: no limit."""
    average: Natural = 0
    """Most updates that the averaged weights look back over; they are what is validated, saved and used. 0: none."""
    snapshots: Natural = 0
    """Last checkpoints whose mean is tried at the end and taken where it validates better; 0 means: none."""
    accumulate: Count = 1
    """Batches whose gradients are summed for one update."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the matrix products; auto measures once whether bfloat16 is faster here."""
    kernels: Literal["auto", "fused", "plain"] = "auto"
    """A step's small operations as fused passes over memory (fused; on a processor) or as torch's own (plain)."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Processor threads; 0 means: one for each core this process may use."""
    seed: Natural = 1
    """Seed of everything that is drawn."""
    validate_every: Count = 250
    """Updates between two validations (loss, BLEU, samples, checkpoint)."""
    validations: Natural = 0
    """Validations, evenly spread over the training up to its end; 0 means: one every `validate_every` updates."""
    save_minutes: Annotated[float, Field(ge=0)] = 10
    """Minutes by the clock after which a checkpoint is saved between two validations; 0 means: never."""
    validation_sentences: Count = 1000
    """Validation sentences translated for BLEU; the loss is always that of all."""
    log_every: Count = 10
    """Updates between two lines of metrics.jsonl."""
    patience: Natural = 0
    """Validations without a better result before training stops early; 0 means: never."""
    best_by: Literal["bleu", "loss"] = "bleu"
    """What makes a checkpoint the best one."""
    keep: Annotated[int, Field(ge=2)] = 2
    """Checkpoints kept besides the best one; the newest ones."""


EXTRA_TOKENS = 20
"""Tokens that a translation may have beyond `search.longest_ratio`; promised by that setting's help."""


@dataclass(config=_CHECKED, frozen=True)
class SearchSettings:
    """From scores to a translation."""

    beam: Count = 5
    """Hypotheses kept at each step; 1 is greedy search."""
    length_penalty: Annotated[float, Field(ge=0)] = 1.0
    """Alpha: a hypothesis' log-probability is divided by ((5 + length) / 6) ** alpha (Wu et al. 2016)."""
    batch_tokens: Count = 4000
    """Source tokens translated together, padding and beams not counted."""
    longest_source: Count = 256
    """Tokens above which a line is cut at a sentence end or a space, translated in parts and joined."""
    longest_ratio: Annotated[float, Field(gt=0)] = 2.0
    """A translation has at most this many tokens per source token, and 20 more."""


@dataclass(config=_CHECKED, frozen=True)
class EvaluationSettings:
    """How translations are scored; the defaults are sacrebleu's conventions, which make scores comparable."""

    tokenize: Literal["13a", "intl", "zh", "char", "none"] = "13a"
    """BLEU's tokenization: 13a (WMT's), intl, zh (Chinese), char (others without spaces), none (tokenized already)."""
    lowercase: bool = False
    """Whether case is ignored."""
    resamples: Count = 1000
    """Bootstrap resamples behind an interval or a p-value."""
    seed: Natural = 12345
    """Seed of the resamples."""


@dataclass(config=_CHECKED, frozen=True)
class PizzeriaSettings:
    """The built-in corpus."""

    train_pairs: Count = 24_000
    """Pairs to train on."""
    valid_pairs: Count = 500
    """Pairs to make choices on."""
    test_pairs: Annotated[int, Field(ge=1000)] = 2000
    """Pairs to report on; their antecedent-predicate pairs are nowhere in training."""
    seed: Natural = 1
    """Seed of the sentences."""
    food_share: Annotated[float, Field(ge=0.5, le=1)] = 0.5
    """Share of pronoun sentences in which *it* means the food."""
    ambiguous_share: Share = 0.0
    """Share of pronoun sentences whose predicate suits both nouns, so that only `food_share` decides."""
    fillers: Natural = 2
    """Most phrases put between antecedent and pronoun, which stretch their distance."""


@dataclass(config=_CHECKED, frozen=True)
class DataSettings:
    """Where the text comes from: a named corpus, or files."""

    corpus: str = ""
    """A corpus by name, such as multi30k:en-de, pizzeria:en-de or hf:NAME."""
    source: str = ""
    """File with one source sentence a line."""
    target: str = ""
    """File with their translations, line by line."""
    tsv: str = ""
    """One file with source TAB target a line, instead of two files."""
    valid_source: str = ""
    """Source sentences to validate on."""
    valid_target: str = ""
    """Their translations."""
    valid_tsv: str = ""
    """Both in one file."""
    valid_lines: Natural = 1000
    """Pairs held out for validation where no validation files are given (at most a twentieth of the corpus)."""


@dataclass(config=_CHECKED, frozen=True)
class Settings:
    """Every stage's settings; `config.yaml` of a run."""

    data: DataSettings = Field(default_factory=DataSettings)
    pizzeria: PizzeriaSettings = Field(default_factory=PizzeriaSettings)
    text: TextSettings = Field(default_factory=TextSettings)
    batches: BatchSettings = Field(default_factory=BatchSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    search: SearchSettings = Field(default_factory=SearchSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
