"""clickhouse-driver's behaviour, call by call."""

# ruff: noqa: S608 - these statements are made of our own words

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from clickhouse_driver import Client, dbapi, errors
from clickhouse_driver.errors import ErrorCodes, PartiallyConsumedQueryError, ServerException

from streams.devserver.process import LocalClickHouse
from streams.testing.builders import driver


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    client.execute("CREATE TABLE visits (day Date, visitor String, pages UInt32) ENGINE = MergeTree ORDER BY visitor")
    client.execute("INSERT INTO visits (visitor, pages) VALUES", [("ann", 3), ("bob", 4)])
    yield "visits"
    client.execute("DROP TABLE visits")


def test_execute_returns_rows(client: Client) -> None:
    assert client.execute("SELECT 1, 'one' UNION ALL SELECT 2, 'two' ORDER BY 1") == [(1, "one"), (2, "two")]


def test_execute_names_the_columns_even_of_an_empty_result(client: Client) -> None:
    assert client.execute("SELECT 1 AS a, 'x' AS b WHERE 0", with_column_types=True) == ([], [("a", "UInt8"), ("b", "String")])


def test_execute_returns_columns(client: Client, table: str) -> None:
    assert client.execute(f"SELECT visitor, pages FROM {table} ORDER BY visitor", columnar=True) == [("ann", "bob"), (3, 4)]


BY_TEN = "SELECT intDiv(number, 10) AS ten, count() AS numbers, avg(number) AS middle FROM numbers(20) GROUP BY ten"


def test_totals_follow_the_rows(client: Client) -> None:
    assert client.execute(f"{BY_TEN} WITH TOTALS ORDER BY ten") == [(0, 10, 4.5), (1, 10, 14.5), (0, 20, 9.5)]


def test_extremes_follow_the_rows(client: Client) -> None:
    found = client.execute(f"{BY_TEN} ORDER BY ten", settings={"extremes": 1})
    assert found == [(0, 10, 4.5), (1, 10, 14.5), (0, 10, 4.5), (1, 10, 14.5)]


def test_totals_keep_names_types_and_values_exactly(client: Client) -> None:
    values = (
        "1 AS a, 1 AS `b c`, 'it''s\n\xff' AS d, 18446744073709551615 AS e, 0.1 AS f, nan AS g, toDecimal64('1234567890123.4567', 4) AS h, "
    )
    values += "NULL AS i, ['x', NULL] AS j, map('k', 1) AS k, toDateTime('2026-01-02 03:04:05', 'Asia/Tokyo') AS l, (1, 'z') AS m"
    plain, types = client.execute(f"SELECT {values}", with_column_types=True)
    shown, shown_types = client.execute(f"SELECT {values} FROM numbers(1) GROUP BY number WITH TOTALS", with_column_types=True)
    assert shown_types == types
    assert [str(value) for value in shown[0]] == [str(value) for value in plain[0]]


def test_a_query_with_totals_may_have_no_rows_and_a_statement_may_only_name_them(client: Client) -> None:
    assert client.execute("SELECT 1 AS a, count() FROM numbers(0) GROUP BY number WITH TOTALS HAVING 0") == [(1, 0)]
    assert client.execute("CREATE TEMPORARY TABLE extremes (a UInt8)") == []
    assert client.execute("SELECT a FROM extremes", with_column_types=True) == ([], [("a", "UInt8")])


def test_a_column_keeps_its_time_zone(client: Client) -> None:
    client.execute("CREATE TEMPORARY TABLE zoned (at DateTime('Asia/Tokyo'), exactly DateTime64(3, 'Asia/Tokyo'), plain DateTime)")
    client.execute("INSERT INTO zoned VALUES", [(0, 0, 0)])
    for query in ("SELECT at, exactly, plain FROM zoned", "SELECT any(at), any(exactly), any(plain) FROM zoned GROUP BY at WITH TOTALS"):
        rows, columns = client.execute(query, with_column_types=True)
        assert [kind for _, kind in columns] == ["DateTime('Asia/Tokyo')", "DateTime64(3, 'Asia/Tokyo')", "DateTime"]
        assert [moment.hour for moment in rows[0][:2]] == [9, 9]


def test_rows_of_an_insert_keep_their_order(client: Client) -> None:
    client.execute("CREATE TEMPORARY TABLE ordered (number UInt32)")
    sent = [(number,) for number in range(100_000)]
    client.execute("INSERT INTO ordered VALUES", sent, settings={"insert_block_size": 1_000})
    assert client.execute("SELECT number FROM ordered", settings={"max_threads": 1}) == sent


