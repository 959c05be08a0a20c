"""The report of a race: five claims, five verdicts, and everything that was measured, from the race's logs alone."""

from dragoman.race.report.building import build

__all__ = ["build"]
