"""Consumers of kafka-python, and records of a topic read again, from one offset to another, outside of any consumer group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from streams.core.errors import BrokerUnavailableError
from streams.core.settings import Settings
from streams.kafka.record_batches import tolerate_strangers
from streams.schema import topics

POLL_MS: Final = 1_000
MAX_FRUITLESS_POLLS: Final = 30
"""Polls without a record after which a range counts as unreadable: the broker does not answer."""
FETCH_BYTES: Final = 32 * 1024 * 1024


class LogRecord(NamedTuple):
    """One record of a topic."""

    offset: int
    key: bytes | None
    value: bytes | None
    time_ms: int = 0
    """When it was sent, milliseconds since 1970."""
    headers: tuple[tuple[str, bytes | None], ...] = ()


ReadRange = Callable[[str, int, int, int | None], list[LogRecord]]
"""Reads a topic's partition from an offset up to and including another (None: to its end), as far as Kafka still has the records. It
blocks its thread."""


def range_reader(settings: Settings) -> ReadRange:
    """Return a function that reads ranges from the broker of the settings; it raises BrokerUnavailableError."""

    def read(topic: str, partition: int, first: int, last: int | None) -> list[LogRecord]:
        with topics.answering(settings):
            return list(stream(settings, TopicPartition(topic, partition), first, last))

    return read


def tail(settings: Settings, topic: str, records: int) -> list[LogRecord]:
    """Return the newest records of a topic, at most so many of each partition, oldest first. Raises BrokerUnavailableError."""
    with topics.answering(settings):
        with closing(open_consumer(settings)) as consumer:
            tps = [TopicPartition(topic, partition) for partition in sorted(consumer.partitions_for_topic(topic) or ())]
            begins, ends = consumer.beginning_offsets(tps), consumer.end_offsets(tps)
        firsts = {tp: max(begins[tp], ends[tp] - records) for tp in tps}
        newest = [record for tp in tps for record in stream(settings, tp, firsts[tp], ends[tp] - 1)]
    return sorted(newest, key=lambda record: record.time_ms)


def open_consumer(settings: Settings, group: str | None = None, fetch_bytes: int = FETCH_BYTES) -> KafkaConsumer:
    """Return a consumer, for a caller to close, that fetches bounded bytes and reads what strangers wrote.

    Args:
        settings: Where the broker is.
        group: The consumer group whose offsets the caller commits; none: it commits nothing.
        fetch_bytes: What one fetch may bring; a batch that is larger comes whole.

    Raises:
        KafkaError: The broker does not answer; callers are within `topics.answering`.
    """
    tolerate_strangers()
    partition_bytes = min(topics.MAX_RECORD_BYTES, fetch_bytes)
    limits = {"max_partition_fetch_bytes": partition_bytes, "fetch_max_bytes": fetch_bytes, "bootstrap_timeout_ms": 10_000}
    offsets = {"group_id": group, "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    return KafkaConsumer(**topics.client_options(settings), **limits, **offsets)


def stream(settings: Settings, tp: Any, first: int, last: int | None) -> Iterator[LogRecord]:
    """Yield the records of a range as they come, so that memory is bounded.

    Args:
        settings: Where the broker is.
        tp: Topic and partition.
        first: Offset of the first record.
        last: Offset of the last one; None for the newest.

    Raises:
        BrokerUnavailableError: Kafka does not give them. What kafka-python raises is not caught here.
    """
    with closing(open_consumer(settings)) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, first)
        last = consumer.end_offsets([tp])[tp] - 1 if last is None else last
        fruitless = 0
        while consumer.position(tp) <= last:
            records = consumer.poll(timeout_ms=POLL_MS, max_records=10_000).get(tp, [])
            fruitless = 0 if records else fruitless + 1
            if fruitless > MAX_FRUITLESS_POLLS:
                raise BrokerUnavailableError(f"Kafka at {settings.kafka} does not give {tp.topic}/{tp.partition} from {first} to {last}")
            for record in records:
                if record.offset <= last:
                    yield LogRecord(record.offset, record.key, record.value, record.timestamp, tuple(record.headers or ()))
