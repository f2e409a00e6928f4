"""Topics in a backup: records, their offsets, and how far every consumer group has read.

A record comes back at its own offset, because state, claims of batches and consumer groups name records by their offsets. Offsets before
the first saved record, and those that compaction removed, get fillers: records without a value, which the broker then deletes where it
can. Changelogs are read by nobody's offset, and come back without gaps.

Saved are compacted topics and changelogs as a whole, and of the other topics what one of their readers has not acknowledged: all before
that is in the state and in the tables. What others write into `requests-raw` is not saved, since it holds prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from kafka import KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaConnectionError
from kafka.structs import OffsetAndMetadata
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from streams.backup.manifest import BackupError, BackupManifest, Committed, SavedFile, SavedPartition, read_parquet, saved, write_parquet
from streams.clickhouse.rows import STORED
from streams.core.errors import BrokerUnavailableError
from streams.core.settings import Settings
from streams.kafka.log_range import LogRecord, open_consumer, stream
from streams.schema import topics
from streams.worker.app import STATEFUL

UNSAVED: Final = topics.REQUESTS_RAW
"""Holds prompts, and belongs to who writes it."""
CHANGELOGS: Final = tuple(topics.changelog(agent) for agent in STATEFUL)
FILLER: Final = b"filler-of-a-restore"
"""The key of fillers in compacted topics, which take no record without one."""

_COLUMNS: Final[Mapping[str, pa.DataType]] = {
    "offset": pa.int64(),
    "time_ms": pa.int64(),
    "key": pa.binary(),
    "value": pa.binary(),
    "headers": pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())])),
}
_GONE: Final = frozenset({"Empty", "Dead", "Unknown"})
"""States of a consumer group without members, in Kafka's words; the embedded broker knows none of them."""
_NEW_KAFKA_SECONDS: Final = 120.0
"""Time that a new Kafka may take to make its topic of offsets, which it does when the first consumer group asks; it refuses until then."""
_FLUSH_RECORDS: Final = 20_000
_BATCH_BYTES: Final = 1 << 20
_MAX_REQUEST_BYTES: Final = topics.MAX_RECORD_BYTES + _BATCH_BYTES


@dataclass(frozen=True)
class TopicPosition:
    """Where the topics begin and end, and how far the consumer groups have read."""

    begins: Mapping[Any, int]
    ends: Mapping[Any, int]
    committed: Mapping[str, Mapping[Any, int]]
    """Offset by partition, by consumer group."""

    @classmethod
    def of(cls, settings: Settings) -> TopicPosition:
        """Read them from the broker. Raises BrokerUnavailableError."""
        with topics.administration(settings) as admin:
            there = set(admin.list_topics())
            names = [name for name in (*(topic.name for topic in topics.TOPICS), *CHANGELOGS) if name in there]
            counts = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(names)} if names else {}
            groups = sorted(name for name in _groups(admin) if name.startswith(topics.APP))
            committed = {group: admin.list_group_offsets({group: None})[group] for group in groups}
        tps = [TopicPartition(name, number) for name in names for number in range(counts[name])]
        with topics.answering(settings), closing(open_consumer(settings)) as consumer:
            begins, ends = (consumer.beginning_offsets(tps), consumer.end_offsets(tps)) if tps else ({}, {})
        return cls(begins, ends, {group: {tp: done.offset for tp, done in read.items()} for group, read in committed.items()})

    def first_needed(self, tp: Any) -> int:
        """Return the offset of the first record that a reader of a partition may still need."""
        if _is_whole(tp.topic):
            return self.begins[tp]
        readers = [topics.group_of(agent) for agent, names in reads().items() if tp.topic in names]
        acknowledged = [self.committed.get(group, {}).get(tp, 0) for group in readers]
        return min(max(self.begins[tp], min(acknowledged, default=0)), self.ends[tp])

    def unread_raw(self) -> dict[Any, tuple[int, int]]:
        """Return the offsets of others' records that `collect` has not acknowledged: the first, and the end."""
        done = self.committed.get(topics.group_of(topics.COLLECT), {})
        return {tp: (max(self.begins[tp], done.get(tp, 0)), end) for tp, end in self.ends.items() if tp.topic == UNSAVED}

    def settled(self) -> tuple[Mapping[Any, int], Mapping[str, Mapping[Any, int]]]:
        """Return what may not change while a backup is made."""
        readers = {topics.group_of(reader) for reader in topics.READERS}
        ends = {tp: end for tp, end in self.ends.items() if tp.topic != UNSAVED}
        return ends, {group: offsets for group, offsets in self.committed.items() if group in readers}


