"""Events from the topic `requests-raw`: one JSON event a record, read in batches, acknowledged once the blocks are delivered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from streams.core.errors import FuseBlownError
from streams.core.settings import Settings
from streams.intake.block_producer import PAUSE_SECONDS, Parcel, Shipper, count, report_paused
from streams.intake.collector import Collector, Step
from streams.intake.formats.registry import AUTO
from streams.schema import topics

BATCH: Final = 4096
"""Records that are asked for at a time."""
RETRY_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


async def consume(
    settings: Settings,
    log_format: str = AUTO,
    known_corpus: Path | None = None,
    *,
    backfill: bool = False,
    pause_seconds: float = PAUSE_SECONDS,
) -> None:
    """Read until cancelled. A blown fuse pauses the topic; then the same batch is tried again, nothing of which was acknowledged.

    Records are read again after a crash between delivery and acknowledgement: at least once. Within a run, and 65,536 ids a
    partition, the repetition is dropped as `duplicate`.
    """
    collector = Collector(settings, log_format, known_corpus, backfill=backfill)
    consumer = AIOKafkaConsumer(topics.REQUESTS_RAW, **_options(settings))
    report_paused(topics.REQUESTS_RAW, paused=False)
    await consumer.start()
    try:
        with Shipper(settings, topics.REQUESTS_RAW) as shipper:
            told = False
            while True:
                try:
                    await _round(consumer, collector, shipper, settings, tell=not told)
                except FuseBlownError as error:
                    if not told:
                        _log.error("%s is paused: %s", topics.REQUESTS_RAW, error)
                    told = True
                    report_paused(topics.REQUESTS_RAW, paused=True)
                    await asyncio.sleep(pause_seconds)
                    collector.fuse.reset()
                else:
                    if told:
                        told = False
                        report_paused(topics.REQUESTS_RAW, paused=False)
    finally:
        await consumer.stop()


async def _round(consumer: Any, collector: Collector, shipper: Shipper, settings: Settings, *, tell: bool) -> None:
    """Read a batch, deliver its blocks, acknowledge it.

    Of the batch in which the fuse blows only the dead letters leave, once (`tell`): nothing of it is acknowledged, so it is read again,
    whole. Raises FuseBlownError then.
    """
    found: Mapping[Any, Sequence[Any]] = await consumer.getmany(timeout_ms=int(settings.block_seconds * 1000), max_records=BATCH)
    steps = [_add(collector, records) for records in found.values() if not collector.fuse.blown]
    dead = [each for step in steps for each in step.dead]
    blocks = [each for step in steps for each in step.outgoing] + collector.flush()
    if collector.fuse.blown:
        await _deliver(shipper, [*dead] if tell else [])
        for block in blocks:
            collector.forget(block)
        for place, records in found.items():
            consumer.seek(place, records[0].offset)
        collector.fuse.check()
    await _deliver(shipper, [*dead, *blocks])
    if found:
        await consumer.commit()


def _add(collector: Collector, records: Sequence[Any]) -> Step:
    now = time.time()
    lines = [b"null" if record.value is None else record.value for record in records]
    positions = [f"{record.partition}/{record.offset}" for record in records]
    step = collector.add(lines, topics.REQUESTS_RAW, [_arrival(record, now) for record in records], positions)
    count(step, topics.REQUESTS_RAW)
    return step


async def _deliver(shipper: Shipper, parcels: list[Parcel]) -> None:
    """Deliver, and try again until everything arrived: Kafka keeps what we do not read meanwhile."""
    while parcels := await asyncio.to_thread(shipper.deliver, parcels):  # noqa: ASYNC110  (nobody would set an event)
        await asyncio.sleep(RETRY_SECONDS)


def _arrival(record: Any, now: float) -> float:
    """Return when a record was written, so that one that waited in Kafka is not late. Its producer says so: never after now."""
    written = record.timestamp
    return min(written / 1000.0, now) if written and written > 0 else now


def _options(settings: Settings) -> dict[str, Any]:
    given = topics.client_options(settings)
    options: dict[str, Any] = {
        "bootstrap_servers": given["bootstrap_servers"],
        "security_protocol": given["security_protocol"],
        "group_id": topics.group_of(topics.COLLECT),
        "client_id": "hydrometer-collect",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": 6000,
        "heartbeat_interval_ms": 2000,
        "fetch_max_bytes": topics.MAX_RECORD_BYTES,
    }
    options.update({name: value for name, value in given.items() if name.startswith("sasl_plain") or name == "sasl_mechanism"})
    if settings.kafka_security_protocol in {"SSL", "SASL_SSL"}:
        from aiokafka.helpers import create_ssl_context  # noqa: PLC0415  (reads certificates)

        options["ssl_context"] = create_ssl_context(cafile=given.get("ssl_cafile"))
    return options
