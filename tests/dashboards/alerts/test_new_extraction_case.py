from __future__ import annotations

from typing import Any


def test_an_open_case_fires_once_with_the_number_of_its_accounts(ground: Any) -> None:
    ground.case("case-1", accounts=12)
    assert ground.summaries("new_extraction_case") == ["case-1: 12 account(s) look like distillation of the model."]


def test_what_is_decided_muted_resolved_routing_or_a_question_is_silent(ground: Any) -> None:
    ground.case("case-1", label={"verdict": "distilling"})
    ground.case("case-2", muted=True)
    ground.case("case-3", state="resolved")
    ground.case("case-4", behaviour="routing")
    ground.case("case-5", tier="ask")
    assert ground.summaries("new_extraction_case") == []


def test_a_newer_version_of_a_case_replaces_the_older(ground: Any) -> None:
    ground.case("case-1", version=1)
    ground.case("case-1", version=2, state="resolved")
    assert ground.summaries("new_extraction_case") == []


def test_a_storm_makes_a_hundred_alerts_and_no_more(ground: Any) -> None:
    for number in range(101):
        ground.case(f"case-{number}", extraction=float(number))
    told = ground.summaries("new_extraction_case")
    assert len(told) == 100
    assert not any(each.startswith("case-0:") for each in told), "the weakest is left out"
