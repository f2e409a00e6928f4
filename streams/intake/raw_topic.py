"""Events from the topic `requests-raw`: one JSON event a record, read in batches, acknowledged once the blocks are delivered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from streams.core import tls
from streams.core.errors import FuseBlownError
from streams.core.settings import Settings
from streams.intake.block_producer import PAUSE_SECONDS, BlockProducer, count, deliver_until_taken, report_paused
from streams.intake.collector import Collector, Ingested
from streams.intake.formats.registry import AUTO
from streams.kafka.record_batches import tolerate_strangers
from streams.schema import topics

MAX_BATCH_RECORDS: Final = 4096
"""Records per fetch."""

MIN_FETCH_BYTES: Final = 1024 * 1024
"""Bytes for which the broker waits, for as long as a block may wait: 500 to 1,000 events with their prompts."""

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

    A blown fuse pauses the topic; then the same batch, of which nothing was acknowledged, is tried again.

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
            while True:
                try:
                    await _round(consumer, collector, producer, settings, send_dead_letters=not paused)
                except FuseBlownError as error:
                    if not paused:
                        _log.error("%s is paused: %s", topics.REQUESTS_RAW, error)
                    paused = True
                    report_paused(topics.REQUESTS_RAW, paused=True)
                    await asyncio.sleep(pause_seconds)
                    collector.fuse.reset()
                else:
                    if paused:
                        paused = False
                        report_paused(topics.REQUESTS_RAW, paused=False)
    finally:
        await consumer.stop()


async def _round(consumer: Any, collector: Collector, producer: BlockProducer, settings: Settings, *, send_dead_letters: bool) -> None:
    """Read a batch, deliver its blocks, acknowledge it.

    When the fuse blows, only the batch's dead letters are sent, once (`send_dead_letters`); nothing is acknowledged, so the whole batch
    is read again. Raises FuseBlownError then.
    """
    batch: Mapping[Any, Sequence[Any]] = await consumer.getmany(
        timeout_ms=int(settings.block_seconds * 1000), max_records=MAX_BATCH_RECORDS
    )
    steps = [_add(collector, records) for records in batch.values() if not collector.fuse.blown]
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


def _add(collector: Collector, records: Sequence[Any]) -> Ingested:
    now = time.time()
    lines = [b"null" if record.value is None else record.value for record in records]
    positions = [f"{record.partition}/{record.offset}" for record in records]
    ingested = collector.add(lines, topics.REQUESTS_RAW, [_arrival(record, now) for record in records], positions)
    count(ingested, topics.REQUESTS_RAW)
    return ingested


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
