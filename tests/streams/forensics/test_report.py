"""What a reader of the report sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from streams.forensics import calibration, page, report
from streams.forensics.calibration import Bin, Calibration
from streams.forensics.compare import compare
from streams.forensics.panel import Panel
from streams.forensics.report import MeasureReport, Report

CALIBRATION = Calibration({"answer_text": 1.0}, -1.0, 30, 1_000, 8, 30, 3.0, (Bin(10, 0.2, 0.1), Bin(5, 0.8, 1.0)))


@pytest.fixture
def told(writers: Callable[..., Panel]) -> Callable[..., Report]:
    def make(known: Calibration | None = CALIBRATION, **how: int) -> Report:
        panel = replace(writers(**how), notes=("<script>alert(1)</script> is left out",))
        outcomes = compare([panel])
        return report.report([panel], outcomes, calibration.combine(outcomes, known), known, {"a.jsonl": "ab12"})

    return make


def test_a_test_without_its_input_says_which(told: Callable[..., Report]) -> None:
    lines = report.terminal(told()).splitlines()
    assert lines[lines.index("Rare choices in common") + 1] == "  input missing: a table of chosen options (--table)"


def test_a_copy_and_an_unrelated_model_read_differently(told: Callable[..., Report]) -> None:
    copy, unrelated = told(copied=80), told()
    (measured,) = [test for test in copy.tests if test.name == "answer_text" and isinstance(test, MeasureReport)]
    assert report.meaning(replace(measured, p_corrected=0.01)).startswith("Both models open their answers")
    assert all(
        report.meaning(test) == "Not told apart from unrelated models." for test in unrelated.tests if isinstance(test, MeasureReport)
    )
    assert copy.combined.likelihood_ratio == pytest.approx(20.1, abs=0.1)
    assert copy.combined.cut is True
    assert "which is the most that the calibration can bear out" in report.combined_sentence(copy)


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (None, "there is no calibration"),
        (replace(CALIBRATION, known_pairs=6), "rests on 6 known pairs, fewer than 20"),
        (replace(CALIBRATION, weights={"rare_choices": 1.0}), "rare_choices did not run"),
        (replace(CALIBRATION, fewest_controls=40), "8 controls, where the calibration had 40 or more"),
        (replace(CALIBRATION, fewest_items=400), "100 items, where the calibration had 400 or more"),
    ],
)
def test_what_cannot_be_calibrated_is_not_combined(told: Callable[..., Report], known: Calibration | None, says: str) -> None:
    made = told(known)
    assert made.combined.likelihood_ratio is None
    assert says in report.combined_sentence(made)


def test_the_page_is_well_formed_prints_and_escapes_names(told: Callable[..., Report]) -> None:
    html = page.page(replace(told(), suspect="<b>&"))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "@media print" in html
    body = ET.fromstring(html.removeprefix("<!doctype html>").replace('<meta charset="utf-8">', "").replace("<br>", "<br/>"))
    assert len(body.findall(".//svg")) == 4  # three tests and the calibration curve
    assert body.findtext(".//h1") == "<b>& compared with ours"


def test_tests_that_agree_are_told_from_one_that_stands_alone(told: Callable[..., Report]) -> None:
    copy, unrelated = told(copied=80), told()
    assert copy.corroborated_p == pytest.approx(2 / 45)  # the first of 45 pairs in each of three tests, doubled
    assert report.corroborated_sentence(copy) == "p 0.04444: at least two tests agree on an excess."
    assert "no two tests agree, and one alone can mistake a style for a teacher" in page.page(unrelated)
    alone = replace(copy, corroborated_p=None)
    assert "Two tests or more: fewer than two tests ran" in report.terminal(alone)


def test_a_ratio_names_the_tests_that_are_no_part_of_it(told: Callable[..., Report]) -> None:
    said = report.combined_sentence(told(copied=80))
    assert said.endswith("Not in it, since no known pairs calibrate them: Phrasing fingerprint, Structure of reasoning.")


def test_every_report_says_that_it_is_no_verdict(told: Callable[..., Report]) -> None:
    made = told()
    assert report.NOT_A_VERDICT in report.terminal(made)
    assert "evidence, not a verdict" in page.page(made)
