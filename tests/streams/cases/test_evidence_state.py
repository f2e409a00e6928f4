from __future__ import annotations

from streams.cases import evidence_state
from streams.schema import blocks, layouts
from streams.schema.evidence import Entity
from streams.testing.block_rows import Row
from streams.testing.case_desk import a_group, an_account, encoded

ROUTER = "00000000000000aa"


def taken(*parts: list[Row]) -> dict[str, Entity]:
    entities: dict[str, Entity] = {}
    for rows in parts:
        evidence_state.merge_rows(entities, blocks.decode(encoded(rows), layouts.EVIDENCE))
    return entities


def test_an_entity_has_its_own_row_and_its_members() -> None:
    (entity,) = taken(a_group("router", ROUTER, ["ada", "bob"], at=5.0)).values()
    assert (entity.time, entity.accounts, sorted(entity.members)) == (5.0, 2.0, ["ada", "bob"])
    assert entity.members["ada"].router == ROUTER
    assert entity.members["ada"].payment == ""


def test_touched_entities_are_named_once_with_the_accounts_whose_rows_are_new() -> None:
    rows = [*a_group("router", ROUTER, ["ada", "bob"]), an_account("ada")]
    assert evidence_state.merge_rows({}, blocks.decode(encoded(rows), layouts.EVIDENCE)) == {
        f"router:{ROUTER}": ["ada", "bob"],
        "account:ada": ["ada"],
    }


def test_a_member_may_be_heard_of_before_its_group() -> None:
    (entity,) = taken(a_group("router", ROUTER, ["ada"], at=5.0)[1:]).values()
    assert (entity.extraction, entity.features, list(entity.members)) == (0.0, {}, ["ada"])
    (entity,) = taken(a_group("router", ROUTER, ["ada"], at=5.0)[1:], a_group("router", ROUTER, [], at=4.0)).values()
    assert (entity.extraction, entity.time) == (20.0, 5.0)


def test_the_newest_row_is_the_truth_in_whatever_order_rows_arrive() -> None:
    old, new = [an_account("ada", at=1.0, extraction=6.0)], [an_account("ada", at=2.0, extraction=9.0)]
    assert taken(old, new) == taken(new, old)


def test_unknown_numbers_are_left_out_rather_than_zero() -> None:
    (entity,) = taken([an_account("ada", families={"content": 3.0, "timing": float("nan")})]).values()
    assert "timing" not in entity.families
    assert entity.families["content"] == 3.0
    assert entity.usual["daily_output"] == [8.0, 9.0]
