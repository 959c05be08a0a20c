"""A whole race: plan, trainings, measures, report; from the beginning or from where it was stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dragoman.errors import DragomanError, UsageError
from dragoman.race.asking import Given, check_same, other_versions
from dragoman.race.folder import RaceFolder
from dragoman.race.plan import Plan
from dragoman.race.running import RaceReporter, run


def race(out: Path, given: Given, reporter: RaceReporter, resume: bool = False) -> None:
    """Races into the folder `out`, to the report.

    Raises:
        UsageError: the question is wrong, or another one than the race that is to go on was asked.
        DragomanError: the folder is taken, the corpus cannot be used, a training or a measure failed.
    """
    folder = RaceFolder(out)
    if resume and not given.data and not folder.plan_file.exists():
        raise UsageError(
            f"{out} is no race that could go on (no {folder.plan_file.name} in it): "
            "give a race's folder, or --corpus to begin one"
        )
    folder.begin(resume)
    with folder.lock() as lock:
        plan = folder.plan()
        if plan is None:
            plan = _planned(folder, given, reporter)
        else:
            check_same(plan, given)
        failed = run(folder, plan, lock, reporter)
        if failed is None:
            reporter.end(f"stopped; what is done is kept: go on with `dragoman race {out} --resume`")
            return
        write_report(out, reporter)
        if failed:
            raise DragomanError(f"{'; '.join(failed)}; all else is done: mend that, then add --resume")


def write_report(out: Path, reporter: RaceReporter) -> None:
    """Writes the report of what there is; warns where it may come out otherwise than with the recorded versions.

    Raises:
        DragomanError: no race, or its files are damaged.
    """
    from dragoman.race.report import build

    build(out)
    plan = RaceFolder(out).plan()
    if plan and (others := other_versions(plan)):
        reporter.warned(f"{'; '.join(others)}: the report is written, and may differ from the race's own")
    reporter.end(f"the report: {out / 'report.html'} and {out / 'report.md'}")


def _planned(folder: RaceFolder, given: Given, reporter: RaceReporter) -> Plan:
    from dragoman.race.planning import make_plan

    with _undone_on_error(folder):
        plan = make_plan(folder, given.question(folder.path), reporter.preparing)
        plan.save(folder.plan_file)
    return plan


@contextmanager
def _undone_on_error(folder: RaceFolder) -> Iterator[None]:
    """Removes what was made for a race that cannot be; a kill leaves it for --resume."""
    try:
        yield
    except DragomanError:
        folder.forget()
        raise
