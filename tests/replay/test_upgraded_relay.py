"""A relay that is upgraded keeps its router id, and its case; when a third of a popular library's users upgrade, nothing is renamed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.durations import DAY
from streams.demo import campaigns, cast, stacks
from streams.demo.scene import Scene
from streams.demo.traffic import START
from streams.replay.run import Replay
from streams.schema.event import Event

pytestmark = pytest.mark.slow

Play = Callable[..., Replay]

MEMBERS, A_DAY = 40, 12.0
UPGRADE = START + 2 * DAY
"""The beginning of day 3 of 4."""


def upgraded(event: Event) -> Event:
    """The same client with its headers in another order and another way to write bodies; all else stays."""
    names = list(reversed(event["http.request.header_names"]))
    return event | {"http.request.header_names": names, "http.request.body.shape": f"2-{event['http.request.body.shape']}"}


def members_by_router(run: Replay, accounts: set[str]) -> dict[str, int]:
    """How many of these accounts each router has ever had."""
    found: dict[str, int] = {}
    for stage in run.pipeline.groups:
        for key in stage.members.keys:
            group, _, account = key.partition("|")
            if group.startswith("router:") and account in accounts:
                found[group] = found.get(group, 0) + 1
    return found


def aliases(run: Replay) -> int:
    return sum(len(stage.links.aliases.table) for stage in run.pipeline.accounts)


def test_an_upgraded_hydra_stays_one_router_and_one_case_and_a_third_of_a_librarys_users_who_upgrade_rename_nothing(
    scene: Callable[[float], Scene], replay_of: Play
) -> None:
    drawn = scene(4 * DAY)
    requests = campaigns.hydra(drawn, MEMBERS, A_DAY)
    hydra = {role.account_id for role in drawn.log.roles}
    cast.ordinary_people(drawn, 1_000, 9_000)
    agent = stacks.OPENAI_PYTHON.agent.partition(" ")[0]
    third = {role.account_id for role in drawn.log.roles[::3]} - hydra

    def change(event: Event) -> Event:
        theirs = event["user_agent.original"].startswith(agent) and event["account.id"] in third
        return upgraded(event) if (theirs or event["account.id"] in hydra) and event["timestamp"] >= UPGRADE else event

    run = replay_of(drawn, change)
    (router,) = members_by_router(run, hydra)
    row = run.routers()[router.partition(":")[2]]
    assert row.accounts == MEMBERS
    assert row.requests == pytest.approx(requests, rel=0.05), "its requests of days 3 and 4 count as its own"
    assert aliases(run) == len(run.pipeline.accounts), "every partition of accounts knows one other name: the hydra's, not the library's"
    assert {alert.entity_id for alert in run.alerts if alert.entity_kind == "router"} == {router.partition(":")[2]}
    cases = [
        case
        for case in run.pipeline.cases.cases.values()
        if hydra & case.members.keys() and any(link.entity.startswith("extraction:router:") for link in case.links)
    ]
    assert len(cases) == 1
