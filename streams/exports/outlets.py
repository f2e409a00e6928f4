"""Alerts onward, as OCSF findings: into a file, to a webhook, or onto a topic of yours. At least once, in order.

A consumer group of its own remembers what was delivered: it is acknowledged only after the other side has taken it, and a SIEM that gets
a finding twice knows it by `metadata.uid`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import orjson
import requests
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.core.errors import HydrometerError, MalformedEventError
from streams.core.settings import Settings
from streams.exports.ocsf import Json, finding
from streams.schema import topics
from streams.schema.cases import Alert
from streams.telemetry.metrics import METRICS, Metric

READER: Final = "ocsf"
"""The consumer group, behind the prefix of all of ours."""
MOST: Final = 200
"""Findings that are handed over at a time."""
_TIMEOUT: Final = 30.0
_POLL_MS: Final = 1_000

Outlet = Callable[[Sequence[Json]], None]
"""Takes findings, and returns once the other side has them; raises DeliveryError."""

_log = logging.getLogger(__name__)


class DeliveryError(HydrometerError):
    """The other side does not take findings. Nothing is acknowledged; the next start goes on from there."""


def to_file(stream: BinaryIO) -> Outlet:
    """Return an outlet that writes one finding a line."""

    def write(findings: Sequence[Json]) -> None:
        stream.writelines(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in findings)
        stream.flush()

    return write


def to_webhook(url: str, token: str | None = None, timeout: float = _TIMEOUT) -> Outlet:
    """Return an outlet that POSTs findings as a JSON array, with `Authorization: Bearer` when there is a token."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    host = urlsplit(url).hostname  # never the whole address: hooks carry their secret in it

    def post(findings: Sequence[Json]) -> None:
        try:
            answer = requests.post(url, data=orjson.dumps(list(findings)), headers=headers, timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            raise DeliveryError(f"the webhook at {host} does not answer ({type(error).__name__}): start again when it is up") from None
        if not answer.ok:
            raise DeliveryError(f"the webhook at {host} refuses findings (HTTP {answer.status_code}): look at its log, then start again")

    return post


def to_topic(producer: KafkaProducer, topic: str) -> Outlet:
    """Return an outlet that sends findings to a topic, keyed by the alert so that one alert's findings stay in order."""

    def send(findings: Sequence[Json]) -> None:
        sent = [producer.send(topic, key=each["finding_info"]["uid"].encode(), value=orjson.dumps(each)) for each in findings]
        for each in sent:
            each.get(timeout=_TIMEOUT)

    return send


def forward(settings: Settings, deliver: Outlet, *, once: bool = False) -> int:
    """Deliver alerts from where the last run ended, for ever or (`once`) until there are no more; return how many.

    Raises DeliveryError, BrokerUnavailableError. A record that is no alert is logged by its offset, and passed over.
    """
    delivered = 0
    with topics.answering(settings), closing(_consumer(settings)) as consumer:
        while not (once and _caught_up(consumer)):
            polled = consumer.poll(timeout_ms=_POLL_MS, max_records=MOST)
            found = [each for records in polled.values() for each in map(_finding, records) if each is not None]
            if found:
                deliver(found)
                delivered += len(found)
                METRICS.add(Metric.FINDINGS_DELIVERED, len(found))
            if polled:
                consumer.commit()
    return delivered


def file_of(path: Path) -> BinaryIO:
    """Open a file to append findings to. Raises DeliveryError."""
    try:
        return path.open("ab")
    except OSError as error:
        raise DeliveryError(f"cannot write {path} ({error.strerror}): choose another file") from error


def _finding(record: Any) -> Json | None:
    try:
        return finding(Alert.decode(record.value or b""))
    except MalformedEventError as error:
        _log.warning("%s, partition %d, offset %d is no alert (%s)", record.topic, record.partition, record.offset, error.reason)
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
