"""The parts that the peers of the speed benchmark share: clocks, batches, losses, by hand and against our own."""

import json
import logging
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
import torch

from benchmarks.peers import batches, measuring, torch_nn
from benchmarks.peers.batches import Batch
from benchmarks.peers.learning_curve import Plan
from benchmarks.peers.log_clock import LogClock, listen
from benchmarks.peers.material import batch_of, write_text
from benchmarks.peers.ours import pair_of
from benchmarks.peers.stepping import Stepper, smoothed_loss
from dragoman.batches.padded import pair_batch
from dragoman.config import TextSettings
from dragoman.corpora import Corpus
from dragoman.corpora.parallel import ParallelText
from dragoman.layers.positions import sinusoids
from dragoman.text import special
from dragoman.text.learning import learn_tokenizer
from dragoman.training.loss import projected_loss

PAIRS = pair_batch([[9, 8, 7], [6]], [[5, 4], [7, 7, 7, 7]])
BATCH = batch_of(PAIRS)


@dataclass
class Piece:
    target_tokens: int
    positions: int


def test_the_clock_starts_after_the_warm_up_and_counts_whole_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "FEWEST", 1)
    now, seen = [0.0], list[int]()

    def update(piece: Piece) -> None:
        seen.append(piece.positions)
        now[0] += 1.0 if len(seen) > 6 else 50.0

    pieces = [Piece(10 + number, number) for number in range(7)]
    window = measuring.timed(update, pieces, 3.5, lambda: now[0])
    assert seen == [6, 0, 1, 2, 3, 4, 5, 6, 0, 1]
    assert (window.target_tokens, window.seconds, window.updates) == (15 + 16 + 10 + 11, 4.0, 4)


def test_one_slow_update_is_no_window() -> None:
    now = [0.0]

    def update(_: Piece) -> None:
        now[0] += 9.0

    window = measuring.timed(update, [Piece(10, 1)] * 7, 3.5, lambda: now[0])
    assert (window.updates, window.target_tokens) == (measuring.FEWEST, 10 * measuring.FEWEST)


