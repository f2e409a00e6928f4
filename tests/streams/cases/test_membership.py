"""Who belongs to a case, since when, until when, and what they were served."""

from __future__ import annotations

import pytest

from streams.cases import case_file
from streams.testing.case_desk import FEW, ROUTER, CaseDesk, a_group, an_account

OTHER_ROUTER = "00000000000000bb"
HOUR = 3600.0


def test_the_members_of_a_channel_with_the_most_routing_are_listed_and_the_others_counted(
    desk: CaseDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.apply(a_group("router", ROUTER, ["ada"], extraction=1.0, routing=12.0, accounts=12.0)[0])
    desk.apply(an_account("ada", at=1.0, extraction=5.0, routing=9.0, router=int(ROUTER, 16)))
    desk.apply(an_account("bob", at=2.0, extraction=1.0, routing=11.0, router=int(ROUTER, 16)))
    told = desk.open[0].payload
    assert {name: member.routing for name, member in told.members.items()} == {"ada": 9.0, "bob": 11.0}
    assert (desk.open[0].accounts, told.users_not_listed) == (12, 10)
    assert [entry.routing for entry in told.history] == [12.0, 12.0, 12.0]
    monkeypatch.setattr(case_file, "MAX_LISTED_MEMBERS", 1)
    (case,) = desk.stage.cases.values()
    desk.receive(desk.stage.book.publish(case))
    assert (list(desk.open[0].payload.members), desk.open[0].payload.members_left_out) == (["bob"], 1)


# -- members


def test_members_keep_when_they_joined_and_when_they_left(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW, at=10.0))
    desk.apply(*a_group("router", ROUTER, [*FEW, "kim"], at=HOUR))
    joined = {name: member.joined_at for name, member in desk.open[0].payload.members.items()}
    assert joined == {"ada": 10.0, "bob": 10.0, "eve": 10.0, "kim": HOUR}
    calm = [{**each, "extraction": 1.0} for each in a_group("router", ROUTER, ["eve"], at=2 * HOUR)]
    grown = a_group("router", ROUTER, ["ada", "bob", "kim"], at=2 * HOUR, requests=50.0)
    desk.apply(*calm, *grown)
    left = {name: member.left_at for name, member in desk.open[0].payload.members.items()}
    assert left == {"ada": None, "bob": None, "eve": 2 * HOUR, "kim": None}


def test_the_leak_is_what_was_served_and_how_much_of_it_before_the_alert(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0, requests=100.0, output_tokens=5000.0))
    desk.apply(an_account("ada", at=HOUR, extraction=20.0, requests=300.0, output_tokens=9000.0))
    leak = desk.open[0].payload.leak
    assert (leak.requests, leak.output_tokens) == (300.0, 9000.0)
    assert (leak.requests_before_alert, leak.output_tokens_before_alert) == (100.0, 5000.0)


def test_an_account_is_in_one_open_case_of_a_behaviour(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.apply(*a_group("router", OTHER_ROUTER, ["ada", "kim", "lou", "max"], at=1.0))
    assert [sorted(case.payload.members) for case in desk.open] == [sorted(FEW), ["kim", "lou", "max"]]
