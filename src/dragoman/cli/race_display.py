"""What people and programs see of a race: one bar for all of it, a line for each part that is done."""

from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from dragoman.cli.display import console, print_json
from dragoman.cli.visible import visible
from dragoman.race.parts import Part
from dragoman.race.plan import Course, Plan
from dragoman.race.running import Event
from dragoman.training.watching.words import big, brief, count, duration


class RaceDisplay:
    """Shows a race to a person."""

    def __init__(self) -> None:
        self._console = console()
        self._progress = Progress(BarColumn(), TextColumn("{task.description}"), console=self._console, transient=True)
        self._bar: TaskID | None = None

    def preparing(self, message: str) -> None:
        """Prints what is being done."""
        self._console.print(Text(visible(message), style="dim"))

    def begin(self, plan: Plan, done: int, total: int) -> None:
        """Prints who races on what, and for how long."""
        for course in plan.courses:
            self._console.print(_entries(plan, course))
        if done:
            self._console.print(f"{done} of {count(total, 'part')} are done already")
        if self._console.is_terminal:
            self._bar = self._progress.add_task("", total=1.0)
            self._progress.start()

    def happened(self, part: Part, event: Event, share: float, left: float) -> None:
        """Moves the bar; prints a line where a part begins, is validated, or is done."""
        kind = event["event"]
        if kind == "part" and self._bar is None:
            self._print(f"{part.label} ...", left)
        elif kind == "validation":
            self._console.print(
                Text(f"   {part.label}: update {event['step']:,}, BLEU {event['bleu']:.2f}, loss {event['loss']:.3f}")
            )
        elif kind in ("done", "stopped"):
            self._console.print(Text(visible(f"{part.label}: {event['message']}"), style="bold"))
        if self._bar is not None:
            doing = event.get("text", "")
            said = f"{part.label}{f', {doing}' if doing else ''}  about {duration(left)} left"
            self._progress.update(self._bar, completed=share, description=said)

    def warned(self, message: str) -> None:
        """Prints what went wrong and what is done about it."""
        self._console.print(Text(f"warning: {visible(message)}", style="bold yellow"))

    def end(self, message: str) -> None:
        """Takes the bar away and prints how it ended."""
        self.close()
        self._console.print(Text(visible(message), style="bold"))

    def close(self) -> None:
        """Takes the bar away."""
        self._progress.stop()

    def _print(self, message: str, left: float) -> None:
        self._console.print(Text(f"{message} (about {duration(left)} left)", style="dim"))


class RaceJson:
    """Writes one JSON object a line on stdout."""

    def preparing(self, message: str) -> None:
        """What is being done before the race begins."""
        print_json({"event": "preparing", "message": message})

    def begin(self, plan: Plan, done: int, total: int) -> None:
        """Who races, on what, for how long."""
        budget: dict[str, Any] = vars(plan.budget)
        entries = [
            {"course": course.name, "contestant": one.name, "parameters": one.parameters}
            for course in plan.courses
            for one in course.contestants
        ]
        print_json({"event": "begin", "budget": budget, "contestants": entries, "parts": total, "done": done})

    def happened(self, part: Part, event: Event, share: float, left: float) -> None:
        """An event of a part, with the share of the whole race and the seconds that are left."""
        own = {"share": share, "seconds_left": round(left, 1), "part": " ".join(part.arguments)}
        print_json({**event, **own})

    def warned(self, message: str) -> None:
        """What went wrong and what is done about it."""
        print_json({"event": "warning", "message": message})

    def end(self, message: str) -> None:
        """How it ended."""
        print_json({"event": "end", "message": message})

    def close(self) -> None:
        """Nothing is open."""


def _entries(plan: Plan, course: Course) -> Table:
    """Who races on a course: width, size, and the forecast of a pass over the corpus."""
    each = {
        "minutes": f"{duration(60 * course.each)} of updates",
        "updates": count(round(course.each), "update"),
        "tokens": f"{big(course.each)} target tokens",
    }
    corpus = plan.name if course.name == "main" else "pizzeria:en-de"
    title = f"{corpus}: {each[plan.budget.kind]} each, {count(len(course.seeds), 'seed')}"
    table = Table("contestant", "d_model", "parameters", "an epoch takes", title=title, title_justify="left", box=None)
    for one in course.contestants:
        width, takes = f"{one.settings['model.d_model']:,}", brief(course.epoch_seconds[one.name])
        table.add_row(one.name, width, f"{one.parameters:,}", takes)
    return table
