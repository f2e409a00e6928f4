"""Which values of the table `requests` are unknown: NULL in numbers, '' in texts, 0 in hashes."""

from __future__ import annotations

from typing import Final

from streams.core.queries import Queries
from streams.schema import layouts

ALWAYS_KNOWN: Final = frozenset(layouts.REQUEST_KEYS.columns)


def _condition(column: str, kind: str) -> str:
    if kind == "hash":
        return f"{column} = 0"
    if kind == "shingles":
        return f"empty({column})"
    return f"{column} = ''" if kind == "text" else f"{column} IS NULL"


CONDITIONS: Final = {column: _condition(column, kind) for column, kind in layouts.REQUESTS.columns.items() if column not in ALWAYS_KNOWN}
"""By column, the condition under which it is unknown."""
COUNTS: Final = ", ".join(f"('{column}', countIf({condition}))" for column, condition in CONDITIONS.items())
"""An expression: pairs of a column and in how many rows it is unknown."""
SAMPLE: Final = "FROM hydrometer.requests PREWHERE intDiv(_part_offset, 8192) % 8 = 0"
"""One granule in eight: what asks about every column would otherwise read the whole table."""


def never_known(clickhouse: Queries) -> tuple[int, list[str]]:
    """Return how many requests of the last day were looked at, and the columns that none of them has. Raises StoreUnavailableError."""
    sample = SAMPLE.replace("hydrometer.", "")
    ((rows, counts),) = clickhouse.query(f"SELECT count(), [{COUNTS}] {sample} WHERE time > now() - INTERVAL 1 DAY")
    return rows, [column for column, unknown in counts if unknown == rows]
