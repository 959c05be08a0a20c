"""The coach on recorded trainings: good ones, and ones that were spoilt on purpose (abridged metrics.jsonl files)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dragoman.config import ModelSettings, Settings, TrainingSettings
from dragoman.training.watching.closing import closing, still_rising
from dragoman.training.watching.coach import Advice, Situation, advise
from dragoman.training.watching.history import Stretch, stretches

HISTORIES = Path(__file__).parent / "data" / "histories"
SMALL = Situation(pairs=6000, vocabulary=3000, d_model=64, dropout=0.2, warmup_steps=100, learning_rate=3e-3)
"""What the trainings on parts of Multi30k had in common: two layers, 64 wide."""
QUALITY = Situation(pairs=29_000, vocabulary=8000, d_model=256, dropout=0.15, warmup_steps=400, learning_rate=1.5e-3)
SITUATIONS = {
    "overfitting": replace(SMALL, pairs=500, vocabulary=1500, dropout=0.0),
    "shuffled": SMALL,
    "shifted": SMALL,
    "many_tokens": replace(SMALL, pairs=1500, vocabulary=5000, dropout=0.1),
    "half_shuffled": replace(SMALL, pairs=10_000),
    "few_updates": SMALL,
    "validation_shuffled": SMALL,
    "rate_too_high": replace(SMALL, learning_rate=0.1),
    "rate_too_low": replace(SMALL, learning_rate=1e-5),
    "too_small": replace(SMALL, pairs=20_000, d_model=16),
    "small_corpus": replace(SMALL, pairs=3000, dropout=0.1),
    "short": replace(SMALL, pairs=29_000),
    "multi30k_en_de": QUALITY,
    "multi30k_en_fr": QUALITY,
    "multi30k_de_en": QUALITY,
    "pizzeria": Situation(24_000, 1500, 128, 0.0, 100, 2.5e-3),
}

BESIDES = {"overfitting": ["vocabulary too large"]}
"""What else is said on the way: 500 pairs are few for 1,500 tokens."""


def history(name: str) -> list[dict[str, Any]]:
    """The lines of a recorded training."""
    return [json.loads(line) for line in (HISTORIES / f"{name}.jsonl").read_text().splitlines()]


def verdicts(name: str) -> list[str]:
    """The first verdict after each of its validations."""
    seen = stretches(history(name), clip=1.0)
    last = seen[-1].step
    return [advise(seen[:count], seen[count - 1].step / last, SITUATIONS[name])[0].verdict
            for count in range(1, len(seen) + 1)]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("overfitting", "overfitting"),
        ("many_tokens", "vocabulary too large"),
        ("half_shuffled", "bad data"),
        ("few_updates", "underfitting"),
        ("shuffled", "bad data"),
        ("shifted", "bad data"),
        ("validation_shuffled", "bad validation data"),
        ("rate_too_high", "learning rate too high"),
        ("rate_too_low", "learning rate too low"),
        ("too_small", "underfitting"),
        ("short", "underfitting"),
    ],
)
def test_spoilt_trainings_are_told_from_each_other(name: str, verdict: str) -> None:
    given = verdicts(name)
    assert given[-1] == verdict
    assert set(given) <= {"warming up", "on track", verdict, *BESIDES.get(name, ())}


@pytest.mark.parametrize("name", ["multi30k_en_de", "multi30k_en_fr", "multi30k_de_en", "pizzeria", "small_corpus"])
def test_no_false_alarm_on_good_ones(name: str) -> None:
    assert set(verdicts(name)) <= {"warming up", "on track"}


def stretch(step: int, valid: float, loss: float, bleu: float = 20.0, **others: Any) -> Stretch:
    """One made by hand."""
    given = {"epoch": step // 50, "seconds": step / 10, "clipped": 0.0, "speed": 1000.0, **others}
    return Stretch(step=step, valid=valid, loss=loss, bleu=bleu, **given)


def test_overfitting_says_since_when_and_what_to_do() -> None:
    seen = [stretch(100 * at, *losses) for at, losses in enumerate([(3.0, 3.0), (2.5, 2.4), (2.6, 1.9), (2.7, 1.5)], 5)]
    (advice,) = advise(seen, 0.5, QUALITY)
    assert advice.verdict == "overfitting"
    assert "since update 600 (2.50 to 2.70)" in advice.message
    assert "best checkpoint is kept" in advice.message
    assert "model.dropout=0.3" in advice.mend
    assert "training.patience=5" in advice.mend
    assert "patience" not in advise(seen, 0.5, replace(QUALITY, patience=3))[0].mend
    # Never less dropout than there is.
    for dropout, words in ((0.3, "--set model.dropout=0.4"), (0.4, "a smaller model"), (0.5, "a smaller model")):
        assert advise(seen, 0.5, replace(QUALITY, dropout=dropout))[0].mend.startswith(
            f"begin anew with more data or {words}"
        )
    first_pass = [replace(one, epoch=0) for one in seen]
    assert advise(first_pass, 0.5, QUALITY)[0].verdict == "on track"


def test_a_loss_that_trembles_about_nothing_is_no_overfitting() -> None:
    losses = [(0.004, 0.004), (0.002, 0.003), (0.004, 0.002), (0.005, 0.001)]
    seen = [stretch(1000 * at, *pair, bleu=99.7) for at, pair in enumerate(losses, 5)]
    assert advise(seen, 0.9, QUALITY)[0].verdict == "on track"


def test_a_busy_machine_is_told_of_beside_the_verdict() -> None:
    seen = [stretch(500, 3.0, 3.5), stretch(1000, 2.5, 3.0, speed=500.0)]
    verdict, slow = advise(seen, 0.5, replace(QUALITY, speed=1000.0))
    assert (verdict.verdict, slow.verdict) == ("on track", "slower than forecast")
    assert "500 target tokens a second, 1,000 were forecast" in slow.message
    assert len(advise(seen, 0.5, replace(QUALITY, speed=700.0))) == 1


def test_a_vocabulary_that_is_too_large() -> None:
    seen = [stretch(500, 5.0, 5.5, 1.0), stretch(1000, 4.5, 5.0, 2.0)]
    advice = advise(seen, 0.5, replace(QUALITY, pairs=1500))[0]
    assert advice.verdict == "vocabulary too large"
    assert advice.mend == "begin anew with --set text.vocabulary_size=500, or find more pairs"
    # Never a larger vocabulary than there is.
    for vocabulary in (400, 500):
        assert advise(seen, 0.5, replace(QUALITY, pairs=100, vocabulary=vocabulary))[0].mend == "find more pairs"
    # Nor one that the text's characters alone would not fit into.
    chinese = replace(QUALITY, pairs=1500, smallest_vocabulary=2_410)
    assert "text.vocabulary_size=2500," in advise(seen, 0.5, chinese)[0].mend
    assert advise(seen, 0.5, replace(chinese, vocabulary=2_450, pairs=900))[0].mend == "find more pairs"


def test_less_dropout_is_advised_only_where_there_is_some() -> None:
    seen = [stretch(500, 6.0, 6.5), stretch(900, 5.5, 6.0), stretch(1000, 5.0, 5.5)]
    for dropout, mend in ((0.1, "or a larger model or less dropout"), (0.0, "or a larger model")):
        advice = advise(seen, 1.0, replace(QUALITY, dropout=dropout))[0]
        assert (advice.verdict, advice.mend) == ("underfitting", f"train longer, {mend}")


def test_lines_without_numbers_are_left_out() -> None:
    lines: list[dict[str, Any]] = [
        {"step": 1, "loss": 4.0, "gradient_norm": 2.0, "tokens_per_second": 10.0},
        {"step": 2, "loss": None, "gradient_norm": None},
        {"step": 2, "recovery": "skipped", "rate_share": 0.5},
        {"step": 3, "loss": 2.0, "gradient_norm": None, "tokens_per_second": 30.0, "learning_rate": 0.5},
        {"step": 3, "epoch": 0, "seconds": 1.0, "validation_loss": 3.0, "validation_bleu": 1.0},
        {"step": 4, "epoch": 0, "seconds": 2.0, "validation_loss": None, "validation_bleu": 0.0},
    ]
    (found,) = stretches(lines, clip=1.0)
    assert found == Stretch(3, 0, 1.0, loss=3.0, clipped=1.0, speed=20.0, valid=3.0, bleu=1.0, rate=0.5)


def test_the_mean_of_checkpoints_is_no_stretch_and_nothing_counts_twice() -> None:
    own = {"step": 4, "epoch": 1, "seconds": 1.0, "validation_loss": 3.0, "validation_bleu": 1.0}
    lines = [{"step": 4, "loss": 4.0, "gradient_norm": 2.0}, own, own, own | {"validation_bleu": 9.0, "mean": True}]
    (found,) = stretches(lines, clip=1.0)
    assert (found.bleu, found.loss) == (1.0, 4.0)
    assert closing([found], [], Settings(), True, 9.0, mean=9.0).startswith("9.0 validation BLEU")


def test_what_is_reached_is_what_the_best_checkpoint_has() -> None:
    seen = [stretch(500, 2.0, 2.0, 30.0), stretch(1000, 2.1, 1.5, 35.0)]
    for by, bleu in (("bleu", "35.0"), ("loss", "30.0")):
        settings = Settings(training=TrainingSettings(steps=1000, best_by=by))  # type: ignore[arg-type]
        assert closing(seen, [], settings, True, 60.0).startswith(f"{bleu} validation BLEU")


def test_a_model_worse_than_knowing_nothing_is_not_on_track() -> None:
    far = replace(SMALL, vocabulary=800, warmup_steps=10, learning_rate=10.0)
    seen = [stretch(10, 650.0, 696.23), stretch(20, 700.0, 1408.94)]
    for count in (1, 2):
        assert advise(seen[:count], 0.1, far)[0].verdict == "learning rate too high"
    # No rate that is advised is itself hopeless.
    assert "training.learning_rate=0.002," in advise(seen, 0.1, far)[0].mend
    assert "training.learning_rate=0.0001," in advise(seen, 0.1, replace(far, learning_rate=3e-4))[0].mend
    still = [stretch(10, 7.3, 7.28), stretch(20, 7.3, 7.28)]
    advice = advise(still, 0.5, replace(far, learning_rate=1e-30))[0]
    assert (advice.verdict, advice.mend.rpartition("=")[2]) == ("learning rate too low", "0.0001")


def test_a_training_of_which_little_was_seen_is_not_judged() -> None:
    def said(bleu: float, *steps: int, early: bool = False, **bounds: float) -> str:
        given = TrainingSettings(**{"patience": 2, "warmup_steps": 10, **bounds})  # type: ignore[arg-type]
        seen = [replace(stretch(step, 7.0, 7.0), bleu=bleu) for step in steps]
        return closing(seen, [], Settings(training=given), True, 9.0, early)

    assert "too little was seen to judge: give it --set training.steps=4;" in said(0.0, 2, steps=2)
    assert "too little was seen to judge: give it --set training.patience=4;" in said(0.1, 1, 2, 3, early=True, steps=9)
    assert "give it --set training.patience=4;" in said(0.1, 1, 2, early=True)
    # The bound that ended it is the one to move; minutes that were over before the first update are not just doubled.
    assert "give it --set training.steps=24;" in said(0.0, 12, steps=12, minutes=1e9)
    # A resume that asked for fewer updates than there were: more than these.
    assert "give it --set training.steps=24;" in said(0.0, 12, steps=5)
    assert "give it --minutes 1;" in said(0.0, 0, steps=12, minutes=0.01)
    assert "nothing better came any more" in said(20.0, 100, 200, 300, 400, early=True, steps=4000)


def falling(step: int, bleu: float, end: int = 1000) -> Stretch:
    """Of a training of so many updates under wsd."""
    return stretch(step, 2.0, 2.2, bleu, rate=1e-3 * min(1.0, 5 * (end - step) / end))


def test_the_fall_of_the_rate_under_wsd_is_no_rise() -> None:
    """A level training gains at the end, when its rate comes down; one that rises has done so before."""
    settings = Settings(training=TrainingSettings(steps=1000, schedule="wsd"))
    steps = range(100, 1001, 100)
    level = [falling(step, bleu) for step, bleu in zip(steps, [20, *[38] * 7, 38.9, 39.5], strict=True)]
    assert still_rising(level, settings) == 0
    assert still_rising(level, Settings()) == pytest.approx(1.5)
    assert "it has levelled off" in closing(level, [], settings, True, 60.0)
    rises = [falling(step, 30 + step / 100) for step in steps]
    assert "still rising (+3.0 over a quarter, before the rate fell): give it --set training.steps=2000" in closing(
        rises, [], settings, True, 60.0
    )
    # Too few validations to look before the fall.
    few = [falling(500, 30), falling(1000, 33)]
    assert "still rising (+3.0 over the last quarter)" in closing(few, [], settings, True, 60.0)
    # Prolonged: what the first fall had gained is no measure.
    longer = [*rises, *(falling(step, bleu, 2000) for step, bleu in ((1200, 38), (1400, 39), (1600, 40), (2000, 42)))]
    assert still_rising(longer, settings) == pytest.approx(2.0)


def test_patience_is_no_mend_under_wsd() -> None:
    seen = [stretch(100 * at, *losses) for at, losses in enumerate([(3.0, 3.0), (2.5, 2.4), (2.6, 1.9), (2.7, 1.5)], 5)]
    (advice,) = advise(seen, 0.5, replace(QUALITY, schedule="wsd"))
    assert (advice.verdict, "patience" in advice.mend) == ("overfitting", False)
    settings = Settings(training=TrainingSettings(steps=4000, patience=2, schedule="wsd"))
    flat = [falling(step, 20, 4000) for step in (1000, 1500, 2000)]
    said = closing(flat, [], settings, True, 60.0, early=True)
    assert "the learning rate never fell: without training.patience it would have" in said
    late = [falling(2 * one.step, 20, 4000) for one in flat]
    assert "never fell" not in closing(late, [], settings, True, 60.0, early=True)


def test_nothing_that_would_be_refused_is_advised() -> None:
    flat = [stretch(step, 2.0, 2.2) for step in (100, 200, 300, 400)]
    still = Settings(model=ModelSettings(dropout=0.0), training=TrainingSettings(steps=400))
    assert "agreement" not in closing(flat, [], still, True, 60.0)
    small = replace(QUALITY, learning_rate=1e-4, warmup_steps=4000)
    warming = [stretch(250, 8.5, 8.6), stretch(500, 8.4, 8.5)]
    assert advise(warming, 0.1, small)[0].verdict != "learning rate too low"


def test_the_closing_line() -> None:
    seen = stretches(history("multi30k_en_de"), clip=1.0)
    assert still_rising(seen, Settings()) == pytest.approx(1.0, abs=0.1)
    twenty = Settings(training=TrainingSettings(minutes=20))
    said = closing(seen, [Advice("on track", "")], twenty, True, 1200.0)
    assert said.startswith("37.4 validation BLEU after 20 min; still rising (+1.0 over the last quarter): ")
    assert said.endswith("give it --minutes 40; try it")
    flat = [stretch(step, 2.0, 2.2) for step in (100, 200, 300, 400)]
    said = closing(flat, [], twenty, True, 60.0)
    assert (
        "it has levelled off: a new run with --set training.agreement=5 goes further in more time, or a larger model "
        "or more data; " in said
    )
    agreeing = Settings(training=TrainingSettings(minutes=20, agreement=5))
    assert "it has levelled off: a larger model or more data is the way on; " in closing(flat, [], agreeing, True, 60.0)
    falling = [stretch(step, 4.0 - step / 200, 4.0) for step in (100, 200, 300, 400)]
    steps = Settings(training=TrainingSettings(steps=400))
    assert "the loss is still falling: give it --set training.steps=800" in closing(falling, [], steps, True, 60.0)
    trembling = [stretch(step, 0.004 - step / 200_000, 0.003, bleu=99.8) for step in (100, 200, 300, 400)]
    assert "it has levelled off" in closing(trembling, [], steps, True, 60.0)
    over = [Advice("overfitting", "it rises", "more data")]
    assert "overfitting: more data; try it" in closing(flat, over, twenty, True, 60.0)
    assert closing(flat, over, twenty, False, 60.0) == "go on with"
