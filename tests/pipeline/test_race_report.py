"""The report of a real race: every number on the page and in the Markdown is that of the race's logs."""

import json
import re
from html import escape
from pathlib import Path

import pytest

from tests.unit.race_numbers import check
from tests.unit.race_reading import Page

pytestmark = pytest.mark.timeout(1200)


def test_every_number_of_a_real_race_is_the_logs(raced: Path) -> None:
    tables = check(raced)
    plan = json.loads((raced / "race.json").read_text())
    # Nothing that was measured is left out: every kind of table is there that one seed on one corpus gives.
    assert len(tables) == 29
    found = Page((raced / "report.html").read_text(encoding="utf-8"))
    assert len(found.verdicts) == 5
    assert "not measured" not in {verdict.judgement for verdict in found.verdicts[:4]}
    # In 30 updates nobody learns to translate, or hardly: BLEU cannot tell, or tells that they are level.
    quality = json.loads((raced / "measures" / "quality.json").read_text())
    judgement, reason = found.verdicts[4].judgement, found.verdicts[4].reason
    if max(run["bleu"]["score"] for run in quality["runs"]) < 1:
        assert (judgement, reason) == (
            "not measured",
            "Nothing can tell: nobody translates yet, every BLEU is below 1.",
        )
    else:
        assert judgement == "does not hold here"
        assert reason.startswith("With 30 updates")
    assert escape(plan["command"]) in (raced / "report.html").read_text(encoding="utf-8")
    assert len(found.alts) == len(list((raced / "pictures").iterdir()))


def test_the_report_says_that_it_is_a_trial_with_one_seed(raced: Path) -> None:
    text = (raced / "report.md").read_text(encoding="utf-8")
    assert "A trial: every measure was taken in small" in text
    assert "One seed: the interval tells of the test sentences, not of the luck of a training." in text
    assert re.search(r"^\*Rule: Holds if .*\*$", text, re.M)