def test_names_that_are_words_elsewhere_are_names(client: Client) -> None:
    client.execute("INSERT INTO function null('x UInt64') VALUES", [(1,)])
    assert client.execute("CREATE TEMPORARY TABLE source (number1 Int32)") == []


def test_statements_without_a_result_return_nothing(client: Client, table: str) -> None:
    assert client.execute(f"OPTIMIZE TABLE {table} FINAL") == []


def test_statements_that_are_no_select_return_their_rows(client: Client, table: str) -> None:
    assert (table,) in client.execute("SHOW TABLES")
    assert [row[0] for row in client.execute(f"DESCRIBE TABLE {table}")] == ["day", "visitor", "pages"]
    assert client.execute(f"EXISTS TABLE {table}") == [(1,)]
    assert client.execute(f"EXPLAIN SYNTAX SELECT pages FROM {table}")[0] == (f"SELECT pages\nFROM {table}",)


def test_a_format_clause_is_left_to_the_client(client: Client) -> None:
    assert client.execute("SELECT 1 AS x FORMAT JSON") == [(1,)]
    assert client.execute("SHOW DATABASES LIKE 'system' FORMAT TabSeparatedRaw;") == [("system",)]


def test_execute_iter_streams_many_blocks(client: Client) -> None:
    rows = client.execute_iter("SELECT number FROM numbers(300000)", settings={"max_block_size": 65_000})
    assert sum(number for (number,) in rows) == 300_000 * 299_999 // 2


def test_small_blocks_arrive_as_they_are(client: Client) -> None:
    blocks = client.execute_iter("SELECT number FROM numbers(1000)", settings={"max_block_size": 100}, chunk_size=1000)
    assert len(next(blocks)) == 1000


def test_a_result_must_be_read_before_the_next_query(client: Client) -> None:
    client.execute_iter("SELECT number FROM numbers(300000)")
    with pytest.raises(PartiallyConsumedQueryError):
        client.execute("SELECT 1")
    assert client.execute("SELECT 2") == [(2,)]  # the driver connects anew


def test_an_insert_returns_its_rows(client: Client, table: str) -> None:
    assert client.execute(f"INSERT INTO {table} (visitor, pages) VALUES", [{"visitor": "cem", "pages": 5}]) == 1
    assert client.execute(f"SELECT sum(pages) FROM {table}") == [(12,)]


def test_an_insert_takes_columns(client: Client, table: str) -> None:
    assert client.execute(f"INSERT INTO {table} (pages, visitor) VALUES", [[1, 2], ["dan", "eve"]], columnar=True) == 2
    assert client.execute(f"SELECT count(), sum(pages) FROM {table}") == [(4, 10)]


def test_an_insert_takes_a_generator_in_many_blocks(client: Client, table: str) -> None:
    rows = ((str(number), 1) for number in range(1000))
    assert client.execute(f"INSERT INTO {table} (visitor, pages) VALUES", rows, settings={"insert_block_size": 100}) == 1000
    assert client.execute(f"SELECT count() FROM {table}") == [(1002,)]


def test_an_insert_without_rows_changes_nothing(client: Client, table: str) -> None:
    assert client.execute(f"INSERT INTO {table} VALUES", []) == 0
    assert client.execute(f"SELECT count() FROM {table}") == [(2,)]


@pytest.mark.parametrize("tail", ["VALUES ('2026-01-01', 'x', 7)", "SELECT '2026-01-01', 'x', 7"])
def test_an_insert_may_bring_its_data_in_its_text(client: Client, table: str, tail: str) -> None:
    client.execute(f"INSERT INTO {table} {tail}")
    assert client.execute(f"SELECT sum(pages) FROM {table}") == [(14,)]


def test_data_in_the_text_do_not_end_at_an_empty_line(client: Client, table: str) -> None:
    client.execute(f'INSERT INTO {table} (visitor) FORMAT JSONEachRow {{"visitor": "x"}}\n\n{{"visitor": "y"}}')
    assert client.execute(f"SELECT count() FROM {table}") == [(4,)]


def test_parameters_are_put_in_by_the_client(client: Client) -> None:
    assert client.execute("SELECT %(word)s", {"word": "it's"}) == [("it's",)]


@pytest.mark.parametrize("value", ["it's", "tab\tand\nline", "back\\slash", "ümlaut", ""])
def test_parameters_are_put_in_by_the_server(clickhouse: LocalClickHouse, value: str) -> None:
    with driver(clickhouse, settings={"server_side_params": True}) as client:
        query = "SELECT {word:String}, {number:UInt8}, {list:Array(UInt8)}"
        assert client.execute(query, {"word": value, "number": 7, "list": [1, 2]}) == [(value, 7, [1, 2])]


