"""However the blocks of groups are gathered, and wherever a worker falls over, their members count the same."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import orjson
import pytest

from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.schema import topics
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.stage import Groups

KEY = b"a key of this test"
START = 1_790_000_000.0
COUNTED = (
    "total",
    "work_items",
    "harvest_items",
    "output_tokens",
    "first",
    "last",
    "newest_counted_offset",
    "window",
    "in_window",
)


@cache
def rows_of_groups() -> list[bytes]:
    """Twelve blocks of `groups`: ten accounts on one card."""
    accounts, sent = Accounts(0, 1, KEY), list[bytes]()
    collector = Collector(Settings(mode="local", partitions=1))
    for turn in range(12):
        at = START + 300.0 * turn
        lines = [
            orjson.dumps(
                {"timestamp": at + number, "event.id": f"{turn}-{number}", "account.id": f"account-{number}", "payment.hash": "one card"}
            )
            for number in range(10)
        ]
        collector.add(lines, "test", at + 60)
        for block in collector.flush():
            sent += [message.value for message in accounts.apply(block.data, turn) if message.topic == topics.GROUPS]
    return sent


def counts(stage: Groups) -> dict[str, dict[str, float]]:
    """What each member counts."""
    slots = stage.members.slots.tolist()
    return {stage.members.keys[slot]: {name: float(stage.members[name][slot]) for name in COUNTED} for slot in slots}


def apply_in_parts(stage: Groups, begin: int, rng: random.Random) -> None:
    rows = rows_of_groups()
    while begin < len(rows):
        end = begin + rng.randint(1, 5)
        stage.apply_blocks([(stage.read(value), offset) for offset, value in enumerate(rows[begin:end], begin)])
        begin = end


@pytest.mark.parametrize("seed", range(5))
def test_members_count_the_same_however_blocks_are_gathered(seed: int) -> None:
    one_by_one, gathered = Groups(0, 1, KEY), Groups(0, 1, KEY)
    for offset, value in enumerate(rows_of_groups()):
        one_by_one.apply(value, offset)
    apply_in_parts(gathered, 0, random.Random(seed))
    assert counts(gathered) == counts(one_by_one)
    assert gathered.counters()["group_ticks"] <= one_by_one.counters()["group_ticks"]
    assert np.array_equal(gathered.table["requests"], one_by_one.table["requests"])


@pytest.mark.parametrize("seed", range(5))
def test_members_count_the_same_when_blocks_are_gathered_otherwise_after_a_crash(seed: int) -> None:
    rng = random.Random(seed)
    whole, before, after = Groups(0, 1, KEY), Groups(0, 1, KEY), Groups(0, 1, KEY)
    apply_in_parts(whole, 0, rng)
    apply_in_parts(before, 0, rng)
    after.load([(chunk, before.dump(chunk)) for chunk in list(before.dirty())])
    apply_in_parts(after, rng.randint(0, 8), rng)
    assert counts(after) == counts(whole)
