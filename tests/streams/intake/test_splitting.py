"""From pieces of any size to the lines or the JSON values of a log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.intake.splitting import Lines, Records, Splitter, Values
from streams.schema.event import MAX_READ_BYTES

JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a"{}[]\\\n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='a"}]', max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=5)


def split(splitter: Splitter, pieces: list[bytes]) -> list[bytes]:
    return [record for piece in pieces for record in splitter.feed(piece)] + splitter.finish()


def cut(text: bytes, size: int) -> list[bytes]:
    return [text[begin : begin + size] for begin in range(0, len(text), size)]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_pieces_of_any_size_give_the_same_lines(pieces: list[bytes]) -> None:
    whole = b"".join(pieces).split(b"\n")
    assert split(Lines(), pieces) == (whole if whole[-1] else whole[:-1])


@given(OBJECTS, st.sampled_from([None, 2]), st.integers(1, 40), st.booleans())
def test_pieces_of_any_size_give_the_same_values(objects: list[Any], indent: int | None, size: int, array: bool) -> None:  # noqa: FBT001
    text = json.dumps(objects, indent=indent) if array else " ".join(json.dumps(value, indent=indent) for value in objects)
    assert [json.loads(value) for value in split(Values(), cut(text.encode(), size))] == objects


def test_an_endless_record_keeps_no_more_than_its_limit() -> None:
    for splitter, start in ((Lines(), b"x"), (Values(), b'{"a": "')):
        assert split(splitter, [start, *[b"x" * 1_000_000] * 40])[0][:1] == start[:1]
        assert max(map(len, split(splitter, [start, *[b"x" * 1_000_000] * 40]))) <= MAX_READ_BYTES + 1


@pytest.mark.parametrize(
    ("text", "records"),
    [
        (b'{"a": 1}\n{"b": 2}\n', [b'{"a": 1}', b'{"b": 2}']),
        (b'{"a": 1}{"b": 2}', [b'{"a": 1}', b'{"b": 2}']),
        (b'{\n  "a": 1\n}\n{\n  "b": 2\n}\n', [b'{\n  "a": 1\n}', b'{\n  "b": 2\n}']),
        (b'[{"a": 1},\n{"b": 2}]\n', [b'{"a": 1}', b'{"b": 2}']),
        (b'[{"a": 1}]\n[{"b": 2}]\n', [b'{"a": 1}', b'{"b": 2}']),
        (b'\n{"a": 1}\n', [b"", b'{"a": 1}']),
        (b'{"a": 1\n{"b": 2}\n', [b'{"a": 1', b'{"b": 2}']),
        (b"GET /v1/models\n", [b"GET /v1/models"]),
    ],
    ids=["lines", "concatenated", "pretty", "array", "arrays", "a blank line first", "a broken line first", "text"],
)
def test_a_log_is_read_by_lines_unless_its_values_are_cut_otherwise(text: bytes, records: list[bytes]) -> None:
    assert split(Records(), [text]) == records


def test_what_is_no_value_between_values_is_a_record_to_be_refused() -> None:
    assert split(Values(), [b'[{"a": 1}, 17, {"b": 2}] rest']) == [b'{"a": 1}', b"17", b'{"b": 2}', b"rest"]


def test_an_object_without_an_end_is_a_record_to_be_refused() -> None:
    assert split(Values(), [b'[{"a": 1}, {"b"']) == [b'{"a": 1}', b'{"b"']
