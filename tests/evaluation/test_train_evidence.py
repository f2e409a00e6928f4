from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import train_evidence
from train_evidence import Rows, Standing
from worlds.mosaic import build

from models.evidence.additive import Additive
from streams.stages.groups.model_inputs import INPUT_NAMES
from streams.testing.feature_trial import members_of


def rows(inputs: list[float], guilty: list[bool], moment: list[int]) -> Rows:
    count = len(guilty)
    names = np.array([f"acct-{number}" for number in range(count)])
    same = np.array(["a"] * count)
    matrix = np.full((count, len(INPUT_NAMES)), np.nan)
    matrix[:, INPUT_NAMES.index("even_load")] = inputs
    kinds = np.where(guilty, "queue", "person")
    return Rows(same, same, names, kinds, kinds, np.array(moment), np.array(guilty), np.array(guilty), matrix)


def test_a_member_counts_with_as_much_as_three_of_its_group_have() -> None:
    found = train_evidence.standing(rows([0] * 5, [False] * 5, [0, 0, 0, 1, 1]), np.array([9.0, 5.0, 1.0, 8.0, 8.0]))
    assert found.nats.tolist() == [1.0, 1.0, 1.0, -np.inf, -np.inf]


def test_a_threshold_is_passed_by_its_share_of_innocents_and_no_more() -> None:
    innocents = np.arange(1000.0)
    found = Standing(innocents, innocents < 0, innocents < 0, innocents.astype(str), innocents.astype(str))
    assert (innocents >= train_evidence.threshold(found, 0.002)).sum() == 2


def test_the_stored_trees_judge_as_the_trained_ones_also_where_an_input_is_unknown() -> None:
    rng = np.random.default_rng(0)
    guilty = rng.random(600) < 0.5
    drawn = rows((guilty * 2.0 + rng.normal(size=600)).tolist(), guilty.tolist(), [0] * 600)
    drawn.inputs[:, :3] = rng.normal(size=(600, 3)) + guilty[:, None]
    drawn.inputs[rng.random(drawn.inputs.shape) < 0.2] = np.nan
    drawn.inputs[0] = 0.0  # scikit-learn bins no column of which nothing is known
    drawn.inputs[1] = 1.0
    model = train_evidence.trained(drawn)
    base = float(model._baseline_prediction.ravel()[0])
    stored = Additive.of({"inputs": INPUT_NAMES, "base": base, "offset": 0.0, "scale": 1.0, "trees": train_evidence.as_data(model)})
    assert np.abs(stored.nats(drawn.inputs) - model.decision_function(drawn.inputs)).max() < 0.01


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
    recorded |= {name: [getattr(members, name)] for name in train_evidence._COLUMNS}
    train_evidence.write(recorded, tmp_path / "members.parquet", "today")
    ((key, read, population, accounts),) = train_evidence.groups(tmp_path / "members.parquet")
    assert (key, read.kind, read.balance, population, accounts) == ("router:1", "router", 1.5, 9.0, ["a", "b"])
    for name in train_evidence._COLUMNS:
        np.testing.assert_array_equal(getattr(read, name), getattr(members, name))


def test_a_mosaic_has_crowds_and_campaigns_and_a_thinned_one_keeps_some_of_each() -> None:
    world = build(3, days=1, people_=30)
    crews = {(role["persona"], role["campaign"]) for role in world.truth.values()}
    train_evidence.thin(world)
    kept = {event["account.id"] for _, event in world.events}
    assert len({campaign for _, campaign in crews if campaign}) >= 5
    assert len({persona for persona, campaign in crews if not campaign}) >= 8
    assert {(world.truth[account]["persona"], world.truth[account]["campaign"]) for account in kept} >= {crew for crew in crews if crew[1]}


def test_of_a_written_world_campaigns_and_owners_of_stolen_keys_stay_whole(tmp_path: Path) -> None:
    roles = {f"p{n}": {"persona": "people", "campaign": None} for n in range(40)} | {
        f"c{n}": {"persona": "pool", "campaign": "one"} for n in range(9)
    }
    roles |= {"v": {"persona": "people", "campaign": None, "victim_of": "one"}}
    (tmp_path / "truth.json").write_text(json.dumps(roles))
    (tmp_path / "events.jsonl").write_text("".join(json.dumps({"account.id": account}) + "\n" for account in roles))
    train_evidence.thin_files(tmp_path, seed=1)
    kept = [json.loads(line)["account.id"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert sorted(kept) == sorted(json.loads((tmp_path / "truth.json").read_text()))
    assert [sum(account.startswith(first) for account in kept) for first in "pcv"] == [20, 9, 1]


def test_nothing_is_trained_on_the_world_that_is_held_back() -> None:
    assert not any(name.startswith("orchard") for name in train_evidence.WORLDS)
