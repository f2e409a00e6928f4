"""An insert is stored as a whole, or fails with the engine's own words: nothing is lost in silence."""

# ruff: noqa: S608 - these statements are made of our own words

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ErrorCodes, ServerException

from streams.devserver.process import LocalClickHouse
from streams.testing.builders import driver


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    client.execute(
        "CREATE TABLE sales (id UInt32, size UInt32, note String DEFAULT 'none', twice UInt32 MATERIALIZED size * 2, "
        "CONSTRAINT small CHECK size < 1000) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100"
    )
    yield "sales"
    client.execute("DROP TABLE sales SYNC")


def test_a_failing_constraint_stores_nothing(client: Client, table: str) -> None:
    rows = [(number, 1) for number in range(50_000)] + [(50_000, 1000)]
    with pytest.raises(ServerException, match="small") as caught:
        client.execute(f"INSERT INTO {table} (id, size) VALUES", rows)
    assert caught.value.code == 469
    assert client.execute(f"SELECT count() FROM {table}") == [(0,)]


def test_a_failing_view_is_told(client: Client, table: str) -> None:
    client.execute(f"CREATE MATERIALIZED VIEW picky ENGINE = Memory AS SELECT throwIf(size = 13) AS x FROM {table}")
    try:
        with pytest.raises(ServerException, match="picky") as caught:
            client.execute(f"INSERT INTO {table} (id, size) VALUES", [(1, 12), (2, 13)])
        assert caught.value.code == ErrorCodes.FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
    finally:
        client.execute("DROP VIEW picky SYNC")


def test_a_repeated_token_counts_once(client: Client, table: str) -> None:
    for token, size in (("a", 1), ("a", 1), ("b", 1)):
        rows = [(number, size) for number in range(1000)]
        client.execute(f"INSERT INTO {table} (id, size) VALUES", rows, settings={"insert_deduplication_token": token})
    assert client.execute(f"SELECT count() FROM {table}") == [(2000,)]


def test_a_repeated_token_counts_once_in_a_view(client: Client, table: str) -> None:
    client.execute(
        "CREATE TABLE sums (size UInt64) ENGINE = SummingMergeTree ORDER BY () SETTINGS non_replicated_deduplication_window = 100"
    )
    client.execute(f"CREATE MATERIALIZED VIEW summing TO sums AS SELECT sum(size) AS size FROM {table}")
    try:
        for _ in range(2):
            client.execute(f"INSERT INTO {table} (id, size) VALUES", [(1, 10), (2, 20)], settings={"insert_deduplication_token": "t"})
        assert client.execute("SELECT sum(size) FROM sums") == [(30,)]
    finally:
        client.execute("DROP VIEW summing SYNC")
        client.execute("DROP TABLE sums SYNC")


def test_omitted_columns_take_their_defaults(client: Client, table: str) -> None:
    client.execute(f"INSERT INTO {table} (size, id) VALUES", [(5, 1)])
    assert client.execute(f"SELECT id, size, note, twice FROM {table}") == [(1, 5, "none", 10)]


def test_all_columns_are_those_that_can_be_written(client: Client, table: str) -> None:
    client.execute(f"INSERT INTO {table} VALUES", [{"id": 1, "size": 2, "note": "x"}])
    assert client.execute(f"SELECT * FROM {table}") == [(1, 2, "x")]


@pytest.mark.parametrize(
    "form",
    [
        "insert into {0} (id, size) values",
        "INSERT INTO TABLE default.{0}(id,size)FORMAT Native",
        "INSERT INTO `default`.`{0}` (`id`, `size`) VALUES",
        "/* why */ INSERT INTO {0} -- where\n (id, size) SETTINGS max_insert_threads = 1 VALUES",
    ],
)
def test_an_insert_is_recognised_in_every_spelling(client: Client, table: str, form: str) -> None:
    assert client.execute(form.format(table), [(1, 2)]) == 1
    assert client.execute(f"SELECT id, size FROM {table}") == [(1, 2)]


def test_an_insert_goes_into_a_table_function(client: Client) -> None:
    assert client.execute("INSERT INTO FUNCTION null('a UInt8, b String') VALUES", [(1, "x")]) == 1


def test_many_rows_arrive_once_each(client: Client, table: str) -> None:
    ids = list(range(200_000))
    client.execute(f"INSERT INTO {table} (id, size) VALUES", [ids, [1] * len(ids)], columnar=True)
    assert client.execute(f"SELECT count(), uniqExact(id), sum(id) FROM {table}") == [(200_000, 200_000, sum(ids))]


def test_nothing_stays_in_the_spool(clickhouse: LocalClickHouse, tmp_path_factory: pytest.TempPathFactory) -> None:
    with driver(clickhouse) as client:
        client.execute("CREATE TABLE spooled (a UInt8) ENGINE = Memory")
        client.execute("INSERT INTO spooled VALUES", [(1,)])
    folders: list[Path] = list(tmp_path_factory.getbasetemp().glob("local*/clickhouse/spool"))
    assert folders
    assert not [file for folder in folders for file in folder.iterdir()]


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE k (a UInt8) ENGINE = Kafka", "create table k (a UInt8) engine=`kafka`('x:1', 't', 'g', 'CSV')"]
)
def test_the_engine_that_would_break_the_directory_is_refused(client: Client, statement: str) -> None:
    with pytest.raises(ServerException, match="hydrometer local refuses") as caught:
        client.execute(statement)
    assert caught.value.code == ErrorCodes.SUPPORT_IS_DISABLED
    assert client.execute("SELECT 'ENGINE = Kafka'") == [("ENGINE = Kafka",)]


def test_nobody_can_shut_the_engine_down(client: Client) -> None:
    with pytest.raises(ServerException, match="SIGTERM"):
        client.execute("SYSTEM SHUTDOWN")
    assert client.execute("SELECT 1") == [(1,)]
