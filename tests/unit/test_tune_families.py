"""The search over learning rate and dropout: what it tries, and what its table says."""

from pathlib import Path

from benchmarks.tune_families import Search, Trial, judged, table, trials
from dragoman.race.plan import Contestant
from dragoman.race.recipe import Recipe

LSTM = Contestant("lstm", {"model.d_model": 40}, 1000)


def tried(best: tuple[float, float], rates: list[float]) -> list[tuple[float, float]]:
    """What is tried where this pair would be the best."""
    search = Search(Path(), Recipe("race", (), {}), [LSTM], rates, [0.1, 0.2, 0.3], 100)

    def run(contestant: Contestant, rate: float, dropout: float) -> Trial:
        far = abs(rate - best[0]) / best[0] + abs(dropout - best[1])
        return {"contestant": contestant.name, "learning_rate": rate, "dropout": dropout, "bleu": 30 - far, "loss": 2.0}

    return [(one["learning_rate"], one["dropout"]) for one in trials(search, LSTM, run)]


def test_rates_first_then_dropouts_at_the_best_rate() -> None:
    assert tried((0.002, 0.3), [0.004, 0.001, 0.002]) == [
        (0.001, 0.2), (0.002, 0.2), (0.004, 0.2), (0.002, 0.1), (0.002, 0.3),
    ]  # fmt: skip


def test_a_best_rate_at_the_edge_is_gone_beyond() -> None:
    assert tried((0.008, 0.2), [0.001, 0.002]) == [
        (0.001, 0.2), (0.002, 0.2), (0.004, 0.2), (0.008, 0.2), (0.016, 0.2), (0.008, 0.1), (0.008, 0.3),
    ]  # fmt: skip
    assert tried((0.00025, 0.2), [0.001, 0.002])[:5] == [(r, 0.2) for r in (0.001, 0.002, 0.0005, 0.00025, 0.000125)]


def test_the_table_marks_the_best() -> None:
    made: list[Trial] = [
        {"contestant": "lstm", "learning_rate": 0.001, "dropout": 0.2, "bleu": 30.5, "loss": 2.1, "seconds": 61.0},
        {"contestant": "lstm", "learning_rate": 0.002, "dropout": 0.2, "bleu": 30.5, "loss": 2.0, "seconds": 60.0},
        {"contestant": "rnn", "learning_rate": 0.001, "dropout": 0.1, "bleu": 9.0, "loss": 3.0, "seconds": 50.0},
    ]
    assert max(made, key=judged) is made[1]
    lines = table(made).splitlines()
    assert lines[2:] == [
        "| rnn | **0.001** | **0.1** | **9.00** | 3.000 | 50 |",
        "| lstm | 0.001 | 0.2 | 30.50 | 2.100 | 61 |",
        "| lstm | **0.002** | **0.2** | **30.50** | 2.000 | 60 |",
    ]
