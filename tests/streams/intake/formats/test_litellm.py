"""LiteLLM's standard payload: what the samples do not show, and the real ones where they are at hand."""

from __future__ import annotations

from typing import Any

import pytest

from streams.intake.formats.litellm import FORMAT
from streams.intake.formats.registry import reader
from streams.schema.event import Event, check
from streams.testing.real_data import real_data

REAL = real_data("formats/samples/litellm.jsonl")


def read(**payload: Any) -> Event:
    (event,) = FORMAT.to_canonical({"startTime": 1_790_000_000.0, "call_type": "acompletion", **payload})
    return event


@pytest.mark.parametrize("word", ["redacted-by-litellm", "default-message-value"])
def test_a_word_in_place_of_the_messages_is_unknown_text(word: str) -> None:
    assert "prompt" not in read(messages=[{"role": "user", "content": word}])
    assert "prompt" not in read(messages=word)


def test_a_caller_who_writes_such_a_word_hides_none_of_the_other_messages() -> None:
    messages = [{"role": "user", "content": "the question"}, {"role": "user", "content": "redacted-by-litellm"}]
    assert read(messages=messages)["prompt"] == messages


def test_token_ids_are_no_text() -> None:
    assert "prompt" not in read(messages=[[15339, 1917]])


def test_pictures_leave_their_text_behind_and_nothing_else() -> None:
    content = [{"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    assert read(messages=[{"role": "user", "content": content}])["prompt"] == [{"role": "user", "content": "what is this"}]


def test_a_null_stream_is_false_and_no_stream_is_unknown() -> None:
    assert read(stream=None)["gen_ai.request.stream"] is False
    assert "gen_ai.request.stream" not in read()


def test_a_failure_without_a_code_is_a_servers() -> None:
    assert read(status="failure")["http.response.status_code"] == 500


def test_the_unique_id_is_taken_before_the_back_ends() -> None:
    assert read(id="chatcmpl-1", litellm_call_id="c1")["event.id"] == "c1"


@pytest.mark.skipif(REAL is None, reason="the recorded payloads are not beside this checkout")
def test_recorded_payloads_of_real_calls_are_accepted() -> None:
    assert REAL is not None
    events = [event for line in REAL.read_bytes().splitlines() for event in reader("auto")(line) if "account.id" in event]
    assert len(events) >= 20
    for event in events:
        check(event)
        assert event["event.id"]
    assert len({event["event.id"] for event in events}) == len(events)
