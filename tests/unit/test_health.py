"""When an update is left out, when a training goes back, and what learning rate that leaves."""

import json
from math import inf, nan

import pytest

from dragoman.training.progress import Progress
from dragoman.training.safety.health import BAD, FLOOR, HEALED, HIGH, LATELY, MOST, WINDOW, Health, far_above

IGNORANT = 9.0


def seen(losses: list[float]) -> Health:
    health = Health()
    for loss in losses:
        health.note(loss, 1.0, IGNORANT)
    return health


@pytest.mark.parametrize(("loss", "norm"), [(nan, 1.0), (inf, 1.0), (3.0, nan), (3.0, inf), (-inf, 0.0)])
def test_what_is_not_finite_is_left_out_and_halves_the_rate(loss: float, norm: float) -> None:
    health = seen([5.0, 4.0])
    assert not health.note(loss, norm, IGNORANT)
    assert (health.share, health.bad, health.skipped, health.seen) == (0.5, 1, 1, 2)
    assert health.running == 4.5
    assert not health.well
    assert health.note(4.0, 1.0, IGNORANT)
    assert (health.share, health.bad) == (0.5, 0)
    assert health.well


def test_the_rate_recovers_by_doubling_after_good_updates() -> None:
    health = seen([4.0, nan, nan])
    assert health.share == 0.25
    shares = []
    for _ in range(2 * HEALED + 1):
        health.note(4.0, 1.0, IGNORANT)
        shares.append(health.share)
    assert [shares.index(share) + 1 for share in (0.5, 1.0)] == [HEALED, 2 * HEALED]
    assert shares[-1] == 1.0


def test_after_a_return_the_rate_stays_halved() -> None:
    health = seen([4.0])
    health.after_return(1)
    assert health.share == 0.5
    for _ in range(3 * HEALED):
        health.note(4.0, 1.0, IGNORANT)
    assert health.share == 0.5
    health.note(nan, 1.0, IGNORANT)
    assert health.share == 0.25
    for _ in range(HEALED):
        health.note(4.0, 1.0, IGNORANT)
    assert health.share == 0.5


def test_several_bad_ones_in_a_row_are_trouble() -> None:
    assert not seen([4.0, *[nan] * (BAD - 1)]).trouble()
    assert not seen([nan, 4.0] * BAD).trouble()
    assert f"{BAD} updates in a row" in seen([4.0, *[nan] * BAD]).trouble()


@pytest.mark.parametrize("good", [1, 2])
def test_many_bad_ones_among_good_ones_are_trouble(good: int) -> None:
    """Every second or third update: they are never several in a row, and the training gets nowhere."""
    health, made = Health(), 0
    while not health.trouble():
        health.note(4.0 if made % (good + 1) else nan, 1.0, IGNORANT)
        made += 1
    assert health.skipped == MOST + 1
    assert made == MOST * (good + 1) + 1 <= LATELY
    assert health.trouble() == (
        f"{MOST + 1} of the last {LATELY} updates had a loss or gradient that is no finite number"
    )
    health.after_return(1)
    assert not health.trouble()
    assert health.recent == []


def test_bad_ones_that_are_few_or_long_past_are_no_trouble() -> None:
    # A quarter, for ever: as where one batch of four is bad.
    health = Health()
    for made in range(10 * LATELY):
        health.note(4.0 if made % 4 else nan, 1.0, IGNORANT)
        assert not health.trouble()
    assert len(health.recent) == MOST
    assert health.share == FLOOR
    # A crowd of them, then good ones, and the window is empty again.
    health = seen([*[nan, 4.0] * MOST, *[4.0] * LATELY])
    assert health.recent == []
    assert not health.trouble()


@pytest.mark.parametrize("in_a_row", [1, 2, BAD - 1])
def test_what_is_bad_in_every_pass_never_stops_a_training(in_a_row: int) -> None:
    """Passes too short for the rate to recover in; the rate stays where the first of them have brought it."""
    one = [*[nan] * in_a_row, *[4.0] * 150]
    health = seen(one * 20)
    assert not health.trouble()
    assert health.share == FLOOR * 0.5 ** (in_a_row - 1)
    for _ in range(10 * HEALED):
        health.note(4.0, 1.0, IGNORANT)
    assert health.share == 1.0


def test_a_loss_that_stays_far_above_its_lowest_is_trouble() -> None:
    calm = [8 - 0.02 * step for step in range(250)]
    health = seen(calm)
    assert health.well
    assert health.lowest == pytest.approx(sum(calm[-WINDOW:]) / WINDOW, abs=0.6)
    jumped = 0
    while not health.trouble():
        health.note(9.0, 1.0, IGNORANT)
        jumped += 1
    # As many updates as the average needs to follow, and then HIGH of them.
    assert HIGH < jumped < HIGH + 2 * WINDOW
    assert "far above its lowest" in health.trouble()


def test_a_training_that_explodes_from_the_start_is_caught() -> None:
    health = seen([8.0, *[40.0] * (HIGH + 5)])
    assert health.lowest == IGNORANT
    assert health.trouble()


def test_no_alarm_where_training_goes_well() -> None:
    # A start far above what a model gives that knows nothing; short spikes; a second cosine's rise.
    for losses in (
        [20 * 0.99**step + 2 for step in range(600)],
        [3 + 30 * (step % 60 == 0) for step in range(600)],
        [2.0] * 300 + [2.6] * 300,
        [0.01] * 300 + [0.6] * 300,
    ):
        health = Health()
        for loss in losses:
            health.note(loss, 1.0, IGNORANT)
            assert not health.trouble()
    assert far_above(5.1, 3.0)
    assert not far_above(4.7, 3.0)


def test_it_returns_with_the_progress() -> None:
    progress = Progress(step=7, health=seen([4.0, nan, 3.0]), refuge=5, piece=100, best_scores={"bleu": 1.0})
    assert progress.health.recent == [2]
    assert Progress.from_json(json.loads(json.dumps(progress.to_json()))) == progress
    older = {"step": 7, "epoch": 1, "best": 2.0}
    assert Progress.from_json({**older, "unknown": 1}) == Progress(step=7, epoch=1, best=2.0)
    before = progress.to_json()
    del before["health"]["recent"]
    assert Progress.from_json(before).health.recent == []
