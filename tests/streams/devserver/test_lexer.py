# ruff: noqa: RUF001 - the quotes are the point

from __future__ import annotations

import time

import pytest

from streams.devserver.confinement import Refused
from streams.devserver.lexer import tokens, unescaped
from streams.devserver.sql import RefusedError, check, inline_data, insert, mask, without_format


def significant(query: str) -> list[str]:
    return [query[token.start : token.end] for token in tokens(query) if token.kind != "blank"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 'it''s', 'a\\'b'", ["SELECT", "'it''s'", ",", "'a\\'b'"]),
        ("1 -- ' \n2 // ' \n3 # ' \n4", ["1", "2", "3", "4"]),
        ("1 /* /* ' */ ' */ 2", ["1", "2"]),
        ("$$ ' $$ $a$ $$ ' $a$ $1", ["$$ ' $$", "$a$ $$ ' $a$", "$1"]),
        ("‘a'b’ “c`d”", ["‘a'b’", "“c`d”"]),
        ("f\u200b('x')", ["f", "(", "'x'", ")"]),
        ("'never closed, file('", ["'never closed, file('"]),
    ],
)
def test_tokens_are_those_of_the_engine(query: str, expected: list[str]) -> None:
    assert significant(query) == expected
    assert "".join(query[token.start : token.end] for token in tokens(query)) == query


@pytest.mark.parametrize(
    ("raw", "meant"), [("`\\x66ile`", "file"), ("'it''s'", "it's"), ("$a$ x $a$", " x "), ("$$x$$", "x"), ("$1", "$1"), ("word", "word")]
)
def test_a_quoted_word_means_what_the_engine_reads(raw: str, meant: str) -> None:
    assert unescaped(raw) == meant


HOSTILE = [
    "'",
    "''\\",
    '"\\',
    "`",
    "/*",
    "*/",
    "$a$ ",
    "$1 $",
    "$",
    "--",
    "#",
    "‘",
    "“",
    "(",
    " ",
    "ENGINE ",
    "FORMAT ",
    "FORMAT a SETTINGS ",
]
HOSTILE += ["SETTINGS \t", "VALUES (", ", ", "INSERT INTO t ", "'a' ", "\\", ";", "x=1 "]
STARTS = ["", "INSERT INTO t SETTINGS ", "INSERT INTO t (a", "CREATE TABLE t ENGINE"]


def seconds(text: str) -> float:
    """Return the CPU time of one look at a statement in every way there is."""
    refused = Refused(calls=frozenset({"file"}), engines=frozenset({"kafka"}))
    began = time.process_time()
    for look in (mask, without_format, lambda query: inline_data(query.encode()), refused.reason, check, insert):
        try:
            look(text)
        except RefusedError:
            continue
    return time.process_time() - began


def grows_evenly(short: str, long: str) -> bool:
    """Tell whether one of three looks at a text eight times as long takes about eight times the time; squares would be 64 times."""
    most = 24 * min(seconds(short) for _ in range(3)) + 0.02
    return any(seconds(long) < most for _ in range(3))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("piece", HOSTILE)
def test_eight_times_the_text_takes_about_eight_times_the_time(start: str, piece: str) -> None:
    assert grows_evenly(start + piece * 1_000, start + piece * 8_000)


def test_tags_that_all_differ_cost_no_more() -> None:
    few, many = (" ".join(f"${number} " for number in range(count)) for count in (1_000, 8_000))
    assert grows_evenly(few, many)
