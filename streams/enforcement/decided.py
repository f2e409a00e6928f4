"""The decisions that ClickHouse holds: of each its newest version."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from streams.core.queries import Queries
from streams.schema.actions import EnforcementDecision, decision_of, newest

_log = logging.getLogger(__name__)


def decisions(clickhouse: Queries) -> list[EnforcementDecision]:
    """Return the newest version of every decision that gateways are to obey, or to stop obeying. Raises StoreUnavailableError."""
    names = ", ".join(EnforcementDecision.__struct_fields__)
    rows = clickhouse.query(f"SELECT {names} FROM enforcement FINAL ORDER BY time")  # noqa: S608 (our own column names)
    return believed([decision_of(row) for row in rows])


def believed(versions: Sequence[EnforcementDecision]) -> list[EnforcementDecision]:
    """Return the newest version of every decision, without those that take four eyes and that no other person proposed.

    The desk approves only what was proposed. A client of Kafka with an approver's key need not ask it.
    """
    of_each: dict[str, list[EnforcementDecision]] = {}
    for version in versions:
        of_each.setdefault(version.decision_id, []).append(version)
    kept = []
    for decision in newest(versions).values():
        if decision.is_as_proposed(of_each[decision.decision_id]):
            kept.append(decision)
        else:
            _log.warning(
                "decision %s is approved by %s, and its author %s never proposed it so: no gateway obeys it; ask both who wrote it",
                decision.decision_id,
                decision.approver,
                decision.author,
            )
    return kept
