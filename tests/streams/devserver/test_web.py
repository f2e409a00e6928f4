"""The HTTP side, and the two other clients: clickhouse-connect (HTTP) and asynch (native)."""

# ruff: noqa: S608 - these statements are made of our own words

from __future__ import annotations

import base64
import gzip
import json
import socket
import zlib
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asynch
import clickhouse_connect
import lz4.frame  # type: ignore[import-untyped]
import pytest
import zstandard
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.devserver import frames
from streams.devserver.channel import BLOCK_INFO
from streams.devserver.native import pass_block
from streams.devserver.process import LocalClickHouse
from streams.devserver.wire import WireReader


def peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


def ask(server: LocalClickHouse, body: Any = None, *, method: str = "POST", headers: Any = None, **fields: str) -> Answer:
    connection = HTTPConnection(server.host, server.http_port, timeout=20)
    login = {"X-ClickHouse-User": server.user, "X-ClickHouse-Key": server.password}
    connection.request(
        method,
        "/?" + urlencode({key: value for key, value in fields.items() if value}),
        body,
        login if headers is None else {**login, **headers},
    )
    answer = connection.getresponse()
    try:
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "br"}, {"Content-Encoding": "gzip, br"}, {"Content-Type": "multipart/form-data; boundary=x"}]
)
def test_a_body_that_is_not_read_here_is_said_so(clickhouse: LocalClickHouse, headers: dict[str, str]) -> None:
    assert ask(clickhouse, b"SELECT 1", headers=headers).status == 415


def test_every_error_ends_with_its_name(clickhouse: LocalClickHouse) -> None:
    for words, name in (("SELEC 1", b"(SYNTAX_ERROR)"), ("SELECT * FROM nowhere", b"(UNKNOWN_TABLE)")):
        body = ask(clickhouse, words.encode()).body
        assert body.count(name) == 1
    assert b"(UNKNOWN_SETTING)" in ask(clickhouse, b"SELECT 1", no_such_setting="1").body


def test_data_that_look_like_an_error_are_data_to_clients_that_know_the_tag(clickhouse: LocalClickHouse) -> None:
    tags = {ask(clickhouse, b"SELECT '__exception__'").headers["X-ClickHouse-Exception-Tag"] for _ in range(3)}
    assert [len(tag) for tag in tags] == [16] * 3, "a new one for each answer"


def test_ping_needs_no_login(clickhouse: LocalClickHouse) -> None:
    connection = HTTPConnection(clickhouse.host, clickhouse.http_port, timeout=20)
    connection.request("GET", "/ping")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"Ok.\n")
    connection.close()


def test_a_query_comes_in_the_body_or_in_the_address(clickhouse: LocalClickHouse) -> None:
    assert ask(clickhouse, b"SELECT 1, 'x'").body == b"1\tx\n"
    assert ask(clickhouse, query="SELECT 2").body == b"2\n"
    assert ask(clickhouse, method="GET", query="SELECT 3").body == b"3\n"


def test_the_format_is_the_querys_or_the_default(clickhouse: LocalClickHouse) -> None:
    assert json.loads(ask(clickhouse, b"SELECT 1 AS x", default_format="JSONCompact").body)["data"] == [[1]]
    answer = ask(clickhouse, b"SELECT 1 AS x FORMAT CSV", default_format="JSON")
    assert (answer.body, answer.headers["X-ClickHouse-Format"]) == (b"1\n", "CSV")


def test_totals_come_with_json(clickhouse: LocalClickHouse) -> None:
    query = b"SELECT number % 2 AS odd, count() AS n FROM numbers(3) GROUP BY odd WITH TOTALS ORDER BY odd FORMAT JSON"
    assert json.loads(ask(clickhouse, query).body)["totals"] == {"odd": 0, "n": 3}


def test_parameters_and_settings_come_in_the_address(clickhouse: LocalClickHouse) -> None:
    answer = ask(clickhouse, b"SELECT {word:String}, getSetting('max_block_size')", param_word="it's", max_block_size="7")
    assert answer.body == b"it\\'s\t7\n"


def test_a_time_zone_of_the_session_holds(clickhouse: LocalClickHouse) -> None:
    answer = ask(clickhouse, b"SELECT toUnixTimestamp(toDateTime('1970-01-01 07:00:00'))", session_timezone="Asia/Novosibirsk")
    assert answer.body == b"0\n"