def reads() -> dict[str, tuple[str, ...]]:
    """Return the topics that each agent reads."""
    own = {agent: (module.INPUTS.topic, *filter(None, [module.INPUTS.feedback])) for agent, module in STATEFUL.items()}
    return own | {topics.STORE_AGENT: tuple(STORED)}


def running(settings: Settings) -> list[str]:
    """Return the consumer groups of our readers that have members. Raises BrokerUnavailableError."""
    readers = {topics.group_of(reader) for reader in topics.READERS}
    with topics.administration(settings) as admin:
        return sorted(name for name, state in _groups(admin).items() if name in readers and state not in _GONE)


def save(settings: Settings, position: TopicPosition, folder: Path) -> Iterator[tuple[SavedPartition, SavedFile | None]]:
    """Write the records of all topics into a folder; yield each partition, and its file if it has records.

    Raises BackupError, BrokerUnavailableError.
    """
    for tp, end in position.ends.items():
        if tp.topic == UNSAVED:
            continue
        first = position.first_needed(tp)
        if first >= end:
            yield SavedPartition(tp.topic, tp.partition, first, end), None
            continue
        path = folder / "topics" / tp.topic / f"{tp.partition}.parquet"
        with topics.answering(settings):
            count = write_parquet(path, pa.schema(_COLUMNS), _rows(settings, tp, first, end - 1))
        file = saved(folder, path, "topic", tp.topic, count)
        yield SavedPartition(tp.topic, tp.partition, first, end, file.path), file


def refuse_filled(settings: Settings) -> None:
    """Raise BackupError when a topic has a record, or a consumer group of ours has acknowledged one."""
    position = TopicPosition.of(settings)
    for tp, end in position.ends.items():
        if end and tp.topic != UNSAVED:
            raise BackupError(f"the topic {tp.topic} is not empty: stop everything, and delete our topics (kafka-topics.sh --delete) first")
    for group, offsets in position.committed.items():
        if any(tp.topic != UNSAVED for tp in offsets):
            raise BackupError(f"the consumer group {group} has read topics of before: delete it (kafka-consumer-groups.sh --delete) first")


def make(settings: Settings) -> None:
    """Make all topics, the changelogs too. Raises BrokerUnavailableError, SettingsError."""
    topics.ensure(settings)
    with topics.administration(settings) as admin:
        there = set(admin.list_topics())
        for agent, module in STATEFUL.items():
            if topics.changelog(agent) not in there:
                count = 1 if module.INPUTS.single else settings.partitions
                config = {"cleanup.policy": "compact", **topics.CHANGELOG_CONFIG}
                admin.create_topics(
                    [NewTopic(topics.changelog(agent), count, settings.replication, topic_configs=config)], wait_for_metadata=True
                )


def load(settings: Settings, folder: Path, manifest: BackupManifest) -> Iterator[SavedPartition]:
    """Send the records of a backup into empty topics, each at its own offset; yield each partition when it is complete.

    Raises:
        BackupError: A partition does not end where the saved one did.
        BrokerUnavailableError: Kafka does not answer, or refuses.
    """
    options = {
        "acks": "all",
        "linger_ms": 20,
        "batch_size": _BATCH_BYTES,
        "max_request_size": _MAX_REQUEST_BYTES,
        "compression_type": "lz4",
    }
    with topics.answering(settings):
        for partition in manifest.topics:
            with closing(KafkaProducer(**options, **topics.client_options(settings))) as producer:
                sent = _send(producer, partition, _records(folder, partition))
            _check_end(settings, partition, sent)
            _delete_fillers(settings, partition)
            yield partition


