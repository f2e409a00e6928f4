"""Forward alerts as OCSF findings to an outlet. At least once, in order.

A consumer group of its own remembers what was delivered: it is acknowledged only after the destination has taken it, and a SIEM that gets
a finding twice knows it by `metadata.uid`.
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
from streams.schema.signatures import Signatures
from streams.telemetry.metrics import METRICS, Metric

READER: Final = "ocsf"
"""The consumer group, behind the prefix of all of ours."""
MOST: Final = 200
"""Findings that are handed over at a time."""
_POLL_MS: Final = 1_000

_log = logging.getLogger(__name__)


def forward(settings: Settings, outlet: Outlet, *, once: bool = False) -> int:
    """Deliver alerts from where the last run ended, for ever or (`once`) until there are no more; return how many.

    Raises DeliveryError, BrokerUnavailableError. What is no alert, or not signed by our workers, is logged by its offset, and passed over.
    """
    delivered, signatures = 0, Signatures.of(settings, "worker")
    with topics.answering(settings), closing(_consumer(settings)) as consumer:
        while not (once and _caught_up(consumer)):
            polled = consumer.poll(timeout_ms=_POLL_MS, max_records=MOST)
            found = [each for records in polled.values() for record in records if (each := _finding(record, signatures)) is not None]
            if found:
                outlet.deliver(found)
                delivered += len(found)
                METRICS.add(Metric.FINDINGS_DELIVERED, len(found))
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
    """Return a consumer of all partitions. They are few and one process forwards them, so nobody has to agree on who reads what."""
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
    return all(consumer.position(place) >= end for place, end in ends.items())
