"""Forward cases or alerts as OCSF findings to an outlet: at least once, in order.

Each destination has a consumer group of its own, which records what was delivered: offsets are committed only after the destination has
accepted the findings. A SIEM recognises a finding that arrives twice by `metadata.uid`.
"""

from __future__ import annotations

import logging
import re
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from kafka import KafkaConsumer, TopicPartition

from streams.core.errors import HydrometerError, MalformedEventError
from streams.core.settings import Settings
from streams.exports.ocsf import Json, case_finding, finding
from streams.exports.outlet import Outlet
from streams.kafka.log_range import POLL_MS, open_consumer
from streams.schema import topics
from streams.schema.cases import Alert, AlertStep, Case, Severity, is_at_least
from streams.schema.names import Behaviour
from streams.schema.signatures import Signatures
from streams.telemetry.metrics import METRICS, Metric

READER: Final = "ocsf"
"""The consumer group, without the common prefix, of a destination without a name."""
Unit = Literal["case", "alert"]
"""What is one finding: a whole case, or each alert of an account, router or group, with all of its changes."""
_TOPIC_OF: Final[dict[Unit, str]] = {"case": topics.CASES, "alert": topics.ALERTS}
MAX_BATCH_FINDINGS: Final = 200
"""Findings per delivery."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

_log = logging.getLogger(__name__)


@dataclass
class Destination:
    """What a destination wants, and what was sent to it of each case."""

    name: str = ""
    """Its own place in the topic goes by it; empty: the only destination."""
    unit: Unit = "case"
    severity: Severity = "low"
    """The least; what has none, as before calibration, is always sent."""
    behaviour: Behaviour | None = None
    desk: str = ""
    """Address of the desk, for links."""
    _sent: dict[str, str] = field(default_factory=dict, init=False)
    """Severity of each case that is open there."""

    def __post_init__(self) -> None:
        """Check the name. Raises HydrometerError."""
        if self.name and not _NAME.fullmatch(self.name):
            raise HydrometerError(f"--name {self.name!r} cannot name a destination: use small letters, digits and dashes")

    @property
    def topic(self) -> str:
        """The topic that it reads."""
        return _TOPIC_OF[self.unit]

    @property
    def group(self) -> str:
        """Its consumer group."""
        return topics.group_of(f"{READER}-{self.name}" if self.name else READER)

    def finding(self, value: bytes) -> Json | None:
        """Return what a record of its topic is to it; None for nothing. Raises MalformedEventError."""
        if self.unit == "alert":
            alert = Alert.decode(value)
            return finding(alert, self.desk) if self._wants(alert.behaviour, alert.payload.score.severity) else None
        case = Case.decode(value)
        step = self._step(case) if case.is_whole else None  # the worker writes a case whole when it opens, ends or changes its severity
        return case_finding(case, step, self.desk) if step else None

    def _wants(self, behaviour: Behaviour, severity: str) -> bool:
        return is_at_least(severity, self.severity) and self.behaviour in (None, behaviour)

    def _step(self, case: Case) -> AlertStep | None:
        """Return what is new of a case: it opens, its severity changes, it ends. Questions and permitted parties are not findings."""
        severity, sent = case.payload.score.severity, self._sent.get(case.case_id)
        is_alerted = case.state == "open" and not case.muted and case.payload.tier == "alert"
        if is_alerted and (sent is not None or self._wants(case.behaviour, severity)):
            self._sent[case.case_id] = severity
            return "open" if sent is None else "update" if severity != sent else None
        if sent is not None and not is_alerted:
            del self._sent[case.case_id]
            return "resolved"
        is_ended = case.state != "open" and not case.muted and case.payload.tier == "alert"  # of before a restart, it may have been sent
        return "resolved" if sent is None and is_ended and self._wants(case.behaviour, severity) else None


def forward(settings: Settings, outlet: Outlet, destination: Destination, *, once: bool = False) -> int:
    """Deliver findings from the last committed offset on, for ever or (`once`) up to the newest.

    What is no record of ours, or not signed by our workers, is logged by its offset, and passed over.

    Args:
        settings: Settings of the process.
        outlet: Takes the findings.
        destination: What is sent, and under whose place in the topic.
        once: Whether to end at the newest record.

    Returns:
        The number of findings delivered.

    Raises:
        DeliveryError: The outlet did not take them.
        BrokerUnavailableError: Kafka does not answer.
    """
    delivered, signatures = 0, Signatures.of(settings, "worker")
    with topics.answering(settings), closing(_consumer(settings, destination)) as consumer:
        while not (once and _caught_up(consumer)):
            polled = consumer.poll(timeout_ms=POLL_MS, max_records=MAX_BATCH_FINDINGS)
            findings = [
                record_finding
                for records in polled.values()
                for record in records
                if (record_finding := _finding(record, destination, signatures)) is not None
            ]
            if findings:
                outlet.deliver(findings)
                delivered += len(findings)
                METRICS.add(Metric.FINDINGS_DELIVERED, len(findings))
            if polled:
                consumer.commit()
    return delivered


def _finding(record: Any, destination: Destination, signatures: Signatures) -> Json | None:
    if record.value is None:  # a tombstone: what was erased
        return None
    try:
        if refusal := signatures.refusal(record.topic, record.key, record.value, record.headers):
            raise refusal
        return destination.finding(record.value)
    except MalformedEventError as error:
        unit = destination.unit
        _log.warning("%s, partition %d, offset %d is no %s of ours (%s)", record.topic, record.partition, record.offset, unit, error.reason)
        return None


def _consumer(settings: Settings, destination: Destination) -> KafkaConsumer:
    """Return a consumer of all partitions, without group rebalancing: one process forwards them all."""
    consumer = open_consumer(settings, destination.group)
    numbers = consumer.partitions_for_topic(destination.topic)
    if not numbers:
        consumer.close()
        raise HydrometerError(f"there is no topic {destination.topic} at {settings.kafka}: run `hydrometer topics`")
    consumer.assign([TopicPartition(destination.topic, number) for number in sorted(numbers)])
    return consumer


def _caught_up(consumer: KafkaConsumer) -> bool:
    ends = consumer.end_offsets(list(consumer.assignment()))
    return all(consumer.position(partition) >= end for partition, end in ends.items())
