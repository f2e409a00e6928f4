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
    alerts: list[str] = msgspec.field(default_factory=list)
    """Behaviours of the account's own alerts that were removed."""
    cases: list[str] = msgspec.field(default_factory=list)
    """Cases that were removed as a whole."""
