from __future__ import annotations

from streams.schema.dead_letters import HEADERS, DeadLetter


def test_what_is_written_as_headers_is_read_back_without_the_line() -> None:
    letter = DeadLetter("negative", "duration is below zero", "a.jsonl", "7", b'{"duration":-1}')
    assert [name for name, _ in letter.headers()] == list(HEADERS) == ["reason", "detail", "source", "position"]
    assert DeadLetter.from_headers(dict(letter.headers())) == DeadLetter("negative", "duration is below zero", "a.jsonl", "7")


def test_a_header_that_is_absent_empty_or_no_text_is_unknown_or_replaced() -> None:
    assert DeadLetter.from_headers({"reason": b"", "detail": None, "source": b"\xff"}) == DeadLetter(
        "unknown", "unknown", "\ufffd", "unknown"
    )
