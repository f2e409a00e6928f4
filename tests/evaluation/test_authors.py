from __future__ import annotations

import importlib
import json
from pathlib import Path

import authors
import pytest
from worlds.frame import World

from streams.schema.replay_files import AccountRow

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("author", authors.WORLDS)
def test_a_world_has_campaigns_among_ordinary_people_in_the_order_of_time(author: str, tmp_path: Path) -> None:
    importlib.import_module(f"worlds.{author}").build(3, days=1, people=40).write(tmp_path)
    roles = authors.roles(tmp_path).values()
    assert sum(role.campaign is not None for role in roles) >= 10
    assert sum(role.campaign is None for role in roles) >= 40
    with (tmp_path / "events.jsonl").open("rb") as lines:
        moments = [json.loads(line)["timestamp"] for line in lines]
    assert moments == sorted(moments)


def test_the_same_seed_draws_the_same_people() -> None:
    hours = [World(seed, 2).awake(20.0).tolist() for seed in (5, 5, 6)]
    assert hours[0] == hours[1] != hours[2]


def test_a_campaigns_fate_is_its_share_alerted_and_what_was_served_before_the_first_alert() -> None:
    said = {
        name: AccountRow(name, 0.0, 9.0, 2, 0.0, 0.0, alerted=at is not None, first_alert_at=at) for name, at in (("a", 3.0), ("b", None))
    }
    assert authors._fate(["a", "b"], said, {"a": [1.0, 4.0], "b": [2.0, 5.0]}) == (0.5, 0.5)


def test_owners_of_stolen_keys_and_permitted_parties_are_on_neither_side() -> None:
    assert not authors._role({"persona": "owner", "campaign": None, "victim_of": "theft"}).judged
    assert not authors._role({"persona": "authorised_aggregator", "campaign": None}).judged
    assert authors._role({"persona": "hobby", "campaign": None}).judged


def test_an_author_that_is_not_at_hand_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDROMETER_SHARED", str(tmp_path / "nothing"))
    assert not authors.draw("second", 1, tmp_path / "second-1")
