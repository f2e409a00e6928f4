"""Outlet `topic`: findings to another Kafka topic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final, Self

import orjson
from kafka import KafkaProducer

from streams.core.settings import Settings
from streams.exports.ocsf import Json
from streams.exports.outlet import OutletConfigError
from streams.schema import topics
from streams.schema.topics import SEND_TIMEOUT_SECONDS

_CONNECT_MS: Final = 10_000
_TOPIC: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
"""Kafka's rule for a topic's name."""


class Outlet:
    """A topic of the broker that the alerts come from, keyed by the alert so that one alert's findings stay in order."""

    metavar: ClassVar = "NAME"
    help: ClassVar = "Send findings to this Kafka topic; create it first."

    def __init__(self, producer: KafkaProducer, topic: str, settings: Settings) -> None:
        """Send to `topic` with a producer that waits for all replicas."""
        self._producer, self._topic, self._settings = producer, topic, settings

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        """Connect to the broker. Raises OutletConfigError for an invalid topic name, BrokerUnavailableError."""
        if not _TOPIC.fullmatch(target):
            raise OutletConfigError(f"{target!r} is not a topic's name: use letters, digits, dots, dashes and underscores")
        with topics.answering(settings):
            producer = KafkaProducer(acks="all", bootstrap_timeout_ms=_CONNECT_MS, **topics.client_options(settings))
        return cls(producer, target, settings)

    def deliver(self, findings: Sequence[Json]) -> None:
        """Send findings, and wait until the broker has each. Raises BrokerUnavailableError."""
        with topics.answering(self._settings):
            sent = [
                self._producer.send(self._topic, key=finding["finding_info"]["uid"].encode(), value=orjson.dumps(finding))
                for finding in findings
            ]
            for record in sent:
                record.get(timeout=SEND_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._producer.close()
