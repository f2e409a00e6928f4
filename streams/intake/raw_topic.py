"""Events from the topic `requests-raw`: one JSON event a record, read in batches, acknowledged once the blocks are delivered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from streams.core.settings import Settings
from streams.intake.block_producer import Parcel, Shipper, count
from streams.intake.collector import Collector, Step
from streams.intake.formats.registry import AUTO
from streams.schema import topics
from streams.telemetry.metrics import METRICS, Metric

BATCH: Final = 4096
"""Records that are asked for at a time."""
RETRY_SECONDS: Final = 1.0


async def consume(settings: Settings, log_format: str = AUTO, known_corpus: Path | None = None) -> None:
    """Read until cancelled. Raises FuseBlownError when the fuse blows, once what came before is delivered and acknowledged.

    Records are read again after a crash between delivery and acknowledgement: at least once. Within a run, and 65,536 ids a
    partition, the repetition is dropped as `duplicate`.
    """
    METRICS.set(Metric.FUSE_BLOWN, 0)
    collector = Collector(settings, log_format, known_corpus)
    consumer = AIOKafkaConsumer(topics.REQUESTS_RAW, **_options(settings))
    await consumer.start()
    try:
        with Shipper(settings, topics.REQUESTS_RAW) as shipper:
            while True:
                await _round(consumer, collector, shipper, settings)
    finally:
        await consumer.stop()


async def _round(consumer: Any, collector: Collector, shipper: Shipper, settings: Settings) -> None:
    """Read a batch, deliver its blocks, acknowledge it.

    Of the batch in which the fuse blows only the dead letters leave: nothing of it is acknowledged, so it is read again, whole, once
    somebody has set the format right.
    """
    found: Mapping[Any, Sequence[Any]] = await consumer.getmany(timeout_ms=int(settings.block_seconds * 1000), max_records=BATCH)
    steps = [_add(collector, records) for records in found.values() if not collector.fuse.blown]
    dead = [each for step in steps for each in step.dead]
    if collector.fuse.blown:
        METRICS.set(Metric.FUSE_BLOWN, 1)
        await _deliver(shipper, [*dead])
        collector.fuse.check()
    blocks = [each for step in steps for each in step.outgoing] + collector.flush()
    await _deliver(shipper, [*dead, *blocks])
    if found:
        await consumer.commit()


def _add(collector: Collector, records: Sequence[Any]) -> Step:
    lines = [b"null" if record.value is None else record.value for record in records]
    positions = [f"{record.partition}/{record.offset}" for record in records]
    step = collector.add(lines, topics.REQUESTS_RAW, _arrival(records), positions)
    count(step, topics.REQUESTS_RAW)
    return step


async def _deliver(shipper: Shipper, parcels: list[Parcel]) -> None:
    """Deliver, and try again until everything arrived: Kafka keeps what we do not read meanwhile."""
    while parcels := await asyncio.to_thread(shipper.deliver, parcels):  # noqa: ASYNC110  (nobody would set an event)
        await asyncio.sleep(RETRY_SECONDS)


def _arrival(records: Sequence[Any]) -> float:
    """Return when the last record was written, so that records that waited in Kafka are not late; now, when it does not say."""
    written = records[-1].timestamp
    return written / 1000.0 if written and written > 0 else time.time()


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
