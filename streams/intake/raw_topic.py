"""Events from the topic `requests-raw`: one JSON event a record, read in batches, acknowledged once the blocks are delivered."""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.core import tls
from streams.core.errors import FuseBlownError
from streams.core.settings import Settings
from streams.intake.block_producer import PAUSE_SECONDS, BlockProducer, count, deliver_until_taken, report_paused
from streams.intake.collector import OVERSIZE, Collector, Ingested
from streams.intake.dead_letter_limit import Fuse
from streams.intake.formats.registry import AUTO
from streams.kafka.record_batches import tolerate_strangers
from streams.schema import topics

MAX_BATCH_RECORDS: Final = 4096
"""Records per fetch."""

MIN_PROBE_RECORDS: Final = 20
"""Records behind a poisoned batch by which the topic's format is judged; fewer are waited for."""

_PROBE_FETCHES = 8
_offset = attrgetter("offset")

MIN_FETCH_BYTES: Final = 1024 * 1024
"""Bytes for which the broker waits, for as long as a block may wait: 500 to 1,000 events with their prompts."""

Ends = dict[TopicPartition, int]
"""The offset behind the last record of each partition."""

_log = logging.getLogger(__name__)


async def consume(
    settings: Settings,
    log_format: str = AUTO,
    known_corpus: Path | None = None,
    *,
    backfill: bool = False,
    pause_seconds: float = PAUSE_SECONDS,
) -> None:
    """Read until cancelled. backfill: old events are accepted.

    A blown fuse pauses the topic; then the same batch, of which nothing was acknowledged, is tried again: a wrong --format is a
    mistake of the operator, and nothing is lost by waiting. When most of what was written since can be read, the format is right, and
    strangers wrote the rest: what stood in the topic when the fuse blew is set aside line by line, and the stream goes on.

    After a crash between delivery and acknowledgement, records are read again: delivery is at least once. Within a run, and 65,536 ids
    per partition, the repetition is dropped as `duplicate`.
    """
    tolerate_strangers()
    collector = Collector(settings, log_format, known_corpus, backfill=backfill)
    consumer = AIOKafkaConsumer(topics.REQUESTS_RAW, **_options(settings))
    report_paused(topics.REQUESTS_RAW, paused=False)
    try:
        await consumer.start()
        with BlockProducer(settings, topics.REQUESTS_RAW) as producer:
            paused = False
            read: Ends = {}
            stood: Ends = {}  # when the fuse blew
            aside: Ends = {}
            while True:
                try:
                    took = await _round(consumer, collector, producer, settings, aside, read, send_dead_letters=not paused)
                except FuseBlownError as error:
                    if not paused:
                        _log.error("%s is paused: %s", topics.REQUESTS_RAW, error)
                        ends = await consumer.end_offsets(list(consumer.assignment()))
                        stood = {partition: max(end, read.get(partition, 0)) for partition, end in ends.items()}
                    paused = True
                    report_paused(topics.REQUESTS_RAW, paused=True)
                    await asyncio.sleep(pause_seconds)
                    collector.fuse.reset()
                    if await _is_readable_since(stood, consumer, settings, log_format, backfill=backfill):
                        _log.warning("%s goes on: what was written since can be read, so what cannot is set aside", topics.REQUESTS_RAW)
                        aside = stood
                else:
                    if paused and took:
                        paused = False
                        report_paused(topics.REQUESTS_RAW, paused=False)
    finally:
        await consumer.stop()


async def _is_readable_since(stood: Ends, consumer: Any, settings: Settings, log_format: str, *, backfill: bool) -> bool:
    """Return whether the records behind these ends are enough to judge a format by, and as few of them are refused as the fuse allows."""
    ends = {partition: end for partition, end in stood.items() if partition in consumer.assignment()}
    if not ends:  # they went to another `collect`; without names, `getmany` would take records of all others, which nobody would read again
        return False
    positions = {partition: await consumer.position(partition) for partition in ends}
    judge, records, refused = Collector(settings, log_format, backfill=backfill), 0, 0
    for partition, end in ends.items():
        consumer.seek(partition, end)
    for _ in range(_PROBE_FETCHES):
        batch = await consumer.getmany(*ends, timeout_ms=int(settings.block_seconds * 1000), max_records=MAX_BATCH_RECORDS)
        for written in batch.values():
            rejected = _read(judge, written, _lenient(settings)).rejected
            records += len(written)
            refused += sum(count for reason, count in rejected.items() if reason not in OVERSIZE | {"duplicate", "no_request"})
        judge.flush()
        if records >= MAX_BATCH_RECORDS or (records >= MIN_PROBE_RECORDS and not batch):
            break
    for partition, position in positions.items():
        consumer.seek(partition, position)
    return records >= MIN_PROBE_RECORDS and refused <= settings.fuse_share * records