@pytest.mark.parametrize(
    ("query", "fields", "status", "code"),
    [
        ("SELECT * FROM nowhere", {}, 404, "60"),
        ("SELECT FROM WHERE", {}, 400, "62"),
        ("SELECT 1; SELECT 2", {}, 400, "62"),
        ("SELECT 1", {"no_such_setting": "1"}, 500, "115"),
        ("SELECT 1", {"database": "nowhere"}, 404, "81"),
        ("SELECT throwIf(1)", {}, 500, "395"),
        ("CREATE TABLE k (a UInt8) ENGINE = Kafka", {}, 500, "344"),
    ],
)
def test_exceptions_carry_clickhouses_code(clickhouse: LocalClickHouse, query: str, fields: Any, status: int, code: str) -> None:
    answer = ask(clickhouse, query.encode(), **fields)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert answer.body.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_a_login_comes_in_headers_basic_or_address(clickhouse: LocalClickHouse) -> None:
    nobody = {"X-ClickHouse-User": "", "X-ClickHouse-Key": ""}
    basic = base64.b64encode(f"{clickhouse.user}:{clickhouse.password}".encode()).decode()
    assert ask(clickhouse, b"SELECT 1", headers={**nobody, "Authorization": f"Basic {basic}"}).status == 200
    assert ask(clickhouse, b"SELECT 1", headers=nobody, user=clickhouse.user, password=clickhouse.password).status == 200


@pytest.mark.parametrize("login", [{"X-ClickHouse-Key": "wrong"}, {"X-ClickHouse-User": "default"}, {"Authorization": "Basic !!!"}])
def test_a_wrong_login_is_refused(clickhouse: LocalClickHouse, login: dict[str, str]) -> None:
    answer = ask(clickhouse, b"SELECT 1", headers=login)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")


def test_get_only_reads(clickhouse: LocalClickHouse) -> None:
    answer = ask(clickhouse, method="GET", query="CREATE TABLE got (a UInt8) ENGINE = Memory")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


@pytest.mark.parametrize(
    ("query", "body", "packing"),
    [
        ("INSERT INTO posted FORMAT CSV", b'1,"a"\n2,b\n', None),
        ("INSERT INTO posted VALUES", b"(1, 'a'), (2, 'b')", None),
        ("INSERT INTO posted FORMAT JSONEachRow", b'{"n": 1, "s": "a"}\n\n{"n": 2, "s": "b"}', None),
        ("INSERT INTO posted (s, n) FORMAT TSV", b"a\t1\nb\t2\n", "gzip"),
        ("INSERT INTO posted (s, n) FORMAT TSV", b"a\t1\nb\t2\n", "zstd"),
        ("", b'INSERT INTO posted FORMAT JSONEachRow\n{"n": 1, "s": "a"}\n\n{"n": 2, "s": "b"}', None),
        ("", b'INSERT INTO posted FORMAT JSONEachRow {"n": 1, "s": "a"} {"n": 2, "s": "b"}', None),
        ("", b"INSERT INTO posted VALUES (1, 'a'), (2, 'b')", None),
    ],
)
def test_an_insert_brings_its_data(clickhouse: LocalClickHouse, query: str, body: bytes, packing: str | None) -> None:
    ask(clickhouse, b"CREATE OR REPLACE TABLE posted (n UInt8, s String) ENGINE = Memory")
    packed = gzip.compress(body) if packing == "gzip" else zstandard.compress(body) if packing else body
    answer = ask(clickhouse, packed, headers={"Content-Encoding": packing} if packing else {}, query=query)
    assert answer.status == 200, answer.body
    assert ask(clickhouse, b"SELECT * FROM posted ORDER BY n").body == b"1\ta\n2\tb\n"


def test_a_body_may_come_in_chunks(clickhouse: LocalClickHouse) -> None:
    ask(clickhouse, b"CREATE OR REPLACE TABLE chunked (n UInt32) ENGINE = Memory")
    pieces = (f"{number}\n".encode() for number in range(1000))
    assert ask(clickhouse, pieces, query="INSERT INTO chunked FORMAT TSV").status == 200
    assert ask(clickhouse, b"SELECT sum(n) FROM chunked").body == b"499500\n"


