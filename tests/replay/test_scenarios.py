"""Each attack beside its calm twin: the attack must alert, the look-alike of the same size must stay silent.

Small worlds over two days, drawn by the demonstration's generator: ordinary people in all of them, and one thing more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streams.core.settings import Settings
from streams.demo import campaigns, cast
from streams.demo.log import Log
from streams.demo.scene import Scene
from streams.demo.traffic import SPAN, START
from streams.intake.collector import read_files
from streams.replay.run import Replay

PEOPLE = 1_500
"""Fewer ordinary accounts a partition, and the tails that evidence is measured against say nothing yet (cold start)."""
PEOPLES_REQUESTS = 9_000


@dataclass(frozen=True)
class Outcome:
    """Who is in which case, by persona."""

    extraction: set[str]
    """Personas with an account in an open extraction case."""
    found: float
    """Share of the campaign's accounts that are in one."""
    routing: set[str]
    """Personas with an account behind a router, or an account, alerted as routing."""


def played(folder: Path, cast_of: Callable[[Scene], object]) -> Outcome:
    """Draw people and one cast, replay them, and say who was alerted."""
    scene = Scene(Log(np.random.default_rng(12)), START, SPAN)
    cast_of(scene)
    cast.ordinary_people(scene, PEOPLE, PEOPLES_REQUESTS)
    log = folder / "events.jsonl"
    log.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in scene.log.lines(len(scene.log))))
    settings = Settings(mode="local", partitions=2, block_events=256)
    replay = Replay(settings.partitions, settings.seal_key.get_secret_value().encode())
    replay.feed(read_files([log], settings))

    roles = {role.account_id: role for role in scene.log.roles}
    alerted = {name for name, row in replay.accounts().items() if row["alerted"]}
    attackers = {name for name, role in roles.items() if role.campaign}
    channels = {alert["entity_id"] for alert in replay.alerts if alert["behaviour"] == "routing"}
    behind = {f"router:{name}|" for name in channels}
    members = [key for stage in replay.pipeline.groups for key in stage.members.keys if any(key.startswith(name) for name in behind)]
    routed = {key.partition("|")[2] for key in members} | (channels & roles.keys())
    return Outcome(
        extraction={roles[name].persona for name in alerted},
        found=len(alerted & attackers) / max(1, len(attackers)),
        routing={roles[name].persona for name in routed},
    )


def loud(scene: Scene) -> None:
    campaigns.loud_harvest(scene, 3, 2_400)


def harness_and_batch(scene: Scene) -> None:
    cast.evaluation_harness(scene, 500)
    cast.batch_job(scene, 500)


def hydra(scene: Scene) -> None:
    campaigns.hydra(scene, 40, 12.0)


def coding_tool(scene: Scene) -> None:
    cast.coding_tool(scene, 40, 960)


def reseller(scene: Scene) -> None:
    cast.grey_reseller(scene, 12, 250, 1_200)


def gateway(scene: Scene) -> None:
    cast.enterprise_gateway(scene, 40, 1_200)


def test_a_loud_campaign_is_alerted_and_nobody_else(tmp_path: Path) -> None:
    seen = played(tmp_path, loud)
    assert (seen.extraction, seen.found) == ({"harvester"}, 1.0)


def test_an_evaluation_harness_and_a_batch_job_are_no_loud_campaign(tmp_path: Path) -> None:
    seen = played(tmp_path, harness_and_batch)
    assert seen.extraction == set()


def test_a_hydra_of_light_accounts_is_alerted_and_nobody_else(tmp_path: Path) -> None:
    seen = played(tmp_path, hydra)
    assert seen.extraction == {"hydra member"}
    assert seen.found >= 0.8


def test_a_coding_tool_of_as_many_accounts_is_no_hydra(tmp_path: Path) -> None:
    seen = played(tmp_path, coding_tool)
    assert seen == Outcome(extraction=set(), found=0.0, routing=set())


def test_a_grey_reseller_is_a_channel_and_its_customers_are_no_distillers(tmp_path: Path) -> None:
    seen = played(tmp_path, reseller)
    assert seen.extraction == set()
    assert any("reseller" in persona or "pool" in persona for persona in seen.routing), seen.routing


def test_an_enterprise_gateway_is_no_reseller(tmp_path: Path) -> None:
    seen = played(tmp_path, gateway)
    assert seen == Outcome(extraction=set(), found=0.0, routing=set())
