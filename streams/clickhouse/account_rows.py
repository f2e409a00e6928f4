"""All rows about one account: found from the columns of the tables, so that a new table needs no list.

A table has rows of an account if it has a column `account_id`, an entity (`entity_kind`, `entity_id`), an item of a case's list (`part`,
`name`), or a `payload` of JSON, in which an account is a member, an entity or the example. Rows of cases under legal hold are exported, and
not deleted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from streams.clickhouse.client import ClickHouse
from streams.core.errors import StoreUnavailableError
from streams.schema.names import BEHAVIOURS, alert_name, entity_key

_ITEM: Final = "(part IN ('members', 'owners') AND name = %(account)s) OR (part IN ('links', 'entities') AND name IN %(entities)s)"
_VERSIONS: Final = f"""
SELECT DISTINCT concat(case_id, '@', toString(whole_version))
FROM cases INNER JOIN (SELECT case_id, version AS changed FROM case_items WHERE {_ITEM}) AS items USING case_id
WHERE changed BETWEEN whole_version AND version
"""  # noqa: S608 (a constant of ours)
"""The versions of cases whose lists have the account, each as its case and the whole version that it builds on."""
CONDITIONS: Final[Mapping[tuple[str, ...], str]] = {
    ("account_id",): "account_id = %(account)s",
    ("entity_kind", "entity_id"): (
        "(entity_kind = 'account' AND entity_id = %(account)s) OR (entity_kind IN ('link', 'member') AND endsWith(entity_id, %(link)s))"
    ),
    ("part", "name"): _ITEM,
    ("case_id", "whole_version"): "concat(case_id, '@', toString(whole_version)) IN %(versions)s",
    ("payload",): (
        "JSONHas(payload, 'members', %(account)s) OR JSONExtractString(payload, 'example', 'account') = %(account)s "
        "OR position(payload, %(quoted)s) > 0"
    ),
}
"""When a row of a table with these columns is about the account."""
_OF_SEVERAL: Final = "JSONHas(payload, 'members', %(account)s) AND JSONLength(payload, 'members') > 1"
"""When a decision is about others, too: it holds for them, and only the account is taken out of it."""
_OTHERS: Final = (
    "payload = toJSONString(map('members', mapFilter((name, keys) -> name != %(account)s, "
    "JSONExtract(payload, 'members', 'Map(String, Array(String))'))))"
)
"""Its payload without the account (`EnforcementPayload` has nothing but members)."""
_NOT_HELD: Final = "case_id NOT IN %(held)s"
_POLL_SECONDS: Final = 0.2
_PAGE_ROWS: Final = 1_000


@dataclass(frozen=True)
class AccountTable:
    """A table that can have rows about an account."""

    name: str
    columns: tuple[str, ...]

    @property
    def condition(self) -> str:
        """Return the SQL condition of rows about `%(account)s`."""
        return " OR ".join(f"({condition})" for columns, condition in CONDITIONS.items() if set(columns) <= set(self.columns))

    @property
    def decides(self) -> bool:
        """Return whether its rows are decisions of people, which no stage writes again without the account."""
        return {"decision_id", "payload"} <= set(self.columns)

    @property
    def erasable(self) -> str:
        """Return the SQL condition of those rows that an erasure deletes."""
        return f"({self.condition}) AND {_NOT_HELD}" if "case_id" in self.columns else self.condition


class AccountRows:
    """The rows about one account."""

    def __init__(self, clickhouse: ClickHouse, account: str, held: Sequence[str] = ()) -> None:
        """Read which tables there are. held: ids of the cases under legal hold."""
        self._clickhouse, key = clickhouse, entity_key("account", account)
        self._values: dict[str, str | list[str]] = {
            "account": account,
            "link": f"/{key}",
            "entities": [key, *(alert_name(behaviour, key) for behaviour in BEHAVIOURS)],
            "quoted": orjson.dumps(key).decode()[1:],
            "held": [*held, ""],  # an alert without a case has an empty case_id; ClickHouse refuses an empty list
        }
        self._values["versions"] = ["", *(version for (version,) in clickhouse.query(_VERSIONS, self._values))]
        self.tables = tables(clickhouse)

    def counts(self, *, erasable: bool = False) -> dict[str, int]:
        """Return the number of rows by table, all or those that an erasure deletes. Raises StoreUnavailableError."""
        return {table.name: self._count(table, erasable=erasable) for table in self.tables}

    def delete(self, wait_seconds: float) -> dict[str, int]:
        """Delete the rows, and return how many by table. Blocks until ClickHouse has rewritten the parts.

        A decision about several accounts stays, without the account.

        Raises:
            StoreUnavailableError: If ClickHouse is unavailable, or has not finished after `wait_seconds`.
        """
        counts = self.counts(erasable=True)
        for table in self.tables:
            if counts[table.name] and table.decides:
                self._clickhouse.query(f"ALTER TABLE {table.name} UPDATE {_OTHERS} WHERE {_OF_SEVERAL}", self._values)
            if counts[table.name]:
                self._clickhouse.query(f"ALTER TABLE {table.name} DELETE WHERE {table.erasable}", self._values)
        give_up = time.monotonic() + wait_seconds
        while left := {name: count for name, count in self.counts(erasable=True).items() if count}:
            if time.monotonic() > give_up:
                raise StoreUnavailableError(
                    f"ClickHouse has not deleted all rows of {', '.join(left)} after {wait_seconds:.0f} s: run it again"
                )
            time.sleep(_POLL_SECONDS)
        return {name: count for name, count in counts.items() if count}

    def label_ids(self) -> list[str]:
        """Return the ids of the labels on the account. Raises StoreUnavailableError."""
        (table,) = [table for table in self.tables if table.name == "labels"]
        return [name for (name,) in self._clickhouse.query(f"SELECT DISTINCT label_id FROM labels WHERE {table.erasable}", self._values)]  # noqa: S608 (our own conditions)

    def rows(self, table: AccountTable) -> Iterator[dict[str, object]]:
        """Yield the rows of one table, a page at a time. Raises StoreUnavailableError."""
        order = ", ".join(name for (name,) in self._clickhouse.query(_SORTING_KEY, {"table": table.name}))
        offset = 0
        while page := self._clickhouse.named(
            f"SELECT * FROM {table.name} WHERE {table.condition} ORDER BY {order} LIMIT {_PAGE_ROWS} OFFSET {offset}",  # noqa: S608 (as above)
            self._values,
        ):
            yield from page
            offset += _PAGE_ROWS

    def _count(self, table: AccountTable, *, erasable: bool) -> int:
        condition = table.erasable if erasable else table.condition
        ((count,),) = self._clickhouse.query(f"SELECT count() FROM {table.name} WHERE {condition}", self._values)  # noqa: S608 (as above)
        return int(count)


_COLUMNS: Final = """
SELECT table, groupArray(name) FROM system.columns
WHERE database = currentDatabase() AND default_kind != 'EPHEMERAL'
    AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree'))
GROUP BY table ORDER BY table
"""
_SORTING_KEY: Final = """
SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = %(table)s AND is_in_sorting_key ORDER BY position
"""


def tables(clickhouse: ClickHouse) -> list[AccountTable]:
    """Return the tables of the database that can have rows about an account. Raises StoreUnavailableError."""
    found = [AccountTable(str(name), tuple(columns)) for name, columns in clickhouse.query(_COLUMNS)]
    return [table for table in found if any(set(columns) <= set(table.columns) for columns in CONDITIONS)]
