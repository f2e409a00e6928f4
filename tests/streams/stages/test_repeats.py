"""Which rows of a block repeat an earlier one."""

from __future__ import annotations

from streams.schema.blocks import Block, decode, encode
from streams.schema.layouts import REQUESTS, decode_keys
from streams.stages.repeats import RecentEvents
from streams.testing.feature_trial import block_of


def a_block(*events: tuple[str, str, float]) -> Block:
    """Return a block of (account, id, time)."""
    accounts, ids, times = zip(*events, strict=True)
    return block_of({"account_id": list(accounts), "event_id": list(ids), "time": list(times)})


E1, E2, E3 = ("a", "1", 10.0), ("a", "2", 11.0), ("b", "1", 10.0)


def repeated(recent: RecentEvents, offset: int, *events: tuple[str, str, float]) -> list[bool]:
    return [bool(row) for row in recent.repeated(a_block(*events), offset)]


def test_the_same_account_id_and_time_again_is_a_repetition_and_nothing_less_is() -> None:
    recent = RecentEvents()
    assert repeated(recent, 0, E1, E2) == [False, False]
    assert repeated(recent, 1, E3, ("a", "1", 10.5), E1) == [False, False, True]


def test_within_a_block_the_first_counts() -> None:
    assert repeated(RecentEvents(), 0, E1, E2, E1) == [False, False, True]


def test_a_block_that_is_read_again_repeats_nothing() -> None:
    recent = RecentEvents()
    repeated(recent, 5, E1)
    repeated(recent, 6, E1)
    assert repeated(recent, 5, E1) == [False]
    assert repeated(recent, 6, E1) == [True]


def test_it_looks_so_many_blocks_back_and_no_further_wherever_reading_began() -> None:
    long = RecentEvents(max_blocks=3)
    for offset, event in ((0, E1), (1, E2), (2, E2)):
        repeated(long, offset, event)
    short = RecentEvents(max_blocks=3)
    for offset in (1, 2):
        short.recall(encoded(E2), offset)
    assert repeated(long, 4, E1, E2) == repeated(short, 4, E1, E2) == [False, True]


def test_of_more_events_than_there_is_room_for_the_oldest_is_forgotten() -> None:
    recent = RecentEvents(buckets=1)
    events = [("a", str(number), 10.0) for number in range(9)]
    for offset, event in enumerate(events):
        repeated(recent, offset, event)
    assert repeated(recent, 9, *events) == [False, *[True] * 8]


def test_of_a_block_the_keys_alone_are_read_as_of_the_whole() -> None:
    keys, whole = decode_keys(encoded(E1, E3)), decode(encoded(E1, E3), REQUESTS)
    assert [keys.texts(name) for name in ("event_id", "account_id")] == [whole.texts(name) for name in ("event_id", "account_id")]
    assert keys.numbers("time").tolist() == whole.numbers("time").tolist()
    assert len(decode_keys(reordered(E1))) == 1, "a block whose columns stand elsewhere"


def test_what_is_no_block_has_no_events() -> None:
    RecentEvents().recall(b"no block", 0)


def encoded(*events: tuple[str, str, float]) -> bytes:
    block = a_block(*events)
    return REQUESTS.encode({name: block.batch.column(name) for name in REQUESTS.columns})


def reordered(*events: tuple[str, str, float]) -> bytes:
    batch = a_block(*events).batch
    names = [*reversed(batch.schema.names)]
    return encode(batch.select(names).replace_schema_metadata(batch.schema.metadata))
