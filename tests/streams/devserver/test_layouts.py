"""Every type that the driver knows makes the round trip: inserted, stored by the engine, read back equal."""

# ruff: noqa: S608 - these statements are made of our own words

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from streams.devserver.process import LocalClickHouse
from streams.testing.builders import driver

UTC = dt.UTC
LONG = "x" * 300

VALUES: list[tuple[str, list[Any]]] = [
    ("UInt8", [0, 255]),
    ("Int128", [-(2**100), 2**100]),
    ("UInt256", [0, 2**200]),
    ("Float32", [0.5, -1.25]),
    ("Bool", [True, False]),
    ("String", ["", "short", LONG, "ümlaut", "a\nb\n\nc"]),
    ("FixedString(3)", ["abc", "de"]),
    ("Date", [dt.date(2026, 11, 21)]),
    ("Date32", [dt.date(1925, 1, 1)]),
    ("DateTime", [dt.datetime(2026, 11, 21, 23, 59, 58)]),  # noqa: DTZ001 - the driver's, without a zone
    ("DateTime64(3, 'UTC')", [dt.datetime(2026, 11, 21, 23, 59, 58, 123_000, tzinfo=UTC)]),
    ("UUID", [uuid.UUID(int=1), uuid.UUID(int=2**127)]),
    ("IPv4", [ipaddress.IPv4Address("10.0.0.1")]),
    ("IPv6", [ipaddress.IPv6Address("2001:db8::1")]),
    ("Decimal(9, 2)", [Decimal("1.25"), Decimal("-3.50")]),
    ("Decimal(38, 10)", [Decimal("12345678901234567890.0123456789")]),
    ("Decimal(76, 1)", [Decimal("0.1")]),
    ("Enum8('a, b' = -1, 'it\\'s (' = 2)", ["a, b", "it's ("]),
    ("Enum16('x' = 1000)", ["x"]),
    ("Nullable(String)", [None, "x", None]),
    ("Nullable(Float64)", [None, 0.5]),
    ("LowCardinality(String)", ["red", "blue", "red", LONG]),
    ("LowCardinality(Nullable(String))", ["red", None, ""]),
    ("Array(UInt16)", [[], [1, 2], [3]]),
    ("Array(Array(String))", [[], [[], ["x", LONG]]]),
    ("Array(LowCardinality(String))", [[], ["a", "b", "a"]]),
    ("Array(Nullable(UInt8))", [[None, 1], []]),
    ("Tuple(UInt8, String)", [(1, "x"), (2, LONG)]),
    ("Tuple(a UInt8, b Nullable(String))", [(1, None), (2, "y")]),
    ("Map(String, UInt64)", [{}, {"a": 1, "b": 2}]),
    ("Map(LowCardinality(String), Float32)", [{"egress": 0.5}, {}, {"egress": 1.5, "age": 2.0}]),
    ("Map(String, Array(UInt8))", [{"k": [1, 2]}, {}]),
    ("SimpleAggregateFunction(max, UInt32)", [7, 8]),
    ("Point", [(0.5, 1.5)]),
    ("Polygon", [[[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]]]),
]


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[kind[:40] for kind, _ in VALUES])
@pytest.mark.parametrize("columnar", [False, True], ids=["rows", "columns"])
def test_a_value_makes_the_round_trip(client: Client, kind: str, values: list[Any], *, columnar: bool) -> None:
    client.execute(f"CREATE OR REPLACE TABLE trip (n UInt32, v {kind}, after String) ENGINE = MergeTree ORDER BY n")
    rows = [(number, value, f"end {number}") for number, value in enumerate(values * 3)]
    data = list(map(list, zip(*rows, strict=True))) if columnar else rows
    assert client.execute("INSERT INTO trip VALUES", data, columnar=columnar) == len(rows)
    read, columns = client.execute("SELECT * FROM trip ORDER BY n", with_column_types=True)
    assert [row[0] for row in read] == [row[0] for row in rows]
    assert [row[1] for row in read] == [row[1] for row in rows]
    assert [row[2] for row in read] == [row[2] for row in rows]
    assert columns[1][0] == "v"


def test_nested_columns_make_the_round_trip(client: Client) -> None:
    client.execute("CREATE OR REPLACE TABLE nest (n Nested(name String, size UInt8)) ENGINE = Memory")
    client.execute("INSERT INTO nest (n.name, n.size) VALUES", [(["a", "b"], [1, 2])])
    assert client.execute("SELECT n.name, n.size FROM nest") == [(["a", "b"], [1, 2])]


def test_intervals_and_nulls_are_read(client: Client) -> None:
    assert client.execute("SELECT INTERVAL 3 DAY, NULL, [NULL], ''") == [(3, None, [None], "")]


def test_json_travels_as_text(client: Client) -> None:
    asked = "SELECT CAST('{\"a\": {\"b\": 1}}' AS JSON) AS j, 'end' AS e"
    rows = client.execute(f"SELECT toString(j), e FROM ({asked})")
    assert rows == [('{"a":{"b":1}}', "end")]


@pytest.mark.parametrize("value", ["sumState(1)", "CAST(1 AS Variant(UInt8, String))", "CAST(1 AS Dynamic)"])
def test_a_type_that_cannot_travel_is_named(client: Client, value: str) -> None:
    with pytest.raises(ServerException, match="convert them") as caught:
        client.execute(f"SELECT {value}, 1")
    assert caught.value.code == 50
    assert client.execute("SELECT 1") == [(1,)]


NUMPY = [
    ("Float64", np.arange(5, dtype="f8")),
    ("UInt64", np.arange(5, dtype="u8")),
    ("Int8", np.arange(-2, 3, dtype="i1")),
    ("String", np.array(["a", "", LONG, "b", "a"], dtype=object)),
    ("LowCardinality(String)", np.array(["a", "b", "a", "a", "c"], dtype=object)),
    ("Nullable(Float64)", np.array([0.5, None, 1.5, None, 2.5], dtype=object)),
    ("DateTime64(3, 'UTC')", np.array(["2026-11-21T00:00:00.123"] * 5, dtype="datetime64[ns]")),
    ("Date", np.array(["2026-11-21"] * 5, dtype="datetime64[D]")),
]


@pytest.mark.parametrize(("kind", "values"), NUMPY, ids=[kind for kind, _ in NUMPY])
@pytest.mark.parametrize("compression", [False, "lz4"])
def test_numpy_columns_make_the_round_trip(clickhouse: LocalClickHouse, kind: str, values: Any, compression: Any) -> None:
    with driver(clickhouse, settings={"use_numpy": True}, compression=compression) as client:
        client.execute(f"CREATE OR REPLACE TABLE arrays (n UInt8, v {kind}) ENGINE = MergeTree ORDER BY n")
        client.execute("INSERT INTO arrays VALUES", [np.arange(5, dtype="u1"), values], columnar=True)
        _, read = client.execute("SELECT n, v FROM arrays ORDER BY n", columnar=True)
    plain = np.asarray(read).astype(values.dtype) if "Date" in kind else np.asarray(read, dtype=values.dtype)
    assert list(plain) == list(values)


def test_numpy_reads_maps_and_arrays(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse, settings={"use_numpy": True}) as client:
        numbers, lists, maps = client.execute("SELECT number, [number], map('k', number) FROM numbers(2)", columnar=True)
    assert (list(numbers), [list(part) for part in lists], list(maps)) == ([0, 1], [[0], [1]], [{"k": 0}, {"k": 1}])
