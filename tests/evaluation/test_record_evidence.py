from __future__ import annotations

from pathlib import Path

import numpy as np
import record_evidence
from worlds.mosaic import build

from streams.testing.feature_trial import members_of


def test_recorded_members_come_back_as_they_were(tmp_path: Path) -> None:
    members = members_of(payment=[2**63 + 1, 7], work_items=[3, np.nan], prompt_sample=[[1] * 8, [2] * 8])
    columns = {
        "key": ["router:1", "router:1"],
        "now": [members.now] * 2,
        "balance": [1.5] * 2,
        "population": [9.0] * 2,
        "account": ["a", "b"],
    }
    recorded = {name: [np.array(values)] for name, values in columns.items()}
    recorded |= {name: [getattr(members, name)] for name in record_evidence._COLUMNS}
    record_evidence.write(recorded, tmp_path / "members.parquet", "today")
    ((key, read, population, accounts),) = record_evidence.groups(tmp_path / "members.parquet")
    assert (key, read.kind, read.balance, population, accounts) == ("router:1", "router", 1.5, 9.0, ["a", "b"])
    for name in record_evidence._COLUMNS:
        np.testing.assert_array_equal(getattr(read, name), getattr(members, name))


def test_a_mosaic_has_crowds_and_campaigns_and_a_thinned_one_keeps_some_of_each() -> None:
    world = build(3, days=1, people_=30)
    crews = {(role["persona"], role["campaign"]) for role in world.truth.values()}
    record_evidence.thin(world)
    kept = {event["account.id"] for _, event in world.events}
    assert len({campaign for _, campaign in crews if campaign}) >= 5
    assert len({persona for persona, campaign in crews if not campaign}) >= 8
    assert {(world.truth[account]["persona"], world.truth[account]["campaign"]) for account in kept} >= {crew for crew in crews if crew[1]}


def test_nothing_is_trained_on_the_world_that_is_held_back() -> None:
    assert not any(name.startswith("orchard") for name in record_evidence.WORLDS)