def test_the_peak_is_the_kernels(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t  999999 kB\nVmHWM:\t  524288 kB\nVmRSS:\t  1024 kB\n", encoding="ascii")
    assert measuring.peak_mib(status) == 512
    block = torch.zeros(64 << 20, dtype=torch.uint8)
    assert measuring.peak_mib() > len(block) >> 20
    status.write_text("Name:\tpython\n", encoding="ascii")
    with pytest.raises(OSError, match="does not tell VmHWM"):
        measuring.peak_mib(status)


def test_a_result_comes_back_from_what_was_printed() -> None:
    line = measuring.result_line("name", "1.2", "float32", measuring.Window(900, 3.0, 2))
    result = measuring.read_result(f"some noise\n{line}\nmore noise\n")
    assert (result.name, result.updates, result.speed) == ("name", 2, 300.0)
    assert set(json.loads(line)) == {field.name for field in fields(measuring.Result)}
    with pytest.raises(ValueError, match="no result"):
        measuring.read_result("noise\n")


def test_batches_come_back_from_the_file(tmp_path: Path) -> None:
    others = batch_of(pair_batch([[4]], [[5, 6, 7]]))
    batches.save(tmp_path / "batches.npz", [BATCH, others])
    found = batches.load(tmp_path / "batches.npz")
    for mine, theirs in zip(found, [BATCH, others], strict=True):
        for field in fields(Batch):
            assert torch.equal(getattr(mine, field.name), getattr(theirs, field.name))
    pairs = pair_of(found[0])
    assert torch.equal(pairs.target_mask, PAIRS.target_mask)
    assert torch.equal(pairs.source.mask, PAIRS.source.mask)


def test_what_a_batch_tells() -> None:
    assert BATCH.target_tokens == 3 + 5
    assert BATCH.positions == 2 * 4 + 2 * 5
    assert torch.equal(BATCH.source_mask, PAIRS.source.mask)
    assert BATCH.labels().tolist() == [[5, 4, 3, -100, -100], [7, 7, 7, 7, 3]]
    assert (batches.PAD, batches.BOS, batches.EOS) == (special.PAD, special.BOS, special.EOS)


def test_the_peers_loss_is_ours() -> None:
    generator = torch.Generator().manual_seed(1)
    hidden, weight = torch.randn(2, 5, 6, generator=generator), torch.randn(12, 6, generator=generator)
    mask = PAIRS.target_mask
    ours, _ = projected_loss(hidden[mask], weight, PAIRS.target_out[mask], 0.1)
    theirs = smoothed_loss(hidden @ weight.T, BATCH, 0.1)
    assert float(theirs) == pytest.approx(float(ours) / BATCH.target_tokens, rel=1e-5)


def test_the_torch_model_sees_what_ours_sees() -> None:
    torch.manual_seed(0)
    model = torch_nn.Model().eval()
    assert torch.allclose(model.positions, sinusoids(512, 256).float(), atol=1e-4)
    shorter = batch_of(pair_batch([[6]], [[7, 7]]))
    both, alone = model(BATCH), model(shorter)
    assert torch.allclose(both[1, :3], alone[0], atol=1e-4), "padding or a later token was looked at"


def test_a_step_learns() -> None:
    torch.manual_seed(0)
    model = torch_nn.Model().train()
    stepper = Stepper(model, model, torch.bfloat16)
    losses = [stepper.update(BATCH) for _ in range(12)]
    assert losses[-1] < losses[0] - 1
    assert all(parameter.grad is None for parameter in model.parameters())


def line(text: str, created: float) -> logging.LogRecord:
    record = logging.LogRecord("toolkit", logging.INFO, "", 0, text, None, None)
    record.created = created
    return record


def test_a_log_tells_the_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "FEWEST", 1)
    clock = LogClock(r"speed (\d+)", seconds=4.0, warm_up=2)

    def train() -> None:
        clock.filter(line("starting", 0.0))
        clock.filter(line("speed 9", 10.0))
        clock.filter(line("speed 9", 20.0))
        clock.filter(line("speed 100", 22.0))
        clock.filter(line("something else", 23.0))
        clock.filter(line("speed 50", 24.0))
        raise AssertionError("not stopped")

    listen(clock, "toolkit", train)
    window = clock.window
    assert (window.target_tokens, window.seconds, window.updates) == (100 * 2 + 50 * 2, 4.0, 2)
    assert clock.peak_mib > 0


def test_a_training_that_ends_too_soon_is_told_of() -> None:
    clock = LogClock(r"speed (\d+)", seconds=4.0)
    with pytest.raises(RuntimeError, match="ended before the timed window"):
        listen(clock, "toolkit", lambda: clock.filter(line("speed 9", 10.0)))


def test_the_curves_rate_warms_up_and_falls_by_the_clock() -> None:
    plan = Plan(seconds=100, rate=2.0, dtype=torch.float32, warm_up=10)
    assert plan.learning_rate(5, 0) == pytest.approx(1.0)
    assert plan.learning_rate(50, 0) == pytest.approx(2.0)
    assert plan.learning_rate(50, 50) == pytest.approx(1.0)
    assert plan.learning_rate(50, 100) == plan.learning_rate(50, 120) == pytest.approx(0.0)


def test_the_text_is_written_as_the_toolkits_read_it(tmp_path: Path) -> None:
    import sentencepiece

    text = ParallelText(["Two dogs play.", "A man reads."], ["Zwei Hunde spielen.", "Ein Mann liest."], "text")
    settings = TextSettings(vocabulary_size=300)
    tokenizer = learn_tokenizer([*text.source, *text.target], settings, 1)
    write_text(tmp_path, Corpus("text", text, text, 0), tokenizer)
    assert (tmp_path / "train.de").read_text(encoding="utf-8").splitlines() == text.target
    vocabulary = (tmp_path / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    assert len(vocabulary) == 300 - 4
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    for sentence in text.source:
        pieces = processor.encode(sentence, out_type=str)
        assert [vocabulary.index(piece) + 4 for piece in pieces] == tokenizer.encode([sentence])[0]
