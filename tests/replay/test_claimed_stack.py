"""A relay that borrows the name of a known client is unlike it; an upgrade on its first day and a company's proxy are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import isnan, log
from statistics import median

import pytest

from models.durations import DAY
from streams.demo import cast
from streams.demo.scene import Scene
from streams.demo.traffic import START
from streams.replay.run import Replay
from streams.schema.event import Event

pytestmark = pytest.mark.slow

Play = Callable[..., Replay]

USERS, POOL = 160, 12
"""Users of the command line tool, and the pooled accounts behind a relay that claims to be it."""
SPAN = 2 * DAY
RELEASE = START + 1.5 * DAY


def world(scene: Scene) -> None:
    cast.ordinary_people(scene, 600, 3_600)
    cast.coding_tool(scene, USERS, 2_400)


def newest(run: Replay, feature: str) -> dict[str, float]:
    """What each account's newest score row says of a feature, where it is known."""
    found: dict[str, float] = {}
    for block in run.scores:
        if feature not in block.names("features"):
            continue  # scores of groups
        place = block.names("features").index(feature)
        found |= dict(zip(map(str, block.texts("entity_id")), block.vectors("features")[:, place].tolist(), strict=True))
    return {account: value for account, value in found.items() if not isnan(value)}


def by_persona(scene: Scene, run: Replay) -> dict[str, list[float]]:
    roles = {role.account_id: role.persona for role in scene.log.roles}
    found: dict[str, list[float]] = defaultdict(list)
    for account, value in newest(run, "stack_mismatch").items():
        found[roles[account]].append(value)
    return found


def users_of_the_tool(scene: Scene) -> list[str]:
    return [role.account_id for role in scene.log.roles if role.persona == "coding tool"]


def test_a_relay_that_claims_to_be_the_tool_is_unlike_it_and_stands_out_from_every_user(
    scene: Callable[[float], Scene], replay_of: Play
) -> None:
    drawn = scene(SPAN)
    world(drawn)
    cast.grey_reseller(drawn, POOL, 250, 1_200)
    seen = by_persona(drawn, replay_of(drawn))
    # one in 14 that claim to be the tool in the end; more while its users were still coming
    assert log(4) < median(seen["grey reseller"]) < log((USERS + POOL) / POOL)
    assert median(seen["coding tool"]) < 0.2
    assert median(seen["ordinary"]) == 0.0
    assert min(seen["grey reseller"]) > max(seen["coding tool"])


def test_the_first_users_of_a_release_and_a_company_behind_its_proxy_do_not_stand_out(
    scene: Callable[[float], Scene], replay_of: Play
) -> None:
    drawn = scene(SPAN)
    world(drawn)
    users = users_of_the_tool(drawn)
    early, company = set(users[: USERS // 3]), set(users[-40:])

    def change(event: Event) -> Event:
        names = event["http.request.header_names"]
        if event["account.id"] in early and event["timestamp"] > RELEASE:
            return event | {"http.request.header_names": ["x-client-build", *names], "sdk.version": "1.9.0"}
        if event["account.id"] in company:
            through = {"http.request.header_names": ["Via", *names, "X-Forwarded-For"], "network.protocol.version": "2"}
            return event | through | {"tls.client.ja4": "t13d1714h2_0_0", "organization.id": "org-1", "payment.hash": "card-1"}
        return event

    seen = newest(replay_of(drawn, change), "stack_mismatch")
    assert len(seen.keys() & early) > len(early) / 2
    assert len(seen.keys() & company) > len(company) / 2
    assert max(seen[account] for account in seen.keys() & (early | company)) < 0.2
