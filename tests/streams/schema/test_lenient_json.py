"""What a strict parser refuses and a caller may have caused is read; what is no JSON is refused."""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.schema.lenient_json import MAX_JSON_DEPTH_LEVELS, closed, items, loads, shortened, values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": NaN, "b": 2}', {"a": None, "b": 2}),
        (b'{"a": 1e400}', {"a": math.inf}),
        (b'{"a": 1' + b"0" * 400 + b"}", {"a": math.inf}),
        (rb'{"a": "\ud800", "b": 2}', {"a": "?", "b": 2}),
        (b'{"a": "x\xff", "b": 2}', {"a": "x\ufffd", "b": 2}),
    ],
    ids=["no number", "too large", "too many digits", "half a character", "no UTF-8"],
)
def test_one_strange_value_costs_only_itself(text: bytes, value: object) -> None:
    assert loads(text) == value


@given(st.integers(min_value=-(10**400), max_value=10**400) | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_beside_what_is_none_is_what_it_is_without_it_and_can_be_written_again(number: float) -> None:
    text = json.dumps(number).encode()
    beside = loads(b'{"a": NaN, "b": ' + text + b"}")
    try:
        assert beside["b"] == orjson.loads(text)
    except orjson.JSONDecodeError:  # it holds no infinite numbers
        assert math.isinf(beside["b"])
    orjson.dumps(beside)


def test_what_is_nested_deeper_than_64_levels_is_null_and_what_stands_beside_it_is_read() -> None:
    deep = b"[" * MAX_JSON_DEPTH_LEVELS + b"1" + b"]" * MAX_JSON_DEPTH_LEVELS
    read = loads(b'{"deep": ' + deep + b', "brackets": "[[[", "b": 2}')
    assert (read["brackets"], read["b"]) == ("[[[", 2)
    levels, value = 0, read["deep"]
    while isinstance(value, list) and value:
        levels, value = levels + 1, value[0]
    assert (levels, value) == (MAX_JSON_DEPTH_LEVELS - 1, None)


@pytest.mark.parametrize("text", [b"", b"plain words", b'{"a": }', b'{"a": 1'])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads(text)


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        (b'{"a": 1, "b": [1, 2], "prompt": "Wri', b'{"a": 1, "b": [1, 2]}'),
        (b'{"a": "x, y", "b', b'{"a": "x, y"}'),
        (b'{"a": 1', None),
        (b"[1, 2, 3", None),
    ],
)
def test_an_object_that_was_cut_off_ends_after_its_last_whole_field(cut: bytes, whole: bytes | None) -> None:
    assert closed(cut) == whole


TEXTS = st.text(alphabet='ab"\\\\\n,{}[]é\U0001f600', max_size=8)
VALUES = st.recursive(TEXTS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=6)


@given(VALUES, TEXTS, st.integers(0, 3), st.booleans())
def test_a_long_text_is_cut_and_everything_around_it_stays(around: Any, unit: str, level: int, ascii_only: bool) -> None:  # noqa: FBT001
    long = (unit or "x") * 40_000

    def nested(prompt: str) -> Any:
        value: Any = {"before": around, "prompt": f" {prompt}", "after": around}
        for _ in range(level):
            value = {"log": json.dumps(value, ensure_ascii=ascii_only), "after": around}
        return value

    whole = json.dumps(nested(long), ensure_ascii=ascii_only).encode()
    value = loads(shortened(whole, 50_000))
    for _ in range(level):
        assert value["after"] == around
        value = json.loads(value["log"])
    assert (value["before"], value["after"]) == (around, around)
    assert f" {long}".startswith(value["prompt"].rstrip("?"))
    assert len(whole) <= 50_000 or len(value["prompt"]) < len(long)


def test_what_is_short_enough_or_has_no_long_text_stays() -> None:
    text = b'{"a": "' + b"x" * 300 + b'", "b": [' + b"1," * 300 + b"1]}"
    assert shortened(text, len(text)) == text
    assert loads(shortened(text, len(text) - 1)) == {"a": "x" * 255, "b": [1] * 301}
    assert loads(shortened(text, 300)) == {"a": "x" * 255, "b": None}


@pytest.mark.parametrize("unit", [b"[],", b"[[]],", b"1,", b'{"":[]},', b'"",', b"[[[[[[[[1]]]]]]]],"])
@pytest.mark.parametrize("wrapped", [b"%s", b'{"log": %s}', b'{"records": [%s]}'])
def test_fields_beside_a_million_small_values_stay(unit: bytes, wrapped: bytes) -> None:
    event = b'{"before": 1, "x": [' + unit * 5_000 + b'0], "after": 2}'
    value = loads(shortened(wrapped.replace(b"%s", event), 5_000))
    value = value.get("log") or value.get("records", [value])[0]
    assert (value["before"], value["after"]) == (1, 2)


@given(st.lists(VALUES, max_size=5), st.sampled_from([b",", b" , ", b"\n"]))
def test_an_array_is_cut_into_its_items(items_of: list[Any], between: bytes) -> None:
    texts = [json.dumps({"a": value}).encode() for value in items_of]
    assert items(b"[" + between.join(texts) + b"]", 5) == texts
    assert items(b" [" + between.join([*texts, b'{"a": [']), 6) == [*texts, b'{"a": [']


UNITS = [bytes(unit) for size in (1, 2) for unit in itertools.product(b'[]{}",:\\1 ', repeat=size)]
HEADS = [b"", b"[", b"[{}", b"[{", b'[{"', b'[{"a":[', b'{"a":NaN,"b":[']


@pytest.mark.parametrize("head", HEADS)
def test_no_text_takes_more_steps_than_its_length_allows(head: bytes) -> None:
    """Calls are counted, not time: one for 64 bytes at most."""
    for unit in UNITS:
        text = head + unit * (40_000 // len(unit))
        for read in (loads, closed, values, partial(items, most=100), partial(shortened, most=10_000)):
            assert calls_of(read, text) < 1_000, (unit, read)


def calls_of(read: Callable[[bytes], object], text: bytes) -> int:
    """Return how many functions were called, Python's and C's."""
    calls = itertools.count()
    sys.setprofile(lambda _frame, event, _argument: next(calls) if event in {"call", "c_call"} else None)
    try:
        read(text)
    except (ValueError, RecursionError):
        pass
    finally:
        sys.setprofile(None)
    return next(calls)
