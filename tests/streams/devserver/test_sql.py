from __future__ import annotations

import pytest

from streams.devserver.sql import Insert, RefusedError, check, identifier, inline_data, insert, mask, quote, unquote, without_format


def test_strings_and_comments_are_blanked_in_place() -> None:
    assert mask("SELECT 'a;b', 1 -- c;d\n/* e;f */, 'it''s'") == "SELECT ''''', 1       \n         , '''''''"
    assert mask('SELECT `a b`, "c"') == 'SELECT `___`, "_"'


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT 1;", "SELECT ';'; -- done", "SELECT 'ENGINE = Kafka'", "SELECT `x;y`"])
def test_one_statement_passes(query: str) -> None:
    check(query)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT 1; SELECT 2", 62),
        ("", 62),
        (" ; ", 62),
        ("/* nothing */", 62),
    ],
)
def test_what_is_not_one_statement_is_refused(query: str, code: int) -> None:
    with pytest.raises(RefusedError) as caught:
        check(query)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("INSERT INTO t VALUES", Insert("t", "", "INSERT INTO t", "", "Values")),
        ("insert into d.t (a, b) format Native", Insert("d.t", "a, b", "insert into d.t (a, b)", "", "Native")),
        ("INSERT INTO `t (` (`a)`) VALUES;", Insert("`t (`", "`a)`", "INSERT INTO `t (` (`a)`)", "", "Values")),
        ("INSERT INTO TABLE t", Insert("t", "", "INSERT INTO TABLE t", "", "Values")),
        ("INSERT INTO t SETTINGS x = 'y' VALUES", Insert("t", "", "INSERT INTO t", "SETTINGS x = 'y'", "Values")),
        ("INSERT INTO FUNCTION null('a') VALUES", Insert("null('a')", "", "INSERT INTO FUNCTION null('a')", "", "Values")),
    ],
)  # fmt: skip
def test_an_insert_that_waits_for_data_is_taken_apart(query: str, expected: Insert) -> None:
    assert insert(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO t SETTINGS max_threads = 1 SELECT 1",
        "INSERT INTO t SELECT 1",
        "INSERT INTO t VALUES (1)",
        "SELECT 1",
        "INSERT INTO t (a) WITH 1 AS x SELECT x",
    ],
)
def test_every_other_statement_is_the_engines(query: str) -> None:
    assert insert(query) is None


def test_data_begin_after_the_format() -> None:
    body = b"INSERT INTO t FORMAT CSV\n1,2\n"
    assert body[inline_data(body) :] == b"1,2\n"
    assert inline_data(b"INSERT INTO t FORMAT CSV") is None
    assert inline_data(b"SELECT 1 FORMAT CSV\n") is None


@pytest.mark.parametrize(
    ("query", "bare"),
    [
        ("SELECT 1 FORMAT JSON", "SELECT 1 "),
        ("SELECT 1 format JSON;", "SELECT 1 ;"),
        ("SELECT 1 FORMAT JSON SETTINGS x = 1", "SELECT 1 SETTINGS x = 1"),
        ("SELECT 'FORMAT JSON'", "SELECT 'FORMAT JSON'"),
        ("SELECT format AS x FROM t", "SELECT format AS x FROM t"),
    ],
)
def test_the_format_clause_is_taken_away(query: str, bare: str) -> None:
    assert without_format(query) == bare


@pytest.mark.parametrize("value", ["", "it's", "back\\slash", "both \\'"])
def test_a_quoted_value_means_itself(value: str) -> None:
    assert unquote(quote(value)) == value


def test_names_are_quoted() -> None:
    assert identifier("a`b\\") == "`a\\`b\\\\`"
    assert unquote("NULL") == "NULL"
