"""How far a consumer group has read: what waits are records, and an offset that holds none is nothing that waits.

The end of a transaction is the last offset of a partition until something is written behind it, and retention may remove what was never
read. No reader acknowledges either; a difference of offsets would stay above zero for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Final

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from streams.core.errors import BrokerUnavailableError
from streams.core.settings import Settings
from streams.kafka.log_range import MAX_FRUITLESS_POLLS, POLL_MS, open_consumer
from streams.schema import topics

PROBE_BYTES: Final = 64 * 1024
"""Of one fetch: only whether a record is there is asked. Kafka sends a larger batch whole."""


def passed(settings: Settings, group: str, offsets: Mapping[TopicPartition, int]) -> bool:
    """Return whether `group` has acknowledged every record before these offsets. Raises BrokerUnavailableError."""
    with topics.administration(settings) as admin:
        committed = admin.list_group_offsets({group: None})[group]
        begins = admin.list_partition_offsets(dict.fromkeys(offsets, OffsetSpec.EARLIEST)) if offsets else {}
    starts = {tp: max(committed[tp].offset if tp in committed else 0, begins[tp].offset) for tp in offsets}
    return not waiting(settings, {tp: (starts[tp], end) for tp, end in offsets.items()})


def lag(settings: Settings, group: str) -> dict[str, dict[int, int]]:
    """Return how many records each partition holds that `group` has not yet acknowledged, by topic.

    Only partitions with an acknowledged offset are listed. Raises BrokerUnavailableError.
    """
    with topics.administration(settings) as admin:
        committed = admin.list_group_offsets({group: None})[group]
        ends = admin.list_partition_offsets(dict.fromkeys(committed, OffsetSpec.LATEST)) if committed else {}
        begins = admin.list_partition_offsets(dict.fromkeys(committed, OffsetSpec.EARLIEST)) if committed else {}
    ranges = {tp: (max(done.offset, begins[tp].offset), ends[tp].offset) for tp, done in committed.items()}
    records = waiting(settings, ranges)
    behind: dict[str, dict[int, int]] = {}
    for tp in ranges:
        behind.setdefault(tp.topic, {})[tp.partition] = records.get(tp, 0)
    return behind


def waiting(settings: Settings, ranges: Mapping[TopicPartition, tuple[int, int]]) -> dict[TopicPartition, int]:
    """Return how many records each range holds, from its first offset to before its end; a range without records is left out.

    Counted is from the first record on: only what stands before it is sure to be no record. Raises BrokerUnavailableError.
    """
    return {tp: ranges[tp][1] - first for tp, first in _first_records(settings, ranges).items()}


def _first_records(settings: Settings, ranges: Mapping[TopicPartition, tuple[int, int]]) -> dict[TopicPartition, int]:
    open_ranges = {tp: bounds for tp, bounds in ranges.items() if bounds[0] < bounds[1]}
    firsts: dict[TopicPartition, int] = {}
    if not open_ranges:
        return firsts
    with topics.answering(settings), closing(open_consumer(settings, fetch_bytes=PROBE_BYTES)) as consumer:
        consumer.assign([*open_ranges])
        for tp, (first, _) in open_ranges.items():
            consumer.seek(tp, first)
        fruitless = 0
        while open_ranges:
            records = consumer.poll(timeout_ms=POLL_MS, max_records=1)
            firsts |= {tp: got[0].offset for tp, got in records.items() if tp in open_ranges and got[0].offset < open_ranges[tp][1]}
            open_ranges = {tp: bounds for tp, bounds in open_ranges.items() if tp not in firsts and consumer.position(tp) < bounds[1]}
            consumer.pause(*(tp for tp in consumer.assignment() if tp not in open_ranges))
            fruitless = 0 if records else fruitless + 1
            if fruitless > MAX_FRUITLESS_POLLS:
                raise BrokerUnavailableError(
                    f"Kafka at {settings.kafka} does not give {', '.join(f'{tp.topic}/{tp.partition}' for tp in open_ranges)}"
                )
    return firsts
