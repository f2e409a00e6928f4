"""No table is forgotten, and every value of every column comes back as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from streams.backup import tables
from streams.backup.manifest import BackupError, BackupManifest, LedgerMark, SavedFile
from streams.backup.tables import Table
from streams.clickhouse.client import ClickHouse, connected
from streams.core.settings import Settings

HOLDING = "SELECT name FROM system.tables WHERE database = currentDatabase() AND NOT endsWith(engine, 'View') ORDER BY name"


def manifest_of(files: list[SavedFile]) -> BackupManifest:
    return BackupManifest(1, "", "", 2, {}, {}, LedgerMark(0, ""), files, [], [])


def fill(clickhouse: ClickHouse, table: Table) -> None:
    """Insert 50 rows of random bits, within the last days so that none expires."""
    columns = {name: of for name, of in table.columns.items() if name not in table.aggregates}
    names = ", ".join(f"`{name}`" for name in columns)
    chosen = ", ".join("now() - rand() % 400000" if of.startswith("DateTime") else f"`{name}`" for name, of in columns.items())
    kinds = ", ".join(f"`{name}` {of}" for name, of in columns.items()).replace("'", "\\'")
    clickhouse.query(f"INSERT INTO {table.name} ({names}) SELECT {chosen} FROM generateRandom('{kinds}', 7, 12, 3) LIMIT 50")  # noqa: S608


def content(clickhouse: ClickHouse, table: Table) -> list[tuple[object, ...]]:
    columns = [f"hex(`{name}`)" if name in table.aggregates else f"hex(toString(`{name}`))" for name in table.columns]
    return sorted(clickhouse.query(f"SELECT {', '.join(columns)} FROM {table.name}"))  # noqa: S608


def test_every_table_comes_back_bit_by_bit(deployment: Callable[..., Settings], tmp_path: Path) -> None:
    with connected(deployment("before")) as before, connected(deployment("after")) as after:
        for table in tables.tables(before):
            fill(before, table)
        files = list(tables.save(before, tmp_path))
        assert sorted({file.name for file in files} | {tables.MIGRATIONS}) == [name for (name,) in before.query(HOLDING)]
        tables.refuse_filled(after)
        assert list(tables.load(after, tmp_path, manifest_of(files))) == sorted(files, key=lambda file: file.name == "usage_minute")
        for table in tables.tables(before):
            assert content(after, table) == content(before, table), table.name
        with pytest.raises(BackupError, match="is not empty: restore into a new database"):
            tables.refuse_filled(after)


def test_what_a_view_counted_and_the_backup_lacks_is_not_counted_again(deployment: Callable[..., Settings], tmp_path: Path) -> None:
    with connected(deployment("before")) as before, connected(deployment("after")) as after:
        before.query("INSERT INTO requests (time, event_id, account_id) SELECT now(), toString(number), 'a' FROM numbers(3)")
        before.query("TRUNCATE TABLE usage_minute")
        list(tables.load(after, tmp_path, manifest_of(list(tables.save(before, tmp_path)))))
        assert after.query("SELECT count() FROM requests") == [(3,)]
        assert after.query("SELECT count() FROM usage_minute") == [(0,)]


def test_a_column_that_is_gone_is_refused(deployment: Callable[..., Settings], tmp_path: Path) -> None:
    with connected(deployment("before")) as before, connected(deployment("after")) as after:
        before.query("ALTER TABLE arrivals ADD COLUMN colour String")
        before.query("INSERT INTO arrivals (minute, feed, events, colour) VALUES (now(), 'http', 1, 'red')")
        files = list(tables.save(before, tmp_path))
        with pytest.raises(BackupError, match=r"has a column arrivals\.colour that is not here: restore it with the version that made it"):
            list(tables.load(after, tmp_path, manifest_of(files)))


def test_a_type_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(BackupError, match=r"t\.c has a type that no backup knows \(IPv6\)"):
        assert Table("t", {"c": "IPv6"}).schema


@pytest.mark.parametrize(
    ("clickhouse", "arrow"),
    [
        ("Map(LowCardinality(String), Float32)", pa.map_(pa.binary(), pa.float32())),
        ("Array(UInt64)", pa.list_(pa.uint64())),
        ("SimpleAggregateFunction(sum, UInt64)", pa.uint64()),
        ("Nullable(DateTime('UTC'))", pa.timestamp("s", tz="UTC")),
        ("Enum8('open' = 1, 'resolved' = 2)", pa.string()),
    ],
)
def test_a_type_of_clickhouse_is_one_of_arrow(clickhouse: str, arrow: pa.DataType) -> None:
    assert tables.arrow_type(clickhouse) == arrow
