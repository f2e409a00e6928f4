"""The fuzzy checkpoint: what is written when, what may be acknowledged, and that a crash at any point loses and doubles nothing."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.errors import BlockLayoutError
from streams.testing.counting import CountingStage
from streams.worker.checkpoint import Checkpointer


def test_nothing_is_acknowledged_while_the_chunk_that_a_block_changed_is_unwritten() -> None:
    checkpoint = Checkpointer(60.0)
    checkpoint.applied(10)
    assert checkpoint.acknowledge({"a": 10}) == []


def test_a_written_chunk_frees_the_offsets_of_its_blocks() -> None:
    checkpoint = Checkpointer(60.0)
    for offset in (10, 11):
        checkpoint.applied(offset)
    checkpoint.began({"a": 10}, ["a"])
    assert checkpoint.acknowledge({}) == []
    checkpoint.finished(["a"])
    assert checkpoint.acknowledge({}) == [10, 11]


def test_a_chunk_changed_again_while_it_is_written_holds_back_only_the_later_block() -> None:
    checkpoint = Checkpointer(60.0)
    checkpoint.applied(10)
    checkpoint.began({"a": 10}, ["a"])
    checkpoint.applied(11)
    checkpoint.finished(["a"])
    assert checkpoint.acknowledge({"a": 11}) == [10]


def test_a_block_that_changed_nothing_is_acknowledged_once_its_messages_are_confirmed() -> None:
    checkpoint = Checkpointer(60.0)
    checkpoint.applied(10)
    assert checkpoint.acknowledge({}, sent_below=10) == []
    assert checkpoint.acknowledge({}) == [10]


def test_offsets_may_have_gaps() -> None:
    checkpoint = Checkpointer(60.0)
    for offset in (3, 7, 20):
        checkpoint.applied(offset)
    assert checkpoint.acknowledge({"a": 20}) == [3, 7]


def test_chunks_changed_together_are_spread_over_the_interval() -> None:
    checkpoint = Checkpointer(10.0)
    dirty = {f"{chunk:02}": 0 for chunk in range(20)}
    written = []
    for second in range(11):
        chunks = checkpoint.due(dirty, now=float(second))
        written.append(len(chunks))
        for chunk in chunks:
            del dirty[chunk]
    assert not dirty
    assert max(written) <= 3


def test_the_chunk_that_waits_longest_goes_first() -> None:
    checkpoint = Checkpointer(2.0)
    dirty = {"late": 9, "early": 1}
    checkpoint.due(dirty, now=0.0)
    assert checkpoint.due(dirty, now=1.9) == ["early"]


def test_a_stalled_worker_catches_up_in_steps_never_all_at_once() -> None:
    checkpoint = Checkpointer(1.0)
    dirty = {f"{chunk:02}": 0 for chunk in range(40)}
    checkpoint.due(dirty, now=0.0)
    assert len(checkpoint.due(dirty, now=500.0)) == 10


def test_the_age_is_that_of_the_longest_waiting_chunk_and_zero_when_none_waits() -> None:
    checkpoint = Checkpointer(60.0)
    assert checkpoint.age(100.0) == 0.0
    checkpoint.due({"a": 1}, 100.0)
    checkpoint.due({"a": 1, "b": 2}, 104.0)
    assert checkpoint.age(107.0) == 7.0


def test_an_offset_beyond_the_first_unwritten_change_waits_too() -> None:
    checkpoint = Checkpointer(60.0)
    for offset in (10, 20, 30):
        checkpoint.applied(offset)
    assert checkpoint.acknowledge({"a": 15}) == [10]


def test_a_shutdown_writes_everything_oldest_first() -> None:
    assert Checkpointer(60.0).everything({"b": 5, "a": 7, "c": 5}) == ["b", "c", "a"]


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0.05, 1.0)), min_size=1, max_size=60))
def test_every_changed_chunk_is_written_within_its_time_and_a_little(steps: list[tuple[int, float]]) -> None:
    """A chunk dirties at each step; the checkpointer is asked every second at the latest, for 8 seconds after the last change."""
    checkpoint, dirty, since = Checkpointer(4.0), dict[str, int](), dict[str, float]()
    now, worst = 0.0, 0.0
    quiet: list[tuple[int | None, float]] = [(None, 0.5)] * 16
    for offset, (number, step) in enumerate([*steps, *quiet]):
        now += step
        if number is not None:
            dirty.setdefault(str(number), offset)
        for chunk in dirty:
            since.setdefault(chunk, now)
        for chunk in checkpoint.due(dirty, now):
            worst = max(worst, now - since.pop(chunk))
            del dirty[chunk]
    assert not dirty
    assert worst <= 4.0 + 2.5


class Broker:
    """What survives a crash: the input log, the chunks, the committed offset, the confirmed messages."""

    def __init__(self, blocks: list[list[str]]) -> None:
        self.blocks = [json.dumps(block).encode() for block in blocks]
        self.chunks: dict[str, bytes] = {}
        self.committed = 0
        self.passed: Counter[tuple[int, str]] = Counter()


def life(broker: Broker, actions: list[int]) -> None:
    """Run one worker from what survived until its actions are used up; then it crashes, wherever it stands."""
    stage, checkpoint = CountingStage(chunks=3, topic="out"), Checkpointer(1.0)
    stage.load(broker.chunks.items())
    position, now = broker.committed, 0.0
    taken: list[tuple[str, bytes]] = []
    for action in actions:
        now += 0.3
        if action <= 2 and position < len(broker.blocks):  # apply a block, its messages confirmed at once
            for message in stage.apply(broker.blocks[position], position):
                broker.passed.update((position, key) for key in json.loads(message.value))
            checkpoint.applied(position)
            position += 1
        elif action == 3 and not taken:  # take the bytes of what is due
            due = checkpoint.due(stage.dirty(), now)
            checkpoint.began(stage.dirty(), due)
            taken = [(chunk, stage.dump(chunk)) for chunk in due]
        elif action == 4 and taken:  # one chunk of those taken becomes durable
            chunk, data = taken.pop(0)
            broker.chunks[chunk] = data
            checkpoint.finished([chunk])
        elif action == 5:
            free = checkpoint.acknowledge(stage.dirty())
            broker.committed = free[-1] + 1 if free else broker.committed


@settings(max_examples=300, deadline=None)
@given(
    blocks=st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=4), min_size=1, max_size=12),
    lives=st.lists(st.lists(st.integers(0, 5), max_size=30), max_size=5),
)
def test_a_crash_at_any_point_counts_every_event_exactly_once(blocks: list[list[str]], lives: list[list[int]]) -> None:
    broker = Broker(blocks)
    for actions in lives:
        life(broker, actions)
        assert broker.committed <= len(blocks)
    stage = CountingStage(chunks=3)
    stage.load(broker.chunks.items())
    for offset in range(broker.committed, len(blocks)):
        stage.apply(broker.blocks[offset], offset)
    assert stage.counts() == Counter(key for block in blocks for key in block)


@settings(max_examples=100, deadline=None)
@given(
    blocks=st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=4), min_size=1, max_size=12),
    lives=st.lists(st.lists(st.integers(0, 5), max_size=30), min_size=1, max_size=5),
)
def test_no_message_of_an_acknowledged_block_is_missing_after_any_crash(blocks: list[list[str]], lives: list[list[int]]) -> None:
    broker = Broker(blocks)
    for actions in lives:
        life(broker, actions)
    expected = {(offset, key) for offset in range(broker.committed) for key in blocks[offset]}
    assert expected <= set(broker.passed)


def test_an_unreadable_block_changes_nothing_and_is_acknowledged() -> None:
    stage, checkpoint = CountingStage(chunks=3), Checkpointer(1.0)
    with pytest.raises(BlockLayoutError):
        stage.apply(b"{", 0)
    checkpoint.applied(0)
    assert checkpoint.acknowledge(stage.dirty()) == [0]
