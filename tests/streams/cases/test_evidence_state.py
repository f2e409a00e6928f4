from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.cases import evidence_state
from streams.schema import blocks
from streams.schema.evidence import Entity

Row = Callable[..., dict[str, Any]]
Rows = Callable[..., list[dict[str, Any]]]
Encode = Callable[..., bytes]
ROUTER = "00000000000000aa"


def taken(encode: Encode, *parts: list[dict[str, Any]]) -> dict[str, Entity]:
    entities: dict[str, Entity] = {}
    for rows in parts:
        evidence_state.take(entities, blocks.decode(encode(rows), blocks.EVIDENCE))
    return entities


def test_an_entity_has_its_own_row_and_its_members(evidence: Encode, a_group: Rows) -> None:
    (entity,) = taken(evidence, a_group("router", ROUTER, ["ada", "bob"], at=5.0)).values()
    assert (entity.time, entity.accounts, sorted(entity.members)) == (5.0, 2.0, ["ada", "bob"])
    assert entity.members["ada"].router == ROUTER
    assert entity.members["ada"].payment == ""


def test_touched_entities_are_named_once_with_the_accounts_whose_rows_are_new(evidence: Encode, a_group: Rows, an_account: Row) -> None:
    rows = [*a_group("router", ROUTER, ["ada", "bob"]), an_account("ada")]
    assert evidence_state.take({}, blocks.decode(evidence(rows), blocks.EVIDENCE)) == {
        f"router:{ROUTER}": ["ada", "bob"],
        "account:ada": ["ada"],
    }


def test_a_member_may_be_heard_of_before_its_group(evidence: Encode, a_group: Rows) -> None:
    (entity,) = taken(evidence, a_group("router", ROUTER, ["ada"], at=5.0)[1:]).values()
    assert (entity.extraction, entity.features, list(entity.members)) == (0.0, {}, ["ada"])
    (entity,) = taken(evidence, a_group("router", ROUTER, ["ada"], at=5.0)[1:], a_group("router", ROUTER, [], at=4.0)).values()
    assert (entity.extraction, entity.time) == (20.0, 5.0)


def test_the_newest_row_is_the_truth_in_whatever_order_rows_arrive(evidence: Encode, an_account: Row) -> None:
    old, new = [an_account("ada", at=1.0, extraction=6.0)], [an_account("ada", at=2.0, extraction=9.0)]
    assert taken(evidence, old, new) == taken(evidence, new, old)


def test_unknown_numbers_are_left_out_rather_than_zero(evidence: Encode, an_account: Row) -> None:
    (entity,) = taken(evidence, [an_account("ada", nats_of={"content": 3.0, "timing": float("nan")})]).values()
    assert "timing" not in entity.families
    assert entity.families["content"] == 3.0
    assert entity.usual["daily_output"] == [8.0, 9.0]