def test_settings_hold_for_their_query_alone(client: Client) -> None:
    asked = "SELECT getSetting('max_block_size'), getSetting('join_use_nulls')"
    before = client.execute(asked)
    assert client.execute(asked, settings={"max_block_size": 77, "join_use_nulls": True}) == [(77, True)]
    assert client.execute(asked) == before


def test_settings_of_a_session_last(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse) as client, driver(clickhouse) as other:
        client.execute("SET max_block_size = 55")
        client.execute("USE system")
        assert client.execute("SELECT getSetting('max_block_size'), currentDatabase()") == [(55, "system")]
        assert other.execute("SELECT currentDatabase()") == [("default",)]


def test_a_query_may_be_read_only_and_the_next_one_not(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse) as client:
        client.execute("USE system")
        assert client.execute("SELECT 1", settings={"readonly": 1}) == [(1,)]
        with pytest.raises(ServerException) as caught:
            client.execute("CREATE TABLE default.never (a UInt8) ENGINE = Memory", settings={"readonly": 1})
        assert caught.value.code == ErrorCodes.READONLY
    with driver(clickhouse) as client:
        client.execute("USE system")
        client.execute("SELECT 1", settings={"readonly": 1})
        client.execute("CREATE TEMPORARY TABLE now_it_can (a UInt8)")
        assert client.execute("SELECT currentDatabase()") == [("system",)]


def test_a_huge_literal_is_read(client: Client) -> None:
    assert client.execute("SELECT length('" + "x" * 5_000_000 + "') AS n", settings={"max_query_size": 10_000_000}) == [(5_000_000,)]


def test_unknown_settings_are_dropped_unless_important(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse) as client:
        assert client.execute("SELECT 1", settings={"no_such_setting": 1}) == [(1,)]
    with driver(clickhouse, settings_is_important=True) as strict, pytest.raises(ServerException) as caught:
        strict.execute("SELECT 1", settings={"no_such_setting": 1})
    assert caught.value.code == ErrorCodes.UNKNOWN_SETTING


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT nowhere", ErrorCodes.UNKNOWN_IDENTIFIER),
        ("SELECT * FROM nowhere", ErrorCodes.UNKNOWN_TABLE),
        ("SELEKT 1 FROM FROM", ErrorCodes.SYNTAX_ERROR),
        ("SELECT 1; SELECT 2", ErrorCodes.SYNTAX_ERROR),
        ("", ErrorCodes.SYNTAX_ERROR),
        ("SELECT throwIf(number = 200000) FROM numbers(300000)", ErrorCodes.FUNCTION_THROW_IF_VALUE_IS_NON_ZERO),
        ("INSERT INTO nowhere VALUES (1)", ErrorCodes.UNKNOWN_TABLE),
        ("SELECT 1 INTO OUTFILE 'x'", ErrorCodes.SUPPORT_IS_DISABLED),
    ],
)
def test_exceptions_carry_clickhouses_code_and_the_connection_goes_on(client: Client, query: str, code: int) -> None:
    with pytest.raises(ServerException) as caught:
        client.execute(query)
    assert caught.value.code == code
    assert client.execute("SELECT 1") == [(1,)]


def test_an_insert_into_an_unknown_table_is_refused_before_its_data(client: Client) -> None:
    with pytest.raises(ServerException) as caught:
        client.execute("INSERT INTO nowhere VALUES", [(1,)])
    assert caught.value.code == ErrorCodes.UNKNOWN_TABLE
    assert client.execute("SELECT 1") == [(1,)]


def test_progress_and_profile_count_the_rows(client: Client) -> None:
    progress = client.execute_with_progress("SELECT sum(number) FROM numbers(1000000)")
    assert list(progress)[-1][0] == 1_000_000
    assert progress.get_result() == [(499_999_500_000,)]
    assert client.last_query.profile_info.rows == 1
    assert client.last_query.progress.rows == 1_000_000


def test_an_external_table_serves_one_query(client: Client) -> None:
    tables = [{"name": "mine", "structure": [("x", "Int32"), ("y", "Array(Int32)")], "data": [(100, [2, 4]), (500, [])]}]
    assert client.execute("SELECT sum(x), sum(length(y)) FROM mine", external_tables=tables) == [(600, 2)]
    with pytest.raises(ServerException):
        client.execute("SELECT * FROM mine")