def test_a_failing_insert_is_told(clickhouse: LocalClickHouse) -> None:
    ask(clickhouse, b"CREATE OR REPLACE TABLE strict (n UInt8, CONSTRAINT c CHECK n < 5) ENGINE = Memory")
    answer = ask(clickhouse, b"1\n7\n", query="INSERT INTO strict FORMAT TSV")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "469")
    assert ask(clickhouse, b"SELECT count() FROM strict").body == b"0\n"


def test_bad_requests_do_not_stop_the_server(clickhouse: LocalClickHouse) -> None:
    assert ask(clickhouse, b"no gzip", headers={"Content-Encoding": "gzip"}).status == 400
    assert ask(clickhouse, gzip.compress(b"SELECT 1")[:-5], headers={"Content-Encoding": "gzip"}).status == 400
    assert ask(clickhouse, b"x", headers={"Content-Encoding": "snappy"}).status == 415
    assert ask(clickhouse, b"\xff\xfe\x00").status == 400
    assert ask(clickhouse, b"").status == 400
    assert ask(clickhouse, b"SELECT 1", client_protocol_version="many").status == 200
    for garbage in (b"POST //[ HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"):
        with socket.create_connection((clickhouse.host, clickhouse.http_port), timeout=10) as sock:
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
            assert b" 4" in sock.recv(1000)
    with (
        socket.create_connection((clickhouse.host, clickhouse.http_port), timeout=10) as sock,
        suppress(OSError),  # the server may hang up on a line that never ends, before all of it was sent
    ):
        sock.sendall(b"\xff" * 100_000)
        assert b" 4" in sock.recv(1000)
    assert ask(clickhouse, b"SELECT 1").body == b"1\n"


EXPRESSIONS = """
1, 'x', tuple(), 'end'
[toLowCardinality('a')], map('k', [(1, toLowCardinality('x'))]), 'end'
CAST(NULL AS Nullable(UInt8)), [[NULL, 'x']], (1, (2, [3])), 'end'
CAST((1, 'x') AS Tuple(a UInt8, `b, (c` String)), CAST('a, (b' AS Enum8('a, (b' = 1, 'it''s' = 2)), 'end'
toDecimal256(1, 5), toDateTime64(0, 9), toUUID('00000000-0000-0000-0000-000000000001'), toFixedString('a', 5), 'end'
INTERVAL 1 DAY, toIPv4('1.2.3.4'), toIPv6('::1'), toInt256(1), toBFloat16(1), true, NULL, 'end'
[(0., 1.)]::Ring, [[(0., 1.)]]::Polygon, [[[(0., 1.)]]]::MultiPolygon, [[(1., 2.)]]::MultiLineString, 'end'
repeat('long', 5000), '', repeat('x', 127), repeat('y', 128), 'end'
toLowCardinality(toNullable('a')), mapFromArrays([toLowCardinality('a')], [toLowCardinality(toNullable('b'))]), 'end'
'{"a": [1, {"b": null}]}'::JSON, 'end'
""".strip().splitlines()


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_a_walk_over_any_block_ends_where_the_block_ends(clickhouse: LocalClickHouse, expression: str, rows: int) -> None:
    query = f"SELECT number, {expression}, number FROM numbers({rows}) SETTINGS output_format_native_write_json_as_string = 1 FORMAT Native"
    block = ask(clickhouse, query.encode()).body
    reader, out = WireReader.over(block), list[bytes]()
    assert pass_block(reader, out.append, 1 << 40).rows == rows
    assert (reader.buffered, b"".join(out)) == (0, block)


def test_clickhouse_connect_reads_and_writes(clickhouse: LocalClickHouse) -> None:
    client = clickhouse_connect.get_client(
        host=clickhouse.host, port=clickhouse.http_port, username=clickhouse.user, password=clickhouse.password
    )
    client.command(
        "CREATE OR REPLACE TABLE met (n UInt32, kind LowCardinality(String), m Map(String, Float32)) ENGINE = MergeTree ORDER BY n"
    )
    rows = [[number, "abc"[number % 3], {"k": 0.5}] for number in range(1000)]
    assert client.insert("met", rows, column_names=["n", "kind", "m"]).written_rows == 1000
    assert client.query("SELECT * FROM met ORDER BY n").result_rows == [tuple(row) for row in rows]
    assert client.query("SELECT sum(n) FROM met WHERE kind = {k:String}", parameters={"k": "a"}).result_rows == [(166_833,)]
    assert client.command("SELECT getSetting('max_threads')", settings={"max_threads": 3}) == 3
    with pytest.raises(DatabaseError, match="UNKNOWN_IDENTIFIER"):
        client.query("SELECT nowhere")
    client.close()


