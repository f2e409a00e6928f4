"""Mutation of event times: what cannot have happened when it says so moves no state, and makes no row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from streams.core.errors import BlockLayoutError
from streams.schema import layouts, topics
from streams.schema.believable_times import MAX_AGE_SECONDS, MAX_LEAD_SECONDS
from streams.stages.accounts.stage import Accounts
from streams.stages.stage import Message
from streams.testing.feature_trial import block_of

NOW = 1_790_000_000.0
FORGED: dict[str, float] = {
    "a minute beyond a day ahead": NOW + MAX_LEAD_SECONDS + 60.0,
    "a year ahead": NOW + 365 * 86_400.0,
    "the last second that a layout allows": 4_102_444_799.0,
    "three years and a day behind": NOW - MAX_AGE_SECONDS - 86_400.0,
    "1970": 0.0,
}
ABSURD = {"never": np.nan, "infinite": np.inf, "before time": -1.0, "1e18": 1e18}


def block(*times: float, account: str = "ada") -> bytes:
    rows = {"account_id": account, "event_id": [f"{account} {place} {time}" for place, time in enumerate(times)], "time": list(times)}
    return layouts.REQUESTS.encode(dict(zip(layouts.REQUESTS.columns, block_of(rows).batch.columns, strict=True)))


def stage() -> Accounts:
    accounts = Accounts(0, 4, b"a key of this test", {}, shingle_cells=1 << 10)
    accounts.apply_arrived(block(NOW - 10, NOW - 5), 0, NOW)
    return accounts


def state(accounts: Accounts) -> tuple[float, dict[str, bytes]]:
    return accounts.state.newest, {chunk: accounts.dump(chunk) for chunk in sorted(accounts.dirty())}


def letters(messages: list[Message]) -> list[dict[str, str]]:
    return [{name: value.decode() for name, value in each.headers} for each in messages if each.topic == topics.DEAD_LETTERS]


@pytest.mark.parametrize("time", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("account", ["ada", "a new one"])
def test_a_forged_time_moves_no_state_and_is_a_dead_letter_with_its_reason(time: float, account: str) -> None:
    accounts = stage()
    state(accounts)
    messages = accounts.apply_arrived(block(time, account=account), 1, NOW)
    assert [message.topic for message in messages] == [topics.DEAD_LETTERS]
    assert letters(messages)[0] | {"reason": "time_skew", "source": "requests", "position": "0/1"} == letters(messages)[0]
    assert state(accounts) == (NOW - 5, {})
    assert account == "ada" or account not in accounts.table


@pytest.mark.parametrize("time", FORGED.values(), ids=FORGED)
def test_the_rest_of_its_block_counts(time: float) -> None:
    accounts, other = stage(), stage()
    accounts.apply_arrived(block(NOW, time), 1, NOW)
    other.apply_arrived(block(NOW), 1, NOW)
    assert state(accounts) == state(other)
    assert accounts.counters()["unbelievable"] == 1.0


@pytest.mark.parametrize("time", ABSURD.values(), ids=ABSURD)
def test_a_time_that_no_clock_shows_refuses_the_block(time: float) -> None:
    accounts = stage()
    state(accounts)
    with pytest.raises(BlockLayoutError):
        accounts.apply_arrived(block(NOW, time), 1, NOW)
    assert state(accounts) == (NOW - 5, {})


@pytest.mark.parametrize("change", [lambda time: time, lambda time: time + MAX_LEAD_SECONDS, lambda time: time - MAX_AGE_SECONDS])
def test_what_collect_may_accept_counts(change: Callable[[float], float]) -> None:
    accounts = stage()
    assert letters(accounts.apply_arrived(block(change(NOW)), 1, NOW)) == []
    assert accounts.table["requests"][accounts.table.find("ada")] == 3.0


def test_a_replay_has_no_arrival_and_believes_its_files() -> None:
    accounts = stage()
    accounts.apply(block(NOW + 365 * 86_400.0), 1)
    assert accounts.table["requests"][accounts.table.find("ada")] == 3.0
