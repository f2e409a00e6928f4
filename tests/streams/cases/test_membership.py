"""Who belongs to a case, since when, until when, and what they were served."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from streams.cases import case_file, labels
from streams.testing.block_rows import Row
from streams.testing.case_desk import FEW, ROUTER, CaseDesk, a_group, an_account, evidence_row, hydra

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


# -- one open case


def doubled(desk: CaseDesk) -> list[str]:
    """Return the accounts that are present members of two open cases of one behaviour and tier."""
    open_cases = [case for case in desk.stage.cases.values() if case.state == "open"]
    present = [
        (case.behaviour, case.tier, account) for case in open_cases for account, member in case.members.items() if member.left_at is None
    ]
    return [account for (_, _, account), count in Counter(present).items() if count > 1]


def news(router: str, account: str, at: float, extraction: float, organization: int) -> list[Row]:
    group = evidence_row("router", router, at=at, extraction=60.0, accounts=10.0, router=int(router, 16))
    return [group, group | {"account_id": account, "requests": 10.0 + at, "extraction": extraction, "organization": organization}]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_an_account_is_in_one_open_case_of_a_behaviour(seed: int) -> None:
    """Three groups share accounts; members come and fall, questions become alerts, people split, join, exclude and decide."""
    chance, desk = random.Random(seed), CaseDesk()
    routers, names = [f"{number:016x}" for number in (0xAA, 0xBB, 0xCC)], [f"acct-{number:02}" for number in range(30)]
    for number, router in enumerate(routers):
        rows = hydra(router, names[number * 8 : number * 8 + 10], float(number), 1 + 100 * number)
        desk.apply(*(row | {"extraction": 60.0} for row in rows))
    for step in range(1, 60):
        at, account, router = step * HOUR / 2, chance.choice(names), chance.choice(routers)
        opened = desk.open
        match chance.randrange(8):
            case 0:
                desk.apply(an_account(account, at=at, extraction=chance.choice([2.0, 20.0, 30.0]), router=int(router, 16)))
            case 1:
                key = f"{chance.choice(opened).case_id}/account:{account}"
                desk.learn(labels.make("member", key, chance.choice(["exclude", "withdrawn"]), "eva", at=at))
            case 2:
                case = chance.choice(opened)
                entity = chance.choice(case.payload.links).entity.partition(":")[2]
                desk.learn(labels.make("link", f"{case.case_id}/{entity}", "split", "eva", at=at))
            case 3:
                one, other = (chance.choice(opened).case_id for _ in range(2))
                desk.learn(labels.make("link", f"{one}/{other}", "merge", "eva", at=at))
            case 4:
                verdict = chance.choice(["benign", "distilling", "withdrawn"])
                desk.learn(labels.make("case", chance.choice(opened).case_id, verdict, "eva", at=at))
            case _:
                desk.apply(*news(router, account, at, chance.choice([1.0, 8.0, 62.0 + step]), chance.randrange(1, 9)))
        assert not doubled(desk), f"after step {step}"
        if not desk.open:
            break
