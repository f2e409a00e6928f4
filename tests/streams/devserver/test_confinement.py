"""What strangers try: a page in the user's browser, and statements that reach out of the tables."""

# ruff: noqa: RUF001, S608 - these statements are made of our own words, and some of the quotes are the point

from __future__ import annotations

import socket
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from streams.devserver import confinement
from streams.devserver.process import LocalClickHouse
from streams.testing.builders import driver

SECRET = "a-line-that-only-this-file-holds"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "private.csv"
    path.write_text(f"{SECRET}\n")
    return path


def post(
    server: LocalClickHouse, body: bytes, *, method: str = "POST", headers: dict[str, str] | None = None, **fields: Any
) -> tuple[int, str]:
    connection = HTTPConnection(server.host, server.http_port, timeout=20)
    login = {"X-ClickHouse-User": server.user, "X-ClickHouse-Key": server.password}
    connection.request(method, "/?" + urlencode(fields), body, {**login, **(headers or {})})
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


# -- a page in the user's browser


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8123"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example:8123"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_another_site_is_refused_in_one_line(clickhouse: LocalClickHouse, headers: dict[str, str], method: str) -> None:
    status, said = post(clickhouse, b"", method=method, headers={"Content-Type": "text/plain", **headers}, query="SELECT 1")
    assert (status, said.count("\n")) == (403, 1)
    assert said.startswith("hydrometer local ")


def test_a_page_of_another_site_cannot_even_see_that_a_server_is_here(clickhouse: LocalClickHouse) -> None:
    with socket.create_connection((clickhouse.host, clickhouse.http_port), timeout=10) as sock:
        sock.sendall(b"GET /ping HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost", "LOCALHOST:1", "[::1]:8123", "127.0.0.2"])
def test_programs_of_this_machine_are_served(clickhouse: LocalClickHouse, host: str) -> None:
    assert post(clickhouse, b"SELECT 1", headers={"Host": host, "Origin": f"http://{host.lower()}"}) == (200, "1\n")


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE got (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE got (a UInt8)",
        "INSERT INTO kept VALUES (1)",
        "INSERT INTO kept SELECT 1",
        "DROP TABLE kept",
        "ALTER TABLE kept DELETE WHERE 1",
        "TRUNCATE TABLE kept",
        "SET readonly = 0",
        "SYSTEM FLUSH LOGS",
        "SYSTEM STOP MERGES",
        "KILL QUERY WHERE 1",
        "(KILL MUTATION WHERE 1)",
        "SELECT 1 SETTINGS readonly = 0",
    ],
)
@pytest.mark.parametrize("fields", [{}, {"readonly": "0"}, {"readonly": "2"}, {"allow_ddl": "1"}])
def test_get_only_reads_whatever_it_asks(clickhouse: LocalClickHouse, query: str, fields: dict[str, Any]) -> None:
    with driver(clickhouse) as client:
        client.execute("CREATE TABLE IF NOT EXISTS kept (a UInt8) ENGINE = MergeTree ORDER BY a")
        assert post(clickhouse, b"(1)", method="GET", query=query, **fields)[0] != 200
        assert client.execute("SELECT (SELECT count() FROM kept), (SELECT count() FROM system.tables WHERE name = 'got')") == [(0, 0)]


# -- statements that reach out

