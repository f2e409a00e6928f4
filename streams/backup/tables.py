"""ClickHouse's tables in a backup: every table of the database, one Parquet file for each of its partitions, every column with its type.

The state of an aggregate function (`usage_minute.accounts`) travels as ClickHouse's own bytes, in hexadecimal. Views hold nothing; what
feeds on the rows of another table (`usage_minute`) is emptied and filled again after that one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from streams.backup.manifest import BackupError, BackupManifest, SavedFile, read_parquet, saved, write_parquet
from streams.clickhouse.client import ClickHouse

MIGRATIONS: Final = "migrations"
"""Written by `hydrometer migrate`, also before a restore; the manifest names what was applied."""

_COLUMNS: Final = """
SELECT table, groupArray((name, type)) FROM (
    SELECT table, name, type FROM system.columns
    WHERE database = currentDatabase() AND default_kind NOT IN ('EPHEMERAL', 'ALIAS', 'MATERIALIZED')
        AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree'))
    ORDER BY table, position
) GROUP BY table ORDER BY table
"""
_VIEWS: Final = """
SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView'
"""
_APPLIED: Final = "SELECT name, checksum FROM migrations ORDER BY number"
_TARGET: Final = re.compile(r" TO (?:[\w`]+\.)?`?(\w+)`? ")
_WRAPPED: Final = re.compile(r"(?:LowCardinality|Nullable|SimpleAggregateFunction)\((?:\w+, )?(.+)\)$")
_ARRAY: Final = re.compile(r"Array\((.+)\)$")
_MAP: Final = re.compile(r"Map\(([^,]+), (.+)\)$")
_AGGREGATE: Final = "AggregateFunction("
_PLAIN: Final[Mapping[str, pa.DataType]] = {
    "String": pa.binary(),
    "Bool": pa.bool_(),
    "Float32": pa.float32(),
    "Float64": pa.float64(),
    "DateTime('UTC')": pa.timestamp("s", tz="UTC"),
    "DateTime64(3, 'UTC')": pa.timestamp("ms", tz="UTC"),
    **{f"UInt{bits}": getattr(pa, f"uint{bits}")() for bits in (8, 16, 32, 64)},
    **{f"Int{bits}": getattr(pa, f"int{bits}")() for bits in (8, 16, 32, 64)},
}


@dataclass(frozen=True)
class Table:
    """A table of the database."""

    name: str
    columns: Mapping[str, str]
    """ClickHouse's type by name."""

    @property
    def schema(self) -> pa.Schema:
        """Return the columns as Arrow has them. Raises BackupError for a type that is not known here."""
        return pa.schema([pa.field(name, self._arrow(name), metadata={"clickhouse": of}) for name, of in self.columns.items()])

    def _arrow(self, name: str) -> pa.DataType:
        try:
            return arrow_type(self.columns[name])
        except KeyError:
            raise BackupError(
                f"{self.name}.{name} has a type that no backup knows ({self.columns[name]}): add it to backup/tables.py"
            ) from None

    @property
    def aggregates(self) -> list[str]:
        """Return the columns that hold states of aggregate functions."""
        return [name for name, of in self.columns.items() if of.startswith(_AGGREGATE)]


def arrow_type(clickhouse: str) -> pa.DataType:
    """Return Arrow's type of one of ClickHouse's. Raises KeyError.

    >>> arrow_type("LowCardinality(Nullable(String))")
    DataType(binary)
    """
    if match := _WRAPPED.match(clickhouse):
        return arrow_type(match[1])
    if match := _ARRAY.match(clickhouse):
        return pa.list_(arrow_type(match[1]))
    if match := _MAP.match(clickhouse):
        return pa.map_(arrow_type(match[1]), arrow_type(match[2]))
    if clickhouse.startswith(_AGGREGATE):
        return pa.binary()
    if clickhouse.startswith(("Enum8(", "Enum16(")):
        return pa.string()
    return _PLAIN[clickhouse]


def tables(clickhouse: ClickHouse) -> list[Table]:
    """Return every table of the database that holds rows, by name. Raises StoreUnavailableError."""
    return [Table(str(name), dict(columns)) for name, columns in clickhouse.query(_COLUMNS) if name != MIGRATIONS]


