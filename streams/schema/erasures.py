"""Reports of erasures: what one stage removed of an account. They travel as JSON on the topic `erasures`."""

from __future__ import annotations

import msgspec

from streams.schema.record import Record


class ErasureReport(Record, frozen=True):
    """What one stage removed. It names no account."""

    request: str
    """Names the erasure."""
    stage: str
    partition: int
    """Partition of the stage; for the cases, of the groups stage that handed the erasure on."""
    removed: dict[str, int] = msgspec.field(default_factory=dict)
    """Number of removed items by kind."""
    held: list[str] = msgspec.field(default_factory=list)
    """Cases under legal hold, which are kept."""


class Kept(Record, frozen=True):
    """What an erasure leaves, why, and when that ends by itself."""

    what: str
    why: str
    until: str = ""
    """ISO 8601 in UTC; empty where a person decides."""


class Receipt(Record, frozen=True):
    """What was erased of an account, and what is kept. It is handed to who asked, and stored nowhere."""

    account: str
    request: str
    """Names the erasure in the reports of the stages."""
    at: str
    """When the erasure began, ISO 8601 in UTC."""
    by: str
    note: str
    state: dict[str, dict[str, int]]
    """Removed items by kind, by stage."""
    rows: dict[str, int]
    """Deleted rows by ClickHouse table."""
    tombstones: dict[str, int]
    """Keys of compacted topics whose last record was removed, by topic."""
    kept: list[Kept]
