"""Refused lines are counted and shown from their topic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from kafka import KafkaProducer

from streams.cli.main import cli
from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.schema import topics
from streams.schema.dead_letters import DeadLetter

LETTERS = [
    DeadLetter("missing_field", "account.id is missing", "monday.jsonl", "7", b'{"?1":""}'),
    DeadLetter("missing_field", "event.id is missing", "monday.jsonl", "9", b'{"?1":0}'),
    DeadLetter("block_layout", "payment has a null", "requests", "0/17"),
]


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    with EmbeddedBroker() as broker:
        topics.ensure(Settings(mode="local", kafka=broker.bootstrap, partitions=1))
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        for number, letter in enumerate(LETTERS):
            producer.send(topics.DEAD_LETTERS, letter.line, headers=letter.headers(), timestamp_ms=1_790_000_000_000 + number).get()
        producer.close()
        yield {"HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": broker.bootstrap, "COLUMNS": "160"}


def output(env: dict[str, str], *words: str) -> str:
    return CliRunner(env=env).invoke(cli, ["dead-letters", *words], catch_exceptions=False).output


def test_letters_are_counted_by_source_and_reason_with_the_newest_as_an_example(env: dict[str, str]) -> None:
    rows = [line.split("│") for line in output(env, "list").splitlines() if "│" in line]
    cells = [[cell.strip() for cell in row[1:-1]] for row in rows]
    assert cells == [
        ["2", "2026-09-21 14:13:20", "monday.jsonl", "missing_field", "event.id is missing (9)"],
        ["1", "2026-09-21 14:13:20", "requests", "block_layout", "payment has a null (0/17)"],
    ]


def test_the_newest_letters_come_first_with_the_shape_of_their_line(env: dict[str, str]) -> None:
    shown = output(env, "show", "--count", "2")
    assert shown.index("payment has a null") < shown.index("event.id is missing")
    assert "account.id is missing" not in shown
    assert '{"?1":0}' in shown
    assert "a record without a line" in shown


def test_a_reason_and_a_source_choose_letters(env: dict[str, str]) -> None:
    assert "payment has a null" not in output(env, "show", "--reason", "missing_field")
    assert "monday.jsonl" not in output(env, "list", "--source", "requests")


def test_none_found_is_said(env: dict[str, str]) -> None:
    with pytest.raises(HydrometerError, match="no such letter among the newest 10 records"):
        output(env, "list", "--reason", "absurd", "--records", "10")
