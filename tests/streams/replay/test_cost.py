"""What the pipeline costs, in counts that are the same in every run: messages, bytes, and calls of Python functions. No clock."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest
from sample import SPAN, Sample
from sample import START as NOON
from scaling import KEY as SCALING_KEY
from scaling import PARTITIONS, ROWS_OF_A_TICK, filled, rows_of

from streams.core.settings import Settings
from streams.intake.collector import Collector, OutgoingBlock
from streams.replay.in_process import Pipeline
from streams.schema.blocks import decode
from streams.schema.layouts import REQUESTS
from streams.stages.groups.stage import Groups
from streams.stages.stage import Message

START = 1_790_000_000.0
ACCOUNTS, MINUTES = 24, 60
KEY = b"a key of this test"

MOST_MESSAGES_AN_EVENT = 0.032
MOST_BYTES_AN_EVENT = 129
MOST_CALLS_AN_EVENT = 75
"""A quarter above what was counted when these were set: lower them when the pipeline gets cheaper."""
MOST_CALLS_TO_READ_A_BLOCK = 355
"""Of requests, of a few events: they were 1,736 before small blocks were folded."""
MOST_TIMES_OF_ONE_PARTITION = 14
"""Calls with 16 partitions, as a multiple of those with one: 24 accounts fill blocks of fifteen events, not of 240."""

MOST_TIMES_BY_SIZE = 1.1
"""Calls where more accounts are known, or a group has more members, as a multiple of those with few: loops are NumPy's, not Python's."""


def a_pool(partitions: int) -> list[OutgoingBlock]:
    """The blocks of an hour: 24 accounts on one card and one router ask every other minute, a block a partition for ten minutes."""
    collector = Collector(Settings(mode="local", partitions=partitions))
    outgoing: list[OutgoingBlock] = []
    for minute in range(0, MINUTES, 10):
        lines = [
            orjson.dumps(
                {
                    "timestamp": START + 60 * (minute + turn) + account,
                    "event.id": f"{minute}-{turn}-{account}",
                    "account.id": f"account-{account}",
                    "payment.hash": "one card",
                    "http.request.header_names": ["accept", "x-pool"],
                    "gen_ai.usage.input_tokens": 300,
                    "gen_ai.usage.output_tokens": 900,
                    "prompt": f"Solve problem {account * 100 + turn} step by step and show your reasoning.",
                }
            )
            for turn in range(0, 10, 2)
            for account in range(ACCOUNTS)
        ]
        step = collector.add(lines, "test", START + 60 * (minute + 10))
        outgoing += [*step.outgoing, *collector.flush()]
    return outgoing


def calls_of(work: Callable[[], Any]) -> int:
    """The calls of functions, built-in ones too, that some work makes."""
    profile = cProfile.Profile()
    profile.runcall(work)
    stats: Any = profile.getstats()
    return int(sum(entry.callcount for entry in stats))


def carried(outgoing: list[OutgoingBlock], partitions: int) -> tuple[int, list[Message]]:
    """Calls, and what left the stages."""
    sent: list[Message] = []
    pipeline = Pipeline(partitions, KEY, sent.append)

    def work() -> None:
        for block in outgoing:
            pipeline.feed_round(block.partition, block.data)
        pipeline.drain()

    return calls_of(work), sent[len(outgoing) :]


@pytest.fixture(scope="module")
def one_partition() -> tuple[int, int, list[Message]]:
    """Events, calls and messages with one partition; what is computed once in a process was computed before."""
    outgoing = a_pool(1)
    carried(outgoing, 1)
    return (sum(block.events for block in outgoing), *carried(outgoing, 1))


def test_messages_and_bytes_an_event_stay_within_their_bounds(one_partition: tuple[int, int, list[Message]]) -> None:
    events, _, sent = one_partition
    assert events == ACCOUNTS * MINUTES // 2
    assert len(sent) / events < MOST_MESSAGES_AN_EVENT
    assert sum(len(message.value) for message in sent) / events < MOST_BYTES_AN_EVENT


def test_calls_an_event_stay_within_their_bound(one_partition: tuple[int, int, list[Message]]) -> None:
    events, calls, _ = one_partition
    assert calls / events < MOST_CALLS_AN_EVENT


def test_blocks_of_a_few_events_cost_no_more_calls_than_they_did(one_partition: tuple[int, int, list[Message]]) -> None:
    calls, _ = carried(a_pool(16), 16)
    assert calls / one_partition[1] < MOST_TIMES_OF_ONE_PARTITION


def test_a_block_of_a_few_events_is_read_in_as_many_calls_whether_it_has_one_or_sixty() -> None:
    one, sixty = (Sample.draw(events).blocks(1, events)[0][2] for events in (1, 60))
    decode(one, REQUESTS)  # what is computed once in a process
    assert calls_of(lambda: decode(one, REQUESTS)) == calls_of(lambda: decode(sixty, REQUESTS)) < MOST_CALLS_TO_READ_A_BLOCK


def calls_of_a_tick(members: int) -> int:
    """Calls in which a group of so many accounts counts rows of 64 of them and is scored."""
    groups, accounts = Groups(0, 1, SCALING_KEY), [f"account-{number}" for number in range(members)]
    groups.apply(rows_of(accounts, NOON, 0), 0)
    groups.table["tick_requests"][:], groups.table["tick_time"][:] = 0.0, -np.inf  # it is due
    block, before = rows_of(accounts[:ROWS_OF_A_TICK], NOON + SPAN, 1), groups.counters()["group_ticks"]
    calls = calls_of(lambda: groups.apply(block, 1))
    assert groups.counters()["group_ticks"] == before + 1
    return calls


@pytest.mark.parametrize(("few", "many"), [(50, 399), (400, 4_000), (5_000, 15_000)])
def test_a_tick_of_many_times_the_members_makes_no_more_calls(few: int, many: int) -> None:
    """From 400 members on a call a tree judges all of them, from 4,097 on a sample is read."""
    calls_of_a_tick(few)  # what is computed once in a process
    assert calls_of_a_tick(many) <= calls_of_a_tick(few) * MOST_TIMES_BY_SIZE


def calls_of_later_events(accounts: int) -> int:
    """Calls in which 1,024 events of random accounts are counted and scored, where so many are known."""
    stages, later = filled(accounts), Sample.draw(1_024, accounts=accounts, seed=5)
    later.columns["time"] += SPAN
    cut = later.blocks(PARTITIONS, 256)

    def work() -> None:
        for offset, (partition, _, data) in enumerate(cut, 1_000):
            stages[partition].apply(data, offset)

    return calls_of(work)


def test_events_make_no_more_calls_where_three_times_the_accounts_are_known() -> None:
    calls_of_later_events(2_000)
    assert calls_of_later_events(6_000) <= calls_of_later_events(2_000) * MOST_TIMES_BY_SIZE
