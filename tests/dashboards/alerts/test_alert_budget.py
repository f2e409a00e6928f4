from __future__ import annotations

from typing import Any


def test_the_twenty_first_case_of_a_day_fires_where_few_are_watched(ground: Any) -> None:
    for number in range(20):
        ground.case(f"case-{number}")
    assert ground.summaries("alert_budget") == []
    ground.case("case-20")
    assert ground.summaries("alert_budget") == ["Cases of extraction that opened within a day: 1 more than the budget."]


def test_ten_cases_a_day_are_allowed_for_each_ten_thousand_accounts(ground: Any) -> None:
    ground.health("entities", 8_000, ago=60, agent="accounts", partition="0", instance="w-1")
    ground.health("entities", 14_000, agent="accounts", partition="0", instance="w-2")
    ground.health("entities", 16_000, agent="accounts", partition="1")
    ground.health("entities", 90_000, agent="groups", partition="0")
    for number in range(30):
        ground.case(f"case-{number}")
    assert ground.summaries("alert_budget") == []
    for number in range(30, 33):
        ground.case(f"case-{number}")
    assert ground.summaries("alert_budget") == ["Cases of extraction that opened within a day: 3 more than the budget."]


def test_yesterdays_cases_and_permitted_parties_cost_nothing(ground: Any) -> None:
    for number in range(30):
        ground.case(f"case-{number}", ago=2 * 86400)
        ground.case(f"permitted-{number}", muted=True)
    assert ground.summaries("alert_budget") == []