def _lenient(settings: Settings) -> Fuse:
    return Fuse(settings.fuse_window, settings.fuse_share, settings.fuse_run, skip=True)


async def _round(
    consumer: Any, collector: Collector, producer: BlockProducer, settings: Settings, aside: Ends, read: Ends, *, send_dead_letters: bool
) -> bool:
    """Read a batch, deliver its blocks, acknowledge it; return whether there was one.

    Refused lines before the ends `aside` blow no fuse; `read` gets the ends of what was read. When the fuse blows, only the batch's dead
    letters are sent, once (`send_dead_letters`); nothing is acknowledged, so the whole batch is read again. Raises FuseBlownError then.
    """
    batch: Mapping[Any, Sequence[Any]] = await consumer.getmany(
        timeout_ms=int(settings.block_seconds * 1000), max_records=MAX_BATCH_RECORDS
    )
    steps = []
    for partition, records in batch.items():
        read[partition] = records[-1].offset + 1
        before = bisect_left(records, aside.get(partition, 0), key=_offset)
        for part, lenient in ((records[:before], True), (records[before:], False)):
            if part and not collector.fuse.blown:
                steps.append(_read(collector, part, _lenient(settings) if lenient else collector.fuse))
                count(steps[-1], topics.REQUESTS_RAW)
    dead = [outgoing for ingested in steps for outgoing in ingested.dead]
    blocks = [outgoing for ingested in steps for outgoing in ingested.outgoing] + collector.flush()
    if collector.fuse.blown:
        await deliver_until_taken(producer, [*dead] if send_dead_letters else [])
        for block in blocks:
            collector.forget(block)
        for partition, records in batch.items():
            consumer.seek(partition, records[0].offset)
        collector.fuse.check()
    await deliver_until_taken(producer, [*dead, *blocks])
    if batch:
        await consumer.commit()
    return bool(batch)


def _read(collector: Collector, records: Sequence[Any], fuse: Fuse) -> Ingested:
    now = time.time()
    lines = [b"null" if record.value is None else record.value for record in records]
    positions = [f"{record.partition}/{record.offset}" for record in records]
    return collector.add(lines, topics.REQUESTS_RAW, [_arrival(record, now) for record in records], positions, fuse)


def _arrival(record: Any, now: float) -> float:
    """Return when a record was written (epoch s), so that one that waited in Kafka is not late. Its producer sets it: at most `now`."""
    written = record.timestamp
    return min(written / 1000.0, now) if written and written > 0 else now


def _options(settings: Settings) -> dict[str, object]:
    client_options = topics.client_options(settings)
    options: dict[str, object] = {
        # the broker gathers: otherwise it answers as soon as there is one record, and each block would hold a few
        "fetch_min_bytes": MIN_FETCH_BYTES,
        "fetch_max_wait_ms": int(settings.block_seconds * 1000),
        "bootstrap_servers": client_options["bootstrap_servers"],
        "security_protocol": client_options["security_protocol"],
        "group_id": topics.group_of(topics.COLLECT),
        "client_id": "hydrometer-collect",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": 6000,
        "heartbeat_interval_ms": 2000,
        "fetch_max_bytes": topics.MAX_RECORD_BYTES,
    }
    options.update({name: value for name, value in client_options.items() if name.startswith("sasl_plain") or name == "sasl_mechanism"})
    if settings.kafka_security_protocol in {"SSL", "SASL_SSL"}:
        options["ssl_context"] = tls.context(settings.kafka_ssl_cafile)
    return options