def commit(settings: Settings, offsets: Sequence[Committed]) -> None:
    """Set how far every consumer group has read. Raises BrokerUnavailableError."""
    by_group: dict[str, dict[Any, OffsetAndMetadata]] = {}
    for done in offsets:
        by_group.setdefault(done.group, {})[TopicPartition(done.topic, done.partition)] = OffsetAndMetadata(done.offset, "", -1)
    patience = Retrying(
        retry=retry_if_exception_type(BrokerUnavailableError), wait=wait_fixed(1), stop=stop_after_delay(_NEW_KAFKA_SECONDS), reraise=True
    )
    for group, read in by_group.items():
        for attempt in patience:
            with attempt, topics.administration(settings) as admin:
                admin.alter_group_offsets(group, read)


def committed(position: TopicPosition) -> list[Committed]:
    """Return how far every consumer group has read the topics that are saved."""
    return [
        Committed(group, tp.topic, tp.partition, offset)
        for group, offsets in position.committed.items()
        for tp, offset in sorted(offsets.items())
        if tp.topic != UNSAVED
    ]


def with_fillers(partition: SavedPartition, records: Iterable[LogRecord]) -> Iterator[LogRecord]:
    """Yield what to send for the records of a partition, in order: themselves, and fillers where offsets have none.

    Args:
        partition: Where they were.
        records: What was saved of it. The client sends neither a header nor a record of nothing: both become empty.
    """
    dense, due = partition.topic in CHANGELOGS, 0
    for record in records:
        if not dense:
            yield from (LogRecord(offset, FILLER, None) for offset in range(due, record.offset))
        headers = tuple((name, value or b"") for name, value in record.headers)
        yield record._replace(key=b"" if record.key is record.value is None else record.key, headers=headers)
        due = record.offset + 1
    if not dense:
        yield from (LogRecord(offset, FILLER, None) for offset in range(due, partition.end))


def _is_whole(topic: str) -> bool:
    return topic in CHANGELOGS or any(known.name == topic and known.compacted for known in topics.TOPICS)


def _groups(admin: Any) -> dict[str, str]:
    return {group["group_id"]: group["group_state"] for group in admin.list_groups()}


def _rows(settings: Settings, tp: Any, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    for record in stream(settings, tp, first, last):
        headers = [{"name": name, "value": value} for name, value in record.headers]
        yield record.offset, record.time_ms, record.key, record.value, headers


def _records(folder: Path, partition: SavedPartition) -> Iterator[LogRecord]:
    if partition.path:
        for piece in read_parquet(folder / partition.path):
            for offset, time_ms, key, value, headers in piece:
                yield LogRecord(offset, key, value, time_ms, tuple((header["name"], header["value"]) for header in headers))


def _send(producer: KafkaProducer, partition: SavedPartition, records: Iterable[LogRecord]) -> int:
    """Send records and, where offsets have none, fillers; return how many. The last one goes alone: see `ChunkTable.write`."""
    last: LogRecord | None = None
    sent = 0
    for record in with_fillers(partition, records):
        if last is not None:
            _send_one(producer, partition, last)
            if sent % _FLUSH_RECORDS == 0:
                producer.flush()
        last = record
        sent += 1
    producer.flush()
    if last is not None:
        _send_one(producer, partition, last)
        producer.flush()
    return sent


def _send_one(producer: KafkaProducer, partition: SavedPartition, record: LogRecord) -> None:
    time_ms = record.time_ms or None  # of a filler: now
    producer.send(partition.topic, record.value, record.key, list(record.headers), partition.partition, time_ms)


def _delete_fillers(settings: Settings, partition: SavedPartition) -> None:
    """Let the partition begin at its first saved record. The embedded broker cannot: no group reads so far back."""
    if partition.first and partition.topic not in CHANGELOGS:
        with topics.administration(settings) as admin, suppress(KafkaConnectionError):
            admin.delete_records({TopicPartition(partition.topic, partition.partition): partition.first})


def _check_end(settings: Settings, partition: SavedPartition, expected: int) -> None:
    tp = TopicPartition(partition.topic, partition.partition)
    with closing(open_consumer(settings)) as consumer:
        end = consumer.end_offsets([tp])[tp]
    if end != expected:
        raise BackupError(f"{tp.topic}/{tp.partition} ends at {end} instead of {expected}: delete the topics, and restore again")
