"""The mean of a group's members by family is kept, not added up anew: whatever comes and goes, it is what adding up gives."""

from __future__ import annotations

import random

import msgspec

from streams.schema.evidence import Entity, Member


def added_up(entity: Entity) -> dict[str, float]:
    return msgspec.structs.replace(entity, family_sums=None).family_means()


def test_the_mean_counts_a_member_without_a_family_as_zero() -> None:
    entity = Entity(entity_kind="router", entity_id="r", members={"ada": Member(families={"content": 6.0}), "bob": Member()})
    assert entity.family_means() == {"content": 3.0}


def test_a_member_that_is_put_again_replaces_what_it_was() -> None:
    entity = Entity(entity_kind="router", entity_id="r")
    assert entity.family_means() == {}
    entity.put("ada", Member(families={"content": 6.0}))
    entity.put("ada", Member(families={"content": 2.0, "timing": -0.5}))
    assert entity.family_means() == {"content": 2.0, "timing": -0.5}


def test_who_is_dropped_leaves_nothing_behind() -> None:
    entity = Entity(entity_kind="router", entity_id="r")
    entity.put("ada", Member(families={"content": 6.0}))
    entity.put("bob", Member(families={"timing": 1.0}))
    assert entity.family_means() == {"content": 3.0, "timing": 0.5}
    assert (entity.drop("ada"), entity.drop("ada")) == (True, False)
    assert entity.family_means() == {"timing": 1.0}


def test_after_any_changes_the_mean_is_what_adding_up_gives() -> None:
    chance, entity = random.Random(1), Entity(entity_kind="router", entity_id="r")
    for step in range(500):
        account = f"acct-{chance.randrange(20)}"
        families = {name: round(chance.uniform(-9.0, 9.0), 4) for name in ("content", "timing", "volume")}
        entity.put(account, Member(families=families))
        if step % 50 == 0:
            entity.drop(account)
        if entity.members:
            assert entity.family_means() == added_up(entity)
