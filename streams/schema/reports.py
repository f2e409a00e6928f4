"""Rows that our processes write about themselves: numbers of health, and counts of dead letters and arrivals by minute."""

from __future__ import annotations

from typing import Annotated

import msgspec

from streams.schema.record import Record, Seconds, UInt64

Minute = Annotated[int, msgspec.Meta(ge=0, extra={"unit": "s", "signed": True})]
"""The first second of a minute since 1970 in UTC. In ClickHouse `DateTime`."""


class HealthRow(Record, frozen=True):
    """One number of one process at one moment."""

    time: Seconds
    process: str
    """The command: `worker`, `collect`, `alerts`."""
    instance: str
    """Host and process id."""
    metric: str
    labels: dict[str, str]
    value: float


class DeadLetterCount(Record, frozen=True):
    """How many lines or records of a source were refused in a minute for a reason."""

    minute: Minute
    source: str
    reason: str
    count: UInt64


class ArrivalCount(Record, frozen=True):
    """How many events of a feed were sent to Kafka in a minute."""

    minute: Minute
    feed: str
    """`http`, `requests-raw`, `stdin` or `file`."""
    events: UInt64
