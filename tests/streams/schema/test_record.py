"""A record says what it refuses in a sentence of its own, and reads what a newer writer sends."""

from __future__ import annotations

import pytest

from streams.core.errors import MalformedEventError
from streams.schema.record import Record


class Parcel(Record, frozen=True):
    name: str
    weight: float


def test_fields_are_written_in_the_order_of_their_declaration() -> None:
    assert Parcel("a", 1.5).encode() == b'{"name":"a","weight":1.5}'


def test_a_field_of_a_newer_writer_is_ignored() -> None:
    assert Parcel.decode(b'{"name":"a","colour":"red","weight":1}') == Parcel("a", 1.0)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"name":"a"}', "missing_field: the parcel has no weight"),
        (b'{"name":7,"weight":1}', "wrong_type: the parcel's name has the wrong type or range"),
        (b"[]", "not_object: the parcel is not one JSON object"),
        (b'{"name":"\xff","weight":1}', "not_json: the parcel is not one JSON object"),
        (b"", "not_json: the parcel is not one JSON object"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence_that_names_the_field(data: bytes, sentence: str) -> None:
    with pytest.raises(MalformedEventError, match=f"^{sentence}$"):
        Parcel.decode(data)
