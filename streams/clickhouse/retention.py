"""How long ClickHouse keeps the rows of each table: the days of the migrations, or those of HYDROMETER_TABLE_DAYS."""

from __future__ import annotations

import re
from typing import Final

from streams.clickhouse.client import ClickHouse
from streams.core.errors import SettingsError
from streams.core.settings import Settings

ENDLESS: Final = frozenset({"migrations"})
"""Tables without an end: which of our files were applied."""

_TABLES: Final = """
SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree') ORDER BY name
"""
_TTL: Final = re.compile(r"\bTTL (.+?)(?: SETTINGS .*)?$", re.DOTALL)
_DAYS: Final = re.compile(r"toIntervalDay\((\d+)\)")


def days(clickhouse: ClickHouse) -> dict[str, int | None]:
    """Return after how many days the rows of each table end; None for a table without an end. Raises StoreUnavailableError."""
    return {name: int(match[1]) if (match := _DAYS.search(ttl)) else None for name, ttl in _expressions(clickhouse).items()}


def apply(clickhouse: ClickHouse, settings: Settings) -> dict[str, int]:
    """Set the days of HYDROMETER_TABLE_DAYS, and return those that changed.

    Raises:
        SettingsError: If a table of the setting does not exist, or has no end.
        StoreUnavailableError: If ClickHouse does not answer.
    """
    expressions, changed = _expressions(clickhouse), {}
    for table, wanted in settings.days_of_tables().items():
        match = _DAYS.search(expressions.get(table, ""))
        if match is None:
            known = ", ".join(name for name, ttl in expressions.items() if _DAYS.search(ttl))
            raise SettingsError(f"HYDROMETER_TABLE_DAYS names {table!r}: the tables with an end are {known}")
        if int(match[1]) != wanted:
            clickhouse.query(f"ALTER TABLE {table} MODIFY TTL {_DAYS.sub(f'toIntervalDay({wanted})', expressions[table])}")
            changed[table] = wanted
    return changed


def _expressions(clickhouse: ClickHouse) -> dict[str, str]:
    return {str(name): match[1] if (match := _TTL.search(query)) else "" for name, query in clickhouse.query(_TABLES)}
