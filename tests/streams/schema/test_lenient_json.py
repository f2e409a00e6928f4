"""What a strict parser refuses and a caller may have caused is read; what is no JSON is refused."""

from __future__ import annotations

import math

import pytest

from streams.schema.lenient_json import MAX_DEPTH_LEVELS, closed, loads


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


def test_what_is_nested_deeper_than_64_levels_is_null_and_what_stands_beside_it_is_read() -> None:
    deep = b"[" * MAX_DEPTH_LEVELS + b"1" + b"]" * MAX_DEPTH_LEVELS
    read = loads(b'{"deep": ' + deep + b', "brackets": "[[[", "b": 2}')
    assert (read["brackets"], read["b"]) == ("[[[", 2)
    levels, value = 0, read["deep"]
    while isinstance(value, list) and value:
        levels, value = levels + 1, value[0]
    assert (levels, value) == (MAX_DEPTH_LEVELS - 1, None)


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