def test_temporary_tables_belong_to_their_client(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse) as client, driver(clickhouse) as other:
        client.execute("CREATE TEMPORARY TABLE note (x UInt8)")
        client.execute("INSERT INTO note VALUES", [(1,)])
        assert client.execute("SELECT * FROM note") == [(1,)]
        with pytest.raises(ServerException):
            other.execute("SELECT * FROM note")


def test_a_running_query_is_cancelled(client: Client) -> None:
    progress = client.execute_with_progress("SELECT sum(sipHash64(number)) FROM numbers(100000000000)")
    next(iter(progress))
    started = time.monotonic()
    client.cancel()
    assert time.monotonic() - started < 5
    assert client.execute("SELECT 1") == [(1,)]


def test_a_streaming_query_is_cancelled_half_way(client: Client) -> None:
    rows = client.execute_iter("SELECT number FROM numbers(100000000000)")
    next(rows)
    client.cancel()
    assert client.execute("SELECT 1") == [(1,)]


def test_a_query_ends_when_its_client_leaves(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse) as client, driver(clickhouse) as other:
        iter(client.execute_with_progress("SELECT sum(sipHash64(number)), 'lonely' FROM numbers(100000000000)"))
        client.disconnect()
        asked = "SELECT count() FROM system.processes WHERE query LIKE '%lonely%' AND query NOT LIKE '%processes%'"
        end = time.monotonic() + 10
        while other.execute(asked) != [(0,)]:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_lost_connection_is_made_again(client: Client) -> None:
    client.execute("SELECT 1")
    client.connection.socket.shutdown(2)
    assert client.execute("SELECT 2") == [(2,)]


def test_ping_answers(client: Client) -> None:
    client.execute("SELECT 1")
    assert client.connection.ping() is True


def test_the_server_says_who_it_is(client: Client) -> None:
    client.execute("SELECT 1")
    info = client.connection.server_info
    assert (info.name, info.display_name, info.revision) == ("ClickHouse", "hydrometer local", 54459)
    assert client.execute("SELECT version()")[0][0].startswith(f"{info.version_major}.{info.version_minor}.")


@pytest.mark.parametrize("revision", [54429, 54441, 54448, 54449, 54453, 54454, 54456, 54458])
def test_older_clients_are_served_too(clickhouse: LocalClickHouse, revision: int) -> None:
    with driver(clickhouse, client_revision=revision) as client:
        client.execute(f"CREATE TABLE old_{revision} (a UInt8, b String) ENGINE = Memory")
        client.execute(f"INSERT INTO old_{revision} VALUES", [(1, "x")])
        assert client.execute(f"SELECT * FROM old_{revision}") == [(1, "x")]


def test_a_wrong_password_is_refused(clickhouse: LocalClickHouse) -> None:
    for user, password in ((clickhouse.user, "wrong"), ("default", ""), ("", clickhouse.password)):
        with pytest.raises(ServerException) as caught:
            Client(clickhouse.host, clickhouse.port, user=user, password=password).execute("SELECT 1")
        assert caught.value.code == 516


def test_an_unknown_database_is_refused(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse, database="nowhere") as client, pytest.raises(ServerException) as caught:
        client.execute("SELECT 1")
    assert caught.value.code == ErrorCodes.UNKNOWN_DATABASE


def test_dbapi_reads_and_writes(clickhouse: LocalClickHouse) -> None:
    address = f"clickhouse://{clickhouse.user}:{clickhouse.password}@{clickhouse.host}:{clickhouse.port}/default"
    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE pairs (a UInt8, b String) ENGINE = Memory")
        cursor.executemany("INSERT INTO pairs (a, b) VALUES", [(1, "x"), (2, "y")])
        assert cursor.rowcount == 2
        cursor.execute("SELECT a, b FROM pairs ORDER BY a")
        assert [column.name for column in cursor.description] == ["a", "b"]
        assert (cursor.fetchone(), cursor.fetchall()) == ((1, "x"), [(2, "y")])
        with pytest.raises(dbapi.OperationalError):
            cursor.execute("SELECT nowhere")


def test_ten_clients_work_at_once(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse) as client:
        client.execute("CREATE TABLE crowd (who UInt8, n UInt32) ENGINE = MergeTree ORDER BY who")
    failures: list[errors.Error] = []

    def work(who: int) -> None:
        try:
            with driver(clickhouse) as mine:
                for _ in range(5):
                    mine.execute("INSERT INTO crowd VALUES", [(who, number) for number in range(100)])
                assert mine.execute("SELECT sum(n) FROM crowd WHERE who = %(who)s", {"who": who}) == [(5 * 4950,)]
        except errors.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with driver(clickhouse) as client:
        assert (failures, client.execute("SELECT count() FROM crowd")) == ([], [(5000,)])
