from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from streams.demo.traffic import SPAN_SECONDS, START, demo_traffic
from streams.schema.event import Event

SMALL = {"accounts": 900, "events": 20_000}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return [json.loads(line) for line in demo_traffic(seed=3, **SMALL).lines()]


@pytest.fixture(scope="module")
def campaigns() -> dict[str, str | None]:
    return {account: role.campaign for account, role in demo_traffic(seed=3, **SMALL).truth.items()}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (b"".join(demo_traffic(seed=seed, **SMALL).lines()) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_there_are_as_many_events_as_asked_in_time_order_within_two_days(events: list[Event]) -> None:
    times = [event["timestamp"] for event in events]
    assert len(events) == 20_000
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0] >= START
    assert times[-1] <= START + SPAN_SECONDS


def test_every_event_has_its_own_id_and_an_account_of_the_truth(events: list[Event], campaigns: dict[str, str | None]) -> None:
    assert len({event["event.id"] for event in events}) == len(events)
    assert {event["account.id"] for event in events} == set(campaigns)
    assert len(campaigns) == 900


def test_no_event_says_what_its_account_is(events: list[Event]) -> None:
    told = {role.persona for role in demo_traffic(seed=3, **SMALL).truth.values()} | {"hydra", "loud harvest"}
    for event in events:
        labels = json.dumps({key: value for key, value in event.items() if key != "prompt"})
        assert not [word for word in told - {"ordinary", "coding tool", "batch job"} if word in labels]


def test_a_hydra_member_asks_for_about_25_requests_a_day_at_full_size() -> None:
    traffic = demo_traffic()
    asked = Counter(json.loads(line)["account.id"] for line in traffic.lines())
    members = [account for account, role in traffic.truth.items() if role.campaign == "hydra"]
    assert len(members) == 200
    assert sum(asked[account] for account in members) == 200 * 25 * 2
    assert max(asked[account] for account in members) < 150


def test_the_hydra_shares_cards_over_organisations_and_ordinary_people_do_not(
    events: list[Event], campaigns: dict[str, str | None]
) -> None:
    organizations: dict[tuple[str | None, str], set[str]] = defaultdict(set)
    for event in events:
        organizations[campaigns[event["account.id"]], event["payment.hash"]].add(event["organization.id"])
    assert min(len(found) for (campaign, _), found in organizations.items() if campaign == "hydra") >= 2
    assert {len(found) for (campaign, _), found in organizations.items() if campaign is None} == {1}


def test_every_account_is_older_than_its_first_request(events: list[Event]) -> None:
    assert all(event["account.created"] < "2026-11-02T00:00:00" for event in events)


def test_ordinary_people_share_few_long_strings() -> None:
    traffic = demo_traffic(seed=3, **SMALL)
    ordinary = {account for account, role in traffic.truth.items() if role.persona == "ordinary"}
    users: dict[str, set[str]] = defaultdict(set)
    for event in map(json.loads, traffic.lines()):
        if event["account.id"] in ordinary and event["message_count"] == 1:
            prompt = event["prompt"]
            for start in range(len(prompt) - 24):
                users[prompt[start : start + 24]].add(event["account.id"])
    crowded = [text for text, people in users.items() if len(people) > len(ordinary) / 20]
    assert crowded == []


def test_too_small_a_cast_is_refused() -> None:
    with pytest.raises(ValueError, match="600 accounts"):
        demo_traffic(accounts=10)
