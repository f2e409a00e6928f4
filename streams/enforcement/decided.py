"""The decisions that ClickHouse holds: of each its newest version."""

from __future__ import annotations

from streams.core.queries import Queries
from streams.schema.actions import EnforcementDecision, decision_of, newest


def decisions(clickhouse: Queries) -> list[EnforcementDecision]:
    """Return the newest version of every decision. Raises StoreUnavailableError."""
    names = ", ".join(EnforcementDecision.__struct_fields__)
    rows = clickhouse.query(f"SELECT {names} FROM enforcement FINAL ORDER BY time")  # noqa: S608 (our own column names)
    return list(newest([decision_of(row) for row in rows]).values())