def applied(clickhouse: ClickHouse) -> dict[str, str]:
    """Return the checksum of each migration that was applied, by name. Raises StoreUnavailableError."""
    return {str(name): str(checksum) for name, checksum in clickhouse.query(_APPLIED)}


def save(clickhouse: ClickHouse, folder: Path) -> Iterator[SavedFile]:
    """Write every table into a folder, and yield each file. Raises BackupError, StoreUnavailableError."""
    for table in tables(clickhouse):
        chosen = ", ".join(f"hex(`{name}`)" if name in table.aggregates else f"`{name}`" for name in table.columns)
        parts = clickhouse.query(f"SELECT DISTINCT _partition_id FROM `{table.name}` ORDER BY 1")  # noqa: S608 (names of our own schema)
        for (part,) in parts:
            path = folder / "tables" / table.name / f"{part}.parquet"
            rows = clickhouse.stream(f"SELECT {chosen} FROM `{table.name}` WHERE _partition_id = %(part)s", {"part": part})  # noqa: S608 (as above)
            count = write_parquet(path, table.schema, rows)
            yield saved(folder, path, "table", table.name, count)


def refuse_filled(clickhouse: ClickHouse) -> None:
    """Raise BackupError when a table has a row."""
    for table in tables(clickhouse):
        if clickhouse.query(f"SELECT 1 FROM `{table.name}` LIMIT 1"):  # noqa: S608 (as above)
            raise BackupError(
                f"the table {table.name} is not empty: restore into a new database (HYDROMETER_CLICKHOUSE_DATABASE), or drop this one first"
            )


def load(clickhouse: ClickHouse, folder: Path, manifest: BackupManifest) -> Iterator[SavedFile]:
    """Insert the rows of a backup into empty tables, and yield each file when its rows are in.

    Raises:
        BackupError: A table or column of the backup does not exist.
        StoreUnavailableError: ClickHouse does not answer.
    """
    known, fed = {table.name: table for table in tables(clickhouse)}, _fed(clickhouse)
    files = [file for file in manifest.files if file.kind == "table"]
    for name in fed - {file.name for file in files if file.name not in fed}:
        clickhouse.query(f"TRUNCATE TABLE `{name}`")
    for file in sorted(files, key=lambda file: file.name in fed):
        if file.name not in known:
            raise BackupError(f"the backup has a table {file.name} that is not here: restore it with the version that made it")
        if file.name in fed:
            fed.discard(file.name)
            clickhouse.query(f"TRUNCATE TABLE `{file.name}`")
        _insert(clickhouse, known[file.name], folder / file.path)
        yield file
    for name in fed:
        clickhouse.query(f"TRUNCATE TABLE `{name}`")


def _fed(clickhouse: ClickHouse) -> set[str]:
    """Return the tables that views fill."""
    return {match[1] for (query,) in clickhouse.query(_VIEWS) if (match := _TARGET.search(str(query)))}


def _insert(clickhouse: ClickHouse, table: Table, path: Path) -> None:
    names = pq.read_schema(path).names
    if missing := [name for name in names if name not in table.columns]:
        raise BackupError(f"the backup has a column {table.name}.{missing[0]} that is not here: restore it with the version that made it")
    maps = [index for index, name in enumerate(names) if table.columns[name].startswith("Map(")]
    states = set(table.aggregates) & set(names)
    target = f"restoring_{table.name}" if states else table.name
    if states:
        kinds = ", ".join(f"`{name}` {'String' if name in states else table.columns[name]}" for name in names)
        clickhouse.query(f"CREATE OR REPLACE TABLE `{target}` ({kinds}) ENGINE = MergeTree ORDER BY tuple()")
    for piece in read_parquet(path):
        rows = [[dict(cell) if index in maps else cell for index, cell in enumerate(row)] for row in piece] if maps else piece
        clickhouse.insert_rows(target, names, rows)
    if states:
        listed = ", ".join(f"`{name}`" for name in names)
        chosen = ", ".join(f"CAST(unhex(`{name}`), '{_quoted(table.columns[name])}')" if name in states else f"`{name}`" for name in names)
        clickhouse.query(f"INSERT INTO `{table.name}` ({listed}) SELECT {chosen} FROM `{target}`")  # noqa: S608 (as above)
        clickhouse.query(f"DROP TABLE `{target}`")


def _quoted(of: str) -> str:
    return of.replace("\\", "\\\\").replace("'", "\\'")
