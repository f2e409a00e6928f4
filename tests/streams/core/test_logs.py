"""What a log line may hold."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from streams.core.logs import Formatter, RepeatedLines, hide

MARKER = "quokka-secret-9f3a"
FORMATTER = Formatter("%(levelname)s %(name)s: %(message)s")


def line(name: str, message: Any, *args: Any, error: Exception | None = None) -> str:
    trace = (type(error), error, None) if error else None
    return FORMATTER.format(logging.LogRecord(name, logging.DEBUG, "file", 1, message, args, trace))


@pytest.mark.parametrize(
    "record",
    [
        ("aiohttp.server", "Error handling request: %s", f"Authorization: Bearer {MARKER}\r"),
        ("aiohttp.server", f"Invalid header b'Authorization: Bearer {MARKER}'"),
        ("kafka.conn", "Sending %r", f"auth={MARKER}\x00".encode()),
        ("aiokafka", "record %(value)s", {"value": f"{{'prompt': '{MARKER}'}}"}),
        ("faust", "two %s of %s", MARKER.encode()),
        ("faust", f'value b"{MARKER} that is cut'),
        ("mode", ValueError(MARKER)),
    ],
)
def test_of_a_librarys_line_the_values_are_left_out(record: tuple[Any, ...]) -> None:
    found = line(*record, error=ValueError(MARKER))
    assert MARKER not in found
    assert found.startswith(f"DEBUG {record[0]}: ")


def test_numbers_topics_and_addresses_stay() -> None:
    assert (
        line("kafka", "%s at %s took %d ms", "requests-raw", "127.0.0.1:9092", 7) == "DEBUG kafka: requests-raw at 127.0.0.1:9092 took 7 ms"
    )


def test_a_secret_of_the_settings_is_in_no_line_at_all() -> None:
    hide(MARKER)
    assert line("streams.intake", "the token is %s", MARKER) == "DEBUG streams.intake: the token is ***"
    assert MARKER not in line("kafka", "%s", MARKER)


def test_no_line_moves_the_cursor() -> None:
    assert line("streams.cli", "account %s", "a\x1b[2J\u202e") == "DEBUG streams.cli: account a\\u001b[2J\\u202e"


def test_a_line_that_comes_hundreds_of_times_is_logged_five_times_in_ten_seconds_and_then_says_how_often() -> None:
    repeated = RepeatedLines()

    def logged(second: float, words: str = "Unable to connect to %s") -> str | None:
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, words, ("kafka:9092",), None)
        record.created = second
        return record.getMessage() if repeated.filter(record) else None

    lines = [logged(second / 100) for second in range(100)]
    assert [line for line in lines if line] == ["Unable to connect to kafka:9092"] * 5
    assert logged(0.5, "another line of %s") == "another line of kafka:9092"
    assert logged(11.0) == "Unable to connect to kafka:9092 (95 more like it before)"