@pytest.mark.parametrize("compression", [False, "lz4"])
async def test_asynch_reads_and_writes(clickhouse: LocalClickHouse, compression: Any) -> None:
    login = {"user": clickhouse.user, "password": clickhouse.password, "database": "default"}
    async with asynch.connect(host=clickhouse.host, port=clickhouse.port, compression=compression, **login) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("CREATE OR REPLACE TABLE met_async (n UInt8, s String) ENGINE = Memory")
        async with connection.cursor() as cursor:
            await cursor.execute("INSERT INTO met_async VALUES", [(1, "x"), (2, "y")])
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT n, s FROM met_async ORDER BY n")
            assert await cursor.fetchall() == [(1, "x"), (2, "y")]


def test_native_answers_suit_the_clients_revision(clickhouse: LocalClickHouse) -> None:
    plain = ask(clickhouse, b"SELECT 'x' AS c", default_format="Native").body
    marked = ask(clickhouse, b"SELECT 'x' AS c", default_format="Native", client_protocol_version="54468").body
    assert plain == b"\x01\x01\x01c\x06String\x01x"
    assert marked == BLOCK_INFO + b"\x01\x01\x01c\x06String\x00\x01x"


def test_an_answer_names_its_query(clickhouse: LocalClickHouse) -> None:
    assert ask(clickhouse, b"SELECT 1", query_id="mine-1").headers["X-ClickHouse-Query-Id"] == "mine-1"
    assert len(ask(clickhouse, b"SELECT 1", query_id="a\r\nX-Other: b").headers["X-ClickHouse-Query-Id"]) == 36


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, zstd;q=0.5", "zstd"), ("br, gzip", "gzip"), ("deflate", "deflate"), ("lz4", "lz4"), ("br", None), ("", None)],
)
def test_an_answer_is_packed_as_the_client_accepts_it(clickhouse: LocalClickHouse, accepted: str, encoding: str | None) -> None:
    answer = ask(clickhouse, b"SELECT 'x'", headers={"Accept-Encoding": accepted}, enable_http_compression="1")
    assert answer.headers["Content-Encoding"] == encoding
    unpack: dict[str | None, Callable[[bytes], bytes]] = {
        "zstd": zstandard.ZstdDecompressor().decompressobj().decompress,
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "lz4": lz4.frame.decompress,
        None: bytes,
    }
    assert unpack[encoding](answer.body) == b"x\n"


def test_a_body_that_unpacks_to_too_much_is_refused_and_costs_little(clickhouse: LocalClickHouse) -> None:
    bomb = zstandard.compress(bytes(2 << 30), 1)
    before = peak_mb(clickhouse.pid)
    answer = ask(clickhouse, bomb, headers={"Content-Encoding": "zstd"})
    assert (answer.status, peak_mb(clickhouse.pid) - before < 100) == (413, True)


def test_a_statement_without_a_result_is_told_apart_and_every_answer_says_what_it_cost(clickhouse: LocalClickHouse) -> None:
    made = ask(clickhouse, b"CREATE OR REPLACE TABLE counted (n UInt8) ENGINE = Memory")
    empty = ask(clickhouse, b"SELECT n FROM counted")
    read = ask(clickhouse, b"SELECT sum(number) FROM numbers(1000)")
    assert [answer.headers["X-ClickHouse-Format"] for answer in (made, empty, read)] == [None, "TabSeparated", "TabSeparated"]
    summary = json.loads(read.headers["X-ClickHouse-Summary"])
    assert (summary["read_rows"], summary["result_rows"], summary["result_bytes"]) == ("1000", "1", "7")


def test_bodies_may_travel_in_the_native_protocols_frames(clickhouse: LocalClickHouse) -> None:
    answer = ask(clickhouse, frames.compress(b"SELECT 'x'"), compress="1", decompress="1")
    assert frames.read_frame(WireReader.over(answer.body)) == b"x\n"
