"""What every measure of `streams/forensics/measures` keeps to; a new file there is tested by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streams.forensics.compare import compare, examine
from streams.forensics.measure import Measure, all_measures, missing_input
from streams.forensics.panel import Panel, Prompts

MEASURES = all_measures()
Make = Callable[..., Panel]


@pytest.fixture
def panel_for(writers: Make, choosers: Make) -> Callable[..., Panel]:
    """A panel that has what a measure needs."""

    def make(measure: Measure, **how: int) -> Panel:
        if measure.needs == "options":
            return choosers(**how)
        if measure.needs == "harvested topics":
            return writers(
                prompts=Prompts(harvested=frozenset(str(item) for item in range(400) if item % 100 < 55 or 60 <= item % 100 < 85)), **how
            )
        return writers(**how)

    return make


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_has_a_source_and_says_what_it_cannot_show(name: str) -> None:
    measure = MEASURES[name]
    module = __import__(measure.similarity.__module__, fromlist=["__doc__"])
    assert "Source:" in (module.__doc__ or "")
    assert measure.shows.endswith(".")
    assert measure.cannot_show.endswith(".")
    assert Path(f"tests/streams/forensics/measures/test_{name}.py").exists()


@pytest.mark.parametrize("name", MEASURES)
def test_planted_copying_is_found_and_more_of_it_is_a_larger_effect(name: str, panel_for: Callable[..., Panel]) -> None:
    found = [examine(MEASURES[name], panel_for(MEASURES[name], copied=copied)) for copied in (0, 30, 80)]
    assert found[0].effect < found[1].effect < found[2].effect
    assert found[2].p == found[2].smallest_p_panel
    assert (found[2].rank, found[2].teacher_rank) == (1, 1)


@pytest.mark.parametrize("name", MEASURES)
def test_the_order_of_prompts_does_not_matter(name: str, panel_for: Callable[..., Panel]) -> None:
    first, second = (examine(MEASURES[name], panel_for(MEASURES[name], copied=20, items=120, order=order)) for order in (1, 2))
    assert second == first


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_without_any_relation_p_values_are_spread_evenly(name: str, panel_for: Callable[..., Panel]) -> None:
    """Of 40 unrelated suspects 20 are expected below one half, 4 below one tenth: outside 9..31 and above 12 is one chance in 2,000."""
    found = [examine(MEASURES[name], panel_for(MEASURES[name], items=60, controls=6, seed=seed, style=False)) for seed in range(1, 41)]
    for values in ([each.p_prompts for each in found], [each.p_panel for each in found]):
        assert 9 <= sum(value <= 0.5 for value in values) <= 31
        assert sum(value <= 0.1 for value in values) <= 12


@pytest.mark.parametrize("name", MEASURES)
def test_empty_and_equal_answers_are_nobodys_likeness(name: str, panel_for: Callable[..., Panel]) -> None:
    panel = panel_for(MEASURES[name], items=30, controls=5)
    blank = replace(
        panel,
        texts=None if panel.texts is None else tuple(tuple("" for _ in row) for row in panel.texts),
        chosen=None if panel.chosen is None else np.full_like(panel.chosen, -1),
    )
    finding = examine(MEASURES[name], blank)
    assert finding.p == 1.0
    assert finding.effect == pytest.approx(0.0, abs=1e-6)


def test_what_a_panel_lacks_is_said_test_by_test(writers: Make) -> None:
    panel = writers(items=30, controls=5)
    assert {name: missing_input(measure, panel) is None for name, measure in MEASURES.items()} == {
        "answer_text": True,
        "chance_adjusted_agreement": False,
        "harvested_topics": False,
        "matches_beyond_ability": False,
        "phrasing": True,
        "rare_choices": False,
        "reasoning_structure": True,
        "same_wrong_answers": False,
    }


def test_p_values_are_corrected_over_the_tests_that_ran(choosers: Make) -> None:
    outcomes = compare([choosers(copied=50)])
    ran = [each for each in outcomes if each.finding is not None]
    assert len(ran) == 4
    assert max(each.corrected_p or 0.0 for each in ran) == pytest.approx(4 * min(each.finding.p for each in ran if each.finding))