READS = (
    """
SELECT * FROM file('{file}', 'LineAsString')
SELECT * FROM FILE ('{file}', 'LineAsString')
SELECT * FROM file/* */('{file}', 'LineAsString')
SELECT * FROM file\u200b('{file}', 'LineAsString')
SELECT * FROM `file`('{file}', 'LineAsString')
SELECT * FROM `\\x66ile`('{file}', 'LineAsString')
SELECT * FROM "fi\\le"('{file}', 'LineAsString')
SELECT * FROM “file”('{file}', 'LineAsString')
SELECT ‘'’, * FROM file('{file}', 'LineAsString') -- '
SELECT 1 /* /* */ ' */ , * FROM file('{file}', 'LineAsString') -- '
SELECT $a$ ' $a$, * FROM file('{file}', 'LineAsString') -- '
SELECT file('{file}')
SELECT * APPLY(file) FROM (SELECT '{file}')
SELECT * APPLY file FROM (SELECT '{file}')
SELECT arrayMap(file, ['{file}'])
SELECT arrayMap(`file`, ['{file}'])
WITH file AS f SELECT f('{file}')
SELECT * FROM '{file}'
SELECT * FROM `{file}`
SELECT * FROM "{file}"
SELECT * FROM default.`{file}`
SELECT * FROM (SELECT 1) AS a, '{file}' AS b
SELECT * FROM merge('{file}')
SELECT * FROM executable('cat {file}', 'LineAsString', 'a String')
SELECT * FROM eval('SELECT * FROM file(\\'{file}\\')')
SELECT * FROM sqlite('{file}', 't')
SELECT * FROM filesystem('{file}')
SELECT * FROM format(Values, 'a String', $$(file('{file}'))$$)
SELECT * FROM format('Values', 'a String', '(file(\\'{file}\\'))')
SELECT 1 FORMAT Template SETTINGS format_template_row = '{file}'
SELECT 1 SETTINGS additional_result_filter = 'file(\\'{file}\\') = 1'
SET format_schema = '{file}'
INSERT INTO FUNCTION file('{file}', 'CSV', 'a UInt8') SELECT 1
INSERT INTO TABLE FUNCTION file('{file}', 'CSV', 'a UInt8') VALUES (1)
INSERT INTO reached VALUES (file('{file}'))
INSERT INTO reached FROM INFILE '{file}' FORMAT LineAsString
SELECT 1 INTO OUTFILE '{file}.out'
SELECT 1 INTO /* */ OUTFILE '{file}.out'
CREATE TABLE reached2 (a String) ENGINE = File(CSV, '{file}')
CREATE TABLE reached2 (a String) ENGINE /* = */ `File`(CSV, '{file}')
CREATE TABLE reached2 AS file('{file}', 'CSV')
CREATE TABLE reached2 (a String DEFAULT file('{file}')) ENGINE = Memory
CREATE TABLE reached2 (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '{file}')
CREATE VIEW reached2 AS SELECT * FROM file('{file}', 'LineAsString')
CREATE FUNCTION reach AS (x) -> file(x)
CREATE DATABASE reached2 ENGINE = Filesystem('/')
CREATE DICTIONARY reached2 (a UInt64) PRIMARY KEY a SOURCE(FILE(path '{file}' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)
CREATE DICTIONARY reached2 (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(command 'id' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)
CREATE DICTIONARY reached2 (a UInt64) PRIMARY KEY a SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 't')) LAYOUT(FLAT()) LIFETIME(0)
ATTACH TABLE reached2 FROM '{file}' (a UInt8) ENGINE = MergeTree ORDER BY a
BACKUP TABLE reached TO File('{file}.zip')
RESTORE TABLE reached FROM File('{file}.zip')
DROP TABLE IF EXISTS nothing PARALLEL WITH BACKUP TABLE reached TO File('{file}.zip')
SYSTEM SHUTDOWN
SYSTEM KILL
SYSTEM START LISTEN HTTP
SYSTEM SUSPEND FOR 1 SECOND
""".strip()
    .replace("\\n", "\n")
    .replace("// '\n,", "// ',")
    .splitlines()
)


@pytest.mark.parametrize("way", ["native", "POST", "GET"])
@pytest.mark.parametrize("query", READS)
def test_no_statement_reaches_a_file(clickhouse: LocalClickHouse, file: Path, query: str, way: str) -> None:
    words = query.format(file=file)
    with driver(clickhouse) as client:
        client.execute("CREATE TABLE IF NOT EXISTS reached (a String) ENGINE = Memory")
        if way == "native":
            with pytest.raises(ServerException) as caught:
                client.execute(words)
            said = str(caught.value)
        else:
            status, said = post(clickhouse, words.encode() if way == "POST" else b"", method=way, query="" if way == "POST" else words)
            assert status != 200, said
        assert SECRET not in said
        assert client.execute("SELECT count() FROM reached") == [(0,)]
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.read_text() == f"{SECRET}\n"


