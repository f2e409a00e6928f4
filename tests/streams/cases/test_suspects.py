"""Suspects and members that are kept up to date by change are those that a count from the beginning finds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from streams.cases.stage import Cases
from streams.cases.suspects import MIN_ALERTED_MEMBERS
from streams.schema.cases import Tier
from streams.schema.evidence import Entity, Known

Row = Callable[..., dict[str, Any]]
Rows = Callable[..., list[dict[str, Any]]]
ROUTER, CARD = "00000000000000aa", "00000000000000cc"
NAMES = [f"acct-{number}" for number in range(12)]


def slow_over(stage: Cases, entity: Entity, tier: Tier = "alert") -> dict[str, Known]:
    """The accounts of a group that are over the bar of a tier, counted from the beginning."""
    bar = stage._suspects[tier].bar(entity)
    over: dict[str, Known] = {account: row for account, row in entity.members.items() if row.extraction >= bar}
    return over if len(over) >= MIN_ALERTED_MEMBERS and not entity.common else {}


def test_what_is_counted_by_change_is_what_a_count_from_the_beginning_finds(desk: Any, a_group: Rows) -> None:
    rng = random.Random(7)
    for turn in range(60):
        kind, name = rng.choice([("router", ROUTER), ("payment", CARD)])
        who = rng.sample(NAMES, rng.randint(1, 6))
        nats = rng.choice([1.0, 20.0, 20.0])
        facts = {"extraction": nats, "requests": float(rng.randint(1, 500)), "common": float(rng.random() < 0.05)}
        desk.hears(*a_group(kind, name, who, at=900.0 * turn, **facts))
        for entity in desk.stage.entities.values():
            assert dict(desk.stage._suspects["alert"].of(entity)[0]) == slow_over(desk.stage, entity), turn
        for case in desk.stage.cases.values():
            if case.state == "open" and case.case_id not in desk.stage._moved:
                present = {account for key in case.keys for account in slow_over(desk.stage, desk.stage.entities[key], case.tier)}
                assert {account for account, member in case.members.items() if member.left_at is None} == present, turn


def test_a_group_that_was_forgotten_comes_back_without_its_old_suspects(desk: Any, a_group: Rows, an_account: Row) -> None:
    day = 86_400.0
    desk.hears(*a_group("router", ROUTER, NAMES[:2], extraction=20.0))
    desk.hears(an_account("other", at=100 * day))
    assert f"router:{ROUTER}" not in desk.stage.entities
    desk.hears(*a_group("router", ROUTER, NAMES[2:4], at=100 * day, extraction=20.0))
    assert desk.open == [], "two suspects are no group, and those of a hundred days ago are gone"


def test_an_account_in_two_groups_shows_the_row_with_the_most_requests_and_of_equals_the_most_evidence(desk: Any, a_group: Rows) -> None:
    desk.hears(*a_group("router", ROUTER, NAMES[:3], extraction=20.0), *a_group("payment", CARD, NAMES[:3], extraction=25.0))
    (case,) = desk.stage.cases.values()
    assert {member.extraction for member in case.members.values()} == {25.0}
    desk.hears(*a_group("router", ROUTER, NAMES[:3], at=900.0, extraction=20.0, requests=100.0))
    assert {member.extraction for member in case.members.values()} == {20.0}
