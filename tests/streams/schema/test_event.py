"""What a log line must be, and what is said of one that is not."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import pytest

from streams.core.errors import MalformedEventError
from streams.schema.event import (
    _LOOKS,
    FIELDS,
    MAX_EVENT_SHAPE_CHARACTERS,
    MAX_EVENT_SHAPE_FIELDS,
    MAX_EVENT_SHAPES,
    MAX_READ_BYTES,
    MAX_TEXT_BYTES,
    NAMES,
    REASONS,
    Event,
    check,
    parse,
    seconds,
)

NOON = 1_790_000_000.0


def event(**changes: Any) -> Event:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return {"timestamp": NOON, "event.id": "e1", "account.id": "a1", **named}


def reason_of(line: bytes) -> str:
    with pytest.raises(MalformedEventError) as caught:
        check(parse(line))
    assert caught.value.reason in REASONS
    return caught.value.reason


def refused(changes: Event) -> str:
    return reason_of(json.dumps({**event(), **changes}).encode())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "not_json"),
        (b'{"event.id": "e1", "account.id": "a', "truncated"),
        (b'{"timestamp": NaN, "event.id": "e", "account.id": "a"}', "missing_field"),
        (b'{"timestamp": 1, "event.id": "e", "account.id": "a", "gen_ai.usage.input_tokens": 1e999}', "absurd"),
        (b'{"event.id": "\xff\xfe"', "bad_utf8"),
        (b"[1, 2]", "not_object"),
        (b'"text"', "not_object"),
        (b'{"a": "' + b"x" * MAX_READ_BYTES + b'"}', "too_large"),
        (b"[" * 5000, "not_json"),
    ],
)
def test_a_line_that_is_no_object_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    assert reason_of(line) == reason


@pytest.mark.parametrize("missing", ["timestamp", "account.id"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_each_required_field_is_demanded(missing: str, nothing: object) -> None:
    assert refused({missing: nothing}) == "missing_field"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("account.id", 7, "wrong_type"),
        ("account.id", [], "wrong_type"),
        ("gen_ai.usage.input_tokens", "many", "wrong_type"),
        ("gen_ai.usage.input_tokens", True, "wrong_type"),
        ("gen_ai.usage.input_tokens", -1, "negative"),
        ("gen_ai.usage.output_tokens", -0.5, "negative"),
        ("http.server.request.duration", -1, "negative"),
        ("gen_ai.usage.input_tokens", 10**12, "absurd"),
        ("http.response.status_code", 1000, "absurd"),
        ("timestamp", "yesterday", "bad_timestamp"),
        ("timestamp", "2026-10-01T12:00:00", "bad_timestamp"),
        ("timestamp", "2026-10-01", "bad_timestamp"),
        ("timestamp", "", "missing_field"),
        ("timestamp", True, "wrong_type"),
        ("account.created", "long ago", "bad_timestamp"),
        ("account.id", "x" * (MAX_TEXT_BYTES + 1), "too_long"),
        ("prompt.sketch", {"simhash": "no hex"}, "bad_sketch"),
        ("prompt.sketch", {"shingles": [1] * 9}, "bad_sketch"),
        ("prompt.sketch", {"shingles": [-1]}, "bad_sketch"),
        ("prompt.sketch", {"topic": 2048}, "bad_sketch"),
        ("prompt.sketch", {"asks_grading": []}, "bad_sketch"),
        ("prompt.sketch", {"asks_grading": 2}, "bad_sketch"),
        ("prompt.sketch", {"language": 1}, "bad_sketch"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_with_its_reason(field: str, value: object, reason: str) -> None:
    assert refused({field: value}) == reason


def test_long_strings_are_cut_at_a_character_at_any_depth() -> None:
    long = event(prompt=[{"role": "user", "content": ["é" * MAX_TEXT_BYTES]}], user_agent__original="x" * (MAX_TEXT_BYTES + 9))
    check(long)
    assert long["prompt"][0]["content"] == ["é" * (MAX_TEXT_BYTES // 2)]
    assert long["user_agent.original"] == "x" * MAX_TEXT_BYTES


def test_the_reason_names_the_field_and_never_its_value() -> None:
    with pytest.raises(MalformedEventError) as caught:
        check(event(gen_ai__usage__input_tokens="secret words"))
    assert "gen_ai.usage.input_tokens" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("nothing", [None, "", "-", " ", True, [], {"a": [1]}])
def test_an_event_whose_id_is_no_text_has_the_same_one_when_it_is_sent_again_and_another_one_has_another(nothing: object) -> None:
    first, again, other = event(), event(), event(prompt=["another"])
    for each in (first, again, other):
        each["event.id"] = nothing
        check(each)
    assert len(first["event.id"]) == len("a hash of 16 bytes in hex digits")
    assert first["event.id"] == again["event.id"] != other["event.id"]


def test_an_event_without_the_field_of_its_id_is_refused_and_a_number_is_an_id() -> None:
    assert reason_of(json.dumps({"timestamp": NOON, "account.id": "a1"}).encode()) == "missing_field"
    numbered = event(event__id=17)
    check(numbered)
    assert numbered["event.id"] == "17"


@pytest.mark.parametrize(("reasons", "read"), [([None], None), ([None, "stop"], ["stop"]), (["stop"], ["stop"]), ([], [])])
def test_a_reason_to_finish_that_is_null_is_unknown(reasons: list[str | None], read: list[str] | None) -> None:
    finished = event(gen_ai__response__finish_reasons=reasons)
    check(finished)
    assert finished["gen_ai.response.finish_reasons"] == read


def test_null_is_the_same_as_missing() -> None:
    assert check({field.wire: None for field in FIELDS} | event()) == NOON


def test_unknown_fields_are_ignored_whatever_they_hold() -> None:
    assert check(event(weather={"temperature": "x" * 100_000})) == NOON


def test_what_a_caller_asks_for_beyond_reason_is_unknown_but_hides_no_request() -> None:
    strange = event(gen_ai__request__max_tokens=-1, gen_ai__request__temperature=1e30)
    assert check(strange) == NOON
    assert strange["gen_ai.request.max_tokens"] is None
    assert strange["gen_ai.request.temperature"] is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_790_000_000, 1_790_000_000.0),
        (1_790_000_000.5, 1_790_000_000.5),
        (1_790_000_000_500, 1_790_000_000.5),
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T00:00:10z", 10.0),
        ("1970-01-01t00:00:10z", 10.0),
        ("1970-01-01 02:00:10+02:00", 10.0),
        ("1970-01-01T00:00:10.250000999Z", 10.25),
        ("1970-01-01T00:00:60Z", 60.0),
    ],
)
def test_a_time_is_rfc_3339_or_epoch_seconds_or_milliseconds(value: str | float, expected: float) -> None:
    assert seconds("timestamp", value) == expected


def test_an_account_tells_its_age_in_either_form() -> None:
    aged = event(account__created="1970-01-01T00:00:10Z")
    check(aged)
    assert aged["account.created"] == 10.0


def test_no_two_fields_share_a_name_and_all_fill_a_column_of_the_block() -> None:
    from streams.schema.layouts import REQUESTS  # noqa: PLC0415  (only this test compares the two tables)

    names = [field.wire for field in FIELDS]
    assert len(set(names)) == len(names)
    made = {field.column for field in FIELDS} | {"router", "shingles", "template", "topic", "language", "known_corpus"}
    assert made | {"asks_reasoning", "asks_grading", "asks_trajectory"} == set(REQUESTS.columns)


STRANGE: Final[tuple[Any, ...]] = (None, True, -1, 0, 1e18, math.nan, 10**30, "", "x", "5", [], ["x"], [1], {}, {"role": 1})


def outcome(given: Event) -> tuple[str, Event]:
    """What the check says of an event, and what it makes of it."""
    read = {**given}
    try:
        check(read)
    except MalformedEventError as error:
        return str(error), read
    return "", read


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_value_is_looked_at_by_its_type_and_its_amount_also_in_an_event_of_a_shape_that_came_before(name: str) -> None:
    for value in STRANGE:
        given = event(message_count=1) | {name: value}
        for other in STRANGE:  # some of the same type and another amount
            outcome(given | {name: other})
        remembered = repr(outcome(given))
        _LOOKS.clear()
        assert repr(outcome(given)) == remembered, value


def test_shapes_are_remembered_up_to_a_number_and_none_of_many_or_long_names() -> None:
    good = event()
    for number in range(MAX_EVENT_SHAPES + 5):
        check(good | {f"other {number}": 1})
    assert 0 < len(_LOOKS) <= MAX_EVENT_SHAPES
    _LOOKS.clear()
    check(good | {f"other {number}": 1 for number in range(MAX_EVENT_SHAPE_FIELDS)})
    check(good | {"x" * MAX_EVENT_SHAPE_CHARACTERS: 1})
    assert not _LOOKS
