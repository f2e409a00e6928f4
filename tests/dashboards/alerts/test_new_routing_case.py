from __future__ import annotations

from typing import Any


def test_an_open_case_of_routing_fires_and_calls_nobody_a_distiller(ground: Any) -> None:
    ground.case("case-1", behaviour="routing", accounts=40)
    assert ground.summaries("new_routing_case") == [
        "case-1: 40 account(s) look like a router or reseller; that alone does not make them distillers."
    ]


def test_a_labelled_reseller_and_a_case_of_extraction_are_silent(ground: Any) -> None:
    ground.case("case-1", behaviour="routing", label={"verdict": "reseller"})
    ground.case("case-2")
    assert ground.summaries("new_routing_case") == []
