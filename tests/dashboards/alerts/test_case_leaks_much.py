from __future__ import annotations

from typing import Any


def test_more_than_fifty_million_output_tokens_fire(ground: Any) -> None:
    ground.case("case-1", output_tokens=51e6)
    ground.case("case-2", output_tokens=49e6)
    assert ground.summaries("case_leaks_much") == ["case-1 has received 51 million output tokens so far."]


def test_it_goes_on_after_the_case_is_labelled_because_the_leak_does(ground: Any) -> None:
    ground.case("case-1", output_tokens=51e6, label={"verdict": "distilling"})
    assert len(ground.summaries("case_leaks_much")) == 1


def test_a_router_with_much_traffic_is_no_leak(ground: Any) -> None:
    ground.case("case-1", behaviour="routing", output_tokens=99e6)
    assert ground.summaries("case_leaks_much") == []
