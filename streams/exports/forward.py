"""Forward alerts as OCSF findings to an outlet: at least once, in order.

Its own consumer group records what was delivered: offsets are committed only after the destination has accepted the findings. A SIEM
recognises a finding that arrives twice by `metadata.uid`.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from streams.core.errors import HydrometerError, MalformedEventError
from streams.core.settings import Settings
from streams.exports.ocsf import Json, finding
from streams.exports.outlet import Outlet
from streams.schema import topics
from streams.schema.cases import Alert
from streams.schema.record_batches import tolerate_strangers
from streams.schema.signatures import Signatures
from streams.telemetry.metrics import METRICS, Metric

READER: Final = "ocsf"
"""The consumer group, without the common prefix."""
MAX_BATCH_FINDINGS: Final = 200
"""Findings per delivery."""
_POLL_MS: Final = 1_000

_log = logging.getLogger(__name__)


def forward(settings: Settings, outlet: Outlet, *, once: bool = False) -> int:
    """Deliver alerts from the last committed offset on, for ever or (`once`) up to the newest; return their number.

    Raises DeliveryError, BrokerUnavailableError. What is no alert, or not signed by our workers, is logged by its offset, and passed over.
    """
    delivered, signatures = 0, Signatures.of(settings, "worker")
    with topics.answering(settings), closing(_consumer(settings)) as consumer:
        while not (once and _caught_up(consumer)):
            polled = consumer.poll(timeout_ms=_POLL_MS, max_records=MAX_BATCH_FINDINGS)
            findings = [
                record_finding
                for records in polled.values()
                for record in records
                if (record_finding := _finding(record, signatures)) is not None
            ]
            if findings:
                outlet.deliver(findings)
                delivered += len(findings)
                METRICS.add(Metric.FINDINGS_DELIVERED, len(findings))
            if polled:
                consumer.commit()
    return delivered


def _finding(record: Any, signatures: Signatures) -> Json | None:
    try:
        if refusal := signatures.refusal(record.topic, record.key, record.value, record.headers):
            raise refusal
        return finding(Alert.decode(record.value or b""))
    except MalformedEventError as error:
        _log.warning("%s, partition %d, offset %d is no alert of ours (%s)", record.topic, record.partition, record.offset, error.reason)
        return None


def _consumer(settings: Settings) -> KafkaConsumer:
    """Return a consumer of all partitions, without group rebalancing: one process forwards them all."""
    tolerate_strangers()
    group = topics.group_of(READER)
    options = {"group_id": group, "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    consumer = KafkaConsumer(**options, **topics.client_options(settings))
    numbers = consumer.partitions_for_topic(topics.ALERTS)
    if not numbers:
        consumer.close()
        raise HydrometerError(f"there is no topic {topics.ALERTS} at {settings.kafka}: run `hydrometer topics`")
    consumer.assign([TopicPartition(topics.ALERTS, number) for number in sorted(numbers)])
    return consumer


def _caught_up(consumer: KafkaConsumer) -> bool:
    ends = consumer.end_offsets(list(consumer.assignment()))
    return all(consumer.position(partition) >= end for partition, end in ends.items())
