"""Refusals are shown by kind, each with its first line, and logged once."""

from __future__ import annotations

import logging

import pytest

from streams.intake.refusals import MAX_KINDS, kinds, log_new_kinds
from streams.schema.dead_letters import DeadLetter


def refused(detail: str, position: str) -> DeadLetter:
    return DeadLetter("missing_field", detail, "a.jsonl", position)


def test_a_kind_is_a_reason_and_a_detail_counted_most_frequent_first_with_its_first_line() -> None:
    account, event = "account.id is missing", "event.id is missing"
    letters = [refused(event, "1"), refused(account, "2"), refused(account, "3")]
    assert [(kind.lines, kind.first.detail, kind.first.position) for kind in kinds(letters)] == [(2, account, "2"), (1, event, "1")]


def test_a_body_of_many_kinds_has_the_most_frequent_twenty() -> None:
    shown = kinds(refused(f"field {number} is missing", str(number)) for number in range(100))
    assert len(shown) == MAX_KINDS


def test_a_kind_is_logged_once_for_a_source_though_more_lines_of_it_come(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for position in ("7", "8"):
            log_new_kinds([refused("colour is missing", position)], "file")
        log_new_kinds([refused("colour is missing", "9")], "stdin")
    assert [record.getMessage() for record in caplog.records] == [
        f"a.jsonl, {position}: refused as missing_field: colour is missing; all of this kind are in dead-letters" for position in ("7", "9")
    ]
