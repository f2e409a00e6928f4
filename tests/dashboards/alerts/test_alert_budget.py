from __future__ import annotations

from typing import Any


def test_the_twenty_first_case_of_a_day_fires(ground: Any) -> None:
    for number in range(20):
        ground.case(f"case-{number}")
    assert ground.told("alert_budget") == []
    ground.case("case-20")
    assert ground.told("alert_budget") == ["21 cases of extraction opened within a day; the budget is 20."]


def test_yesterdays_cases_and_permitted_parties_cost_nothing(ground: Any) -> None:
    for number in range(30):
        ground.case(f"case-{number}", ago=2 * 86400, muted=number % 2 == 0)
    assert ground.told("alert_budget") == []
