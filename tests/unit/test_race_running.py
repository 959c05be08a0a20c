"""How a race runs its parts: what their processes tell, fail at, and do when somebody wants to stop."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dragoman.cli.race_display import RaceDisplay, RaceJson
from dragoman.config.loading import build_settings
from dragoman.errors import DragomanError, UsageError
from dragoman.race import child, running
from dragoman.race.costs import Costs
from dragoman.race.folder import RaceFolder
from dragoman.race.measuring import measure
from dragoman.race.parts import Part
from dragoman.race.plan import Course, Plan
from dragoman.runs import Run, checkpoint_steps, read_mark
from dragoman.training.reporting import Ending
from dragoman.training.safety.recovery import Diverged
from dragoman.training.start import start
from dragoman.training.watching.coach import Advice
from tests.unit.test_race_plan import a_plan
from tests.unit.test_stop_rules import TINY

DONE = 'print("a library speaks"); tell(event="share", share=0.5, text="lstm"); tell(event="done", message="measured")'
PROGRAM = """
import json, os, signal, sys, time
def tell(**event):
    print(json.dumps(event), flush=True)
"""


class Heard:
    """A reporter that remembers; may do something at an event."""

    def __init__(self, act: Any = lambda event: None) -> None:
        self.told: list[tuple[str, str, float, float]] = []
        self.warnings: list[str] = []
        self._act = act

    def preparing(self, message: str) -> None:
        raise AssertionError

    def begin(self, plan: Plan, done: int, total: int) -> None:
        self.counts = done, total

    def happened(self, part: Part, event: running.Event, share: float, left: float) -> None:
        self.told.append((part.label, event["event"], share, left))
        self._act(event)

    def warned(self, message: str) -> None:
        self.warnings.append(message)

    def end(self, message: str) -> None:
        raise AssertionError


def raced(monkeypatch: pytest.MonkeyPatch, folder: Path, programs: list[Part], heard: Heard) -> list[str] | None:
    """Runs a race whose parts are programs."""
    monkeypatch.setattr(running, "parts", lambda plan: programs)
    monkeypatch.setattr(
        running, "command", lambda folder, part: [sys.executable, "-c", PROGRAM + part.arguments[0], str(folder.path)]
    )
    race = RaceFolder(folder)
    with race.lock() as lock:
        return running.run(race, a_plan(), lock, heard)


def program(text: str, name: str = "speed", expected: float = 10.0) -> Part:
    return Part(f"measuring {name}", (text,), expected, name)


def test_the_share_of_the_race_rises_and_what_is_done_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RaceFolder(tmp_path).save_measure("chain", {})
    heard = Heard()
    every = [program(DONE), program(DONE, "chain", 30.0), program(DONE, "copying")]
    assert raced(monkeypatch, tmp_path, every, heard) == []
    assert heard.counts == (1, 3)
    assert [(label, event, share) for label, event, share, _ in heard.told] == [
        ("measuring speed", "part", 0.6), ("measuring speed", "share", 0.7), ("measuring speed", "done", 0.8),
        ("measuring copying", "part", 0.8), ("measuring copying", "share", 0.9), ("measuring copying", "done", 1.0),
    ]  # fmt: skip
    # At first as was forecast, then by the pace of what is done.
    assert [left for *_, left in heard.told][:3] == pytest.approx([20, 15, 10])
    assert all(left < 10 for *_, left in heard.told[3:])


def test_a_measure_that_fails_costs_the_race_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    broken = program('tell(event="error", message="too long; give less")')
    failed = raced(monkeypatch, tmp_path, [broken, program(DONE, "copying")], heard)
    assert failed == ["measuring speed: too long; give less"]
    assert heard.warnings == ["measuring speed: too long; give less; the race goes on without it"]
    assert heard.told[-1][:2] == ("measuring copying", "done")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'tell(event="error", message="the disk is full; make room")',
            "the disk is full; make room; then add --res",
        ),
        ('sys.exit("Boom: it broke")', r"its process ended with exit code 1 \(Boom: it broke\); then add --resume$"),
        ("sys.exit(3)", r"its process ended with exit code 3 \(it said nothing\)"),
        ("os.kill(os.getpid(), 9)", "its process was killed; if memory ran out, lower batches.target_tokens; then add"),
    ],
)
def test_a_training_that_fails_ends_the_race(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part("main lstm, seed 1", (text, "main", "lstm", "1"), 1.0)
    with pytest.raises(DragomanError, match=f"^main lstm, seed 1: {words}"):
        raced(monkeypatch, tmp_path, [part, program(DONE)], Heard())


def test_who_stops_a_race_stops_its_part_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = (
        "signal.signal(signal.SIGTERM, lambda *_: (tell(event='stopped', message='saved'), os._exit(0)));"
        "tell(event='share', share=0.1); time.sleep(60)"
    )

    def stop(event: running.Event) -> None:
        if event["event"] == "share":
            os.kill(os.getpid(), signal.SIGINT)

    heard = Heard(stop)
    assert raced(monkeypatch, tmp_path, [program(waiting), program(DONE, "copying")], heard) is None
    assert [event for _, event, *_ in heard.told] == ["part", "share", "stopped"]
    # A process that knows no better just ends.
    sleeping = program("tell(event='share', share=0.1); time.sleep(60)")
    assert raced(monkeypatch, tmp_path, [sleeping], Heard(stop)) is None


def test_a_part_ends_when_its_race_is_gone(tmp_path: Path) -> None:
    orphan = (
        "import threading, time; from dragoman.race.child import _end_with_the_race;"
        "threading.Thread(target=_end_with_the_race, daemon=True).start(); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", orphan], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=20) == 1


def tiny_plan() -> Plan:
    """A plan of one training that takes moments."""
    shared = build_settings("demo", None, TINY)
    course = Course("main", settings=asdict(shared), contestants=a_plan().contestants[1:], seeds=[1], each=3,
                    pairs={}, vocabulary=500, epoch_updates=1, epoch_seconds={}, part_seconds={})  # fmt: skip
    return a_plan(courses=[course])


def test_a_training_that_does_not_converge_is_judged_by_its_best_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = RaceFolder(tmp_path), tiny_plan()
    _learn(folder, plan)
    path = folder.run("main", "transformer", 1)

    def diverge(*_: Any) -> Ending:
        start(path, plan.settings("main", "transformer", 1), child.Teller(), vocabulary=folder.data("main"))
        (path / "best.json").unlink()
        raise Diverged("the training does not converge: lost; begin anew")

    monkeypatch.setattr(child, "_trained", diverge)
    child.train(folder, plan, "main", "transformer", 1)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[-1] == {
        "event": "done",
        "message": "the training does not converge: lost: it is judged by its best checkpoint",
    }
    assert [event["event"] for event in told if event["event"] == "share"]
    assert folder.is_trained("main", "transformer", 1)
    costs = folder.costs("main", "transformer", 1)
    assert costs.given_up == "the training does not converge: lost"
    assert (costs.begun, costs.ended) == (1, 1)
    mark = read_mark(Run(path), "best")
    assert mark is not None
    assert mark["step"] == max(checkpoint_steps(Run(path)))


def test_a_training_without_a_checkpoint_begins_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, plan = RaceFolder(tmp_path), tiny_plan()
    _learn(folder, plan)
    path = folder.run("main", "transformer", 1)
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("left by a killed process")
    plan.save(folder.plan_file)
    assert child.main([str(tmp_path), "train", "main", "transformer", "1"]) == 0
    assert (path / "tokenizer.model").read_bytes() == (folder.data("main") / "tokenizer.model").read_bytes()
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == "done"
    # A second process finds it finished.
    assert child.main([str(tmp_path), "train", "main", "transformer", "1"]) == 0
    assert "is finished" in json.loads(capsys.readouterr().out.splitlines()[-1])["message"]
    assert folder.costs("main", "transformer", 1).ended == 2


def _learn(folder: RaceFolder, plan: Plan) -> None:
    """Makes the vocabulary, as planning does."""
    from dragoman.training.preparing import prepare

    folder.data("main").mkdir(parents=True)
    prepare(plan.main.shared, None, None, folder.data("main")).epochs.close()


def test_what_a_part_cannot_do_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert child.main([str(tmp_path), "measure", "speed"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told == {"event": "error", "message": f"{tmp_path} has no plan; begin with `dragoman race`", "code": 1}
    with pytest.raises(UsageError, match="no measure is named 'sped'; did you mean 'speed'"):
        measure("sped", a_plan(), RaceFolder(tmp_path), lambda *_: None)


def test_shares_are_told_a_few_times_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    shares = child.Shares()
    for number in range(100):
        shares("lstm", number / 100)
    assert len(capsys.readouterr().out.splitlines()) < 5
    teller = child.Teller()
    teller.warned("slow")
    teller.preparing("reading")
    teller.advised(Advice("on track", "fine"))
    teller.begin({})
    teller.end("over")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"event": "warning", "message": "slow"}, {"event": "preparing", "message": "reading"}]


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("kind", ["minutes", "updates", "tokens"])
def test_what_people_see(
    kind: Any, terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, part = a_plan(), program(DONE)
    plan = replace(plan, budget=replace(plan.budget, kind=kind))
    if terminal:
        monkeypatch.setattr("dragoman.cli.race_display.console", lambda: Console(stderr=True, force_terminal=True))
    display = RaceDisplay()
    display.preparing("reading\x1b")
    display.begin(plan, 2, 9)
    display.happened(part, {"event": "part"}, 0.1, 100.0)
    display.happened(part, {"event": "validation", "step": 5, "bleu": 1.5, "loss": 2.25}, 0.1, 100.0)
    display.happened(part, {"event": "done", "message": "measured"}, 0.2, 90.0)
    display.warned("slow")
    display.end("over")
    seen = capsys.readouterr().err
    each = {"minutes": "3.0 min of updates", "updates": "3 updates", "tokens": "3 target tokens"}[kind]
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", seen)
    for words in (
        f"a: {each} each, 2 seeds", "pizzeria:en-de", "2 of 9 parts are done already", "reading<1b>", "warning: slow",
        "update 5, BLEU 1.50, loss 2.250", "measuring speed: measured", f"about {1.5 if terminal else 1.7} min left",
    ):  # fmt: skip
        assert words in plain


def test_what_programs_see(capsys: pytest.CaptureFixture[str]) -> None:
    reporter, part = RaceJson(), program("x")
    reporter.preparing("reading")
    reporter.begin(a_plan(), 0, 9)
    reporter.happened(part, {"event": "share", "share": 0.5}, 0.25, 12.34)
    reporter.warned("slow")
    reporter.end("over")
    reporter.close()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["preparing", "begin", "share", "warning", "end"]
    assert lines[1]["contestants"][0] == {"course": "main", "contestant": "lstm", "parameters": 1000}
    assert lines[2] == {"event": "share", "share": 0.25, "seconds_left": 12.3, "part": "x"}


def test_costs_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    assert Costs.load(tmp_path / "a.json") == Costs()
