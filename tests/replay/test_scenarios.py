"""Each attack beside its calm twin: the attack must alert, the look-alike of the same size must stay silent.

Two small worlds over two days, drawn by the demonstration's generator: ordinary people in both, the attacks in one, their twins in the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from streams.core.settings import Settings
from streams.demo import campaigns, cast
from streams.demo.log import Log
from streams.demo.scene import Scene
from streams.demo.traffic import SPAN_SECONDS, START
from streams.intake.collector import read_files
from streams.replay.run import Replay

pytestmark = pytest.mark.slow

PEOPLE = 1_500
"""Fewer ordinary accounts a partition, and the tails that evidence is measured against say nothing yet (cold start)."""
PEOPLES_REQUESTS = 9_000


@dataclass(frozen=True)
class Outcome:
    """Who is in which case, by persona."""

    extraction: set[str]
    """Personas with an account in an open extraction case."""
    found: dict[str, float]
    """Share of each campaign's accounts that are in one, by persona."""
    routing: set[str]
    """Personas with an account behind a router, or an account, alerted as routing."""


def played(folder: Path, cast_of: Callable[[Scene], object]) -> Outcome:
    """Draw people and one cast, replay them, and say who was alerted."""
    scene = Scene(Log(np.random.default_rng(12)), START, SPAN_SECONDS)
    cast_of(scene)
    cast.ordinary_people(scene, PEOPLE, PEOPLES_REQUESTS)
    log = folder / "events.jsonl"
    log.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in scene.log.lines(len(scene.log))))
    settings = Settings(mode="local", partitions=2, block_events=256)
    replay = Replay(settings.partitions, settings.seal_key.get_secret_value().encode())
    replay.feed(read_files([log], settings))

    roles = {role.account_id: role for role in scene.log.roles}
    alerted = {name for name, row in replay.accounts().items() if row.alerted}
    attackers: dict[str, set[str]] = {}
    for name, role in roles.items():
        if role.campaign:
            attackers.setdefault(role.persona, set()).add(name)
    channels = {alert.entity_id for alert in replay.alerts if alert.behaviour == "routing"}
    behind = {f"router:{name}|" for name in channels}
    members = [key for stage in replay.pipeline.groups for key in stage.members.keys if any(key.startswith(name) for name in behind)]
    routed = {key.partition("|")[2] for key in members} | (channels & roles.keys())
    return Outcome(
        extraction={roles[name].persona for name in alerted},
        found={persona: len(alerted & names) / len(names) for persona, names in attackers.items()},
        routing={roles[name].persona for name in routed},
    )


def attacks(scene: Scene) -> None:
    campaigns.loud_harvest(scene, 3, 2_400)
    campaigns.hydra(scene, 40, 12.0)
    cast.grey_reseller(scene, 12, 250, 1_200)


def calm_twins(scene: Scene) -> None:
    cast.evaluation_harness(scene, 500)
    cast.batch_job(scene, 500)
    cast.coding_tool(scene, 40, 960)
    cast.enterprise_gateway(scene, 40, 1_200)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return played(tmp_path_factory.mktemp("attacks"), attacks)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return played(tmp_path_factory.mktemp("calm"), calm_twins)


def test_a_loud_campaign_and_a_hydra_of_light_accounts_are_alerted_and_nobody_else(attacked: Outcome) -> None:
    assert set(attacked.found) == {"harvester", "hydra member"}
    assert attacked.extraction == {"harvester", "hydra member"}
    assert attacked.found["harvester"] == 1.0
    assert attacked.found["hydra member"] >= 0.8


def test_a_grey_reseller_is_a_channel_and_its_customers_are_no_distillers(attacked: Outcome) -> None:
    assert any("reseller" in persona or "pool" in persona for persona in attacked.routing), attacked.routing


def test_a_harness_a_batch_job_a_coding_tool_and_an_enterprise_gateway_are_neither_campaign_nor_channel(calm: Outcome) -> None:
    assert calm == Outcome(extraction=set(), found={}, routing=set())