def test_the_data_of_an_insert_evaluate_nothing_that_reaches_a_file(clickhouse: LocalClickHouse, file: Path) -> None:
    post(clickhouse, b"CREATE OR REPLACE TABLE valued (a String) ENGINE = Memory")
    values = f"(file('{file}'))".encode()
    assert post(clickhouse, values, query="INSERT INTO valued VALUES")[0] != 200
    assert post(clickhouse, b"('x')," * 200_000 + values, query="INSERT INTO valued VALUES")[0] != 200
    assert post(clickhouse, b"SELECT count() FROM valued") == (200, "0\n")
    assert post(clickhouse, b"(lower('X'))", query="INSERT INTO valued VALUES")[0] == 200


def test_the_database_of_files_is_not_for_clients(clickhouse: LocalClickHouse, file: Path) -> None:
    with driver(clickhouse) as client:
        (hidden,) = next(iter(client.execute("SELECT name FROM system.databases WHERE engine = 'Overlay'")))
        for query in (f"SELECT * FROM {hidden}.`{file}`", f"USE {hidden}", f"SELECT * FROM `\\x66{hidden[1:]}`.`{file}`"):
            with pytest.raises(ServerException, match="refuses"):
                client.execute(query)
    assert post(clickhouse, b"SELECT * FROM {d:Identifier}.{t:Identifier}", param_d=hidden, param_t=str(file))[0] != 200
    assert post(clickhouse, f"SELECT * FROM `{file}`".encode(), database=hidden)[0] != 200
    with pytest.raises(ServerException, match="refuses"), driver(clickhouse, database=hidden) as client:
        client.execute("SELECT 1")


@pytest.mark.parametrize(
    ("table", "allowed"),
    [
        ("system.table_functions", confinement.TABLE_FUNCTIONS),
        ("system.table_engines UNION ALL SELECT name FROM system.database_engines", confinement.ENGINES),
        ("system.settings WHERE type IN ('String', 'URI', 'Map')", confinement.TEXT_SETTINGS),
    ],
)
def test_everything_else_that_the_engine_has_is_refused(clickhouse: LocalClickHouse, table: str, allowed: frozenset[str]) -> None:
    with driver(clickhouse) as client:
        names = {name for (name,) in client.execute(f"SELECT name FROM {table}")}
        assert len(names) > len(allowed) / 2
        for name in names:
            if name.lower() in allowed:
                continue
            statement = f"SELECT * FROM {name}()" if "functions" in table else f"CREATE TABLE x (a UInt8) ENGINE = {name}"
            with pytest.raises(ServerException, match="refuses"):
                client.execute(f"SELECT 1 SETTINGS {name} = ''" if "settings" in table else statement)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT engine, name FROM system.tables WHERE engine = 'File' AND name = 'file(' LIMIT 0",
        "SELECT t.file FROM (SELECT 1 AS `file2`, 2 AS url) AS s, (SELECT 3 AS x) AS t LIMIT 0",
        "SELECT url FROM (SELECT 1 AS url)",
        "SELECT * FROM numbers(3)",
        "SELECT format('{}', 'Values')",
        "WITH 1 AS x SELECT x",
        "(SELECT 1)",
        "EXPLAIN SELECT 1",
    ],
)
def test_what_stays_within_the_tables_is_served(clickhouse: LocalClickHouse, query: str) -> None:
    with driver(clickhouse) as client:
        if "t.file" in query:
            with pytest.raises(ServerException) as caught:
                client.execute(query)
            assert caught.value.code == 47
        else:
            client.execute(query)


def test_default_is_the_same_database_after_a_restart(tmp_path: Path) -> None:
    from streams.devserver.process import local_server  # noqa: PLC0415

    for number in (1, 2, 3):
        with local_server(tmp_path, user="u", password="p") as server, Client(server.host, server.port, user="u", password="p") as client:
            client.execute("CREATE TABLE IF NOT EXISTS kept (a UInt8) ENGINE = MergeTree ORDER BY a")
            client.execute("INSERT INTO kept VALUES", [(number,)])
            assert client.execute("SELECT count() FROM kept") == [(number,)]
