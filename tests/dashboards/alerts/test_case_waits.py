from __future__ import annotations

from typing import Any

DAY = 86400.0


def test_a_case_that_nobody_decided_within_two_days_fires(ground: Any) -> None:
    ground.case("case-1", ago=2.5 * DAY)
    ground.case("case-2", ago=1.5 * DAY)
    assert ground.summaries("case_waits") == ["case-1 has waited 2.5 days for a decision."]


def test_a_decision_ends_it(ground: Any) -> None:
    ground.case("case-1", ago=2.5 * DAY, label={"verdict": "distilling"})
    assert ground.summaries("case_waits") == []
