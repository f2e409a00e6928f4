"""A label is checked when it arrives: what is refused is refused for a reason, and never quoted."""

from __future__ import annotations

import orjson
import pytest

from streams.core.errors import MalformedEventError
from streams.schema.labels import Label

LABEL = {
    "label_id": "0123456789abcdef",
    "time": 100.0,
    "entity_kind": "case",
    "entity_id": "case-1",
    "verdict": "benign",
    "author": "ada",
    "note": "a course",
    "signer": "analyst",
}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"not json", "not_json"),
        (b"[1]", "not_object"),
        (orjson.dumps({**LABEL, "time": "noon"}), "wrong_type"),
        (orjson.dumps({**LABEL, "note": 7}), "wrong_type"),
        (orjson.dumps({**LABEL, "note": "x" * 2_001}), "wrong_type"),
        (orjson.dumps({**LABEL, "author": ""}), "missing_field"),
        (orjson.dumps({name: value for name, value in LABEL.items() if name != "author"}), "missing_field"),
        (orjson.dumps({**LABEL, "verdict": "guilty"}), "absurd"),
        (orjson.dumps({**LABEL, "verdict": "split"}), "absurd"),
        (orjson.dumps({**LABEL, "entity_kind": "planet"}), "absurd"),
        (orjson.dumps({**LABEL, "entity_kind": "link", "verdict": "split"}), "absurd"),
    ],
)
def test_what_is_no_label_is_refused_for_a_reason_and_never_quoted(value: bytes, reason: str) -> None:
    with pytest.raises(MalformedEventError) as raised:
        Label.decode(value)
    assert raised.value.reason == reason
    assert not any(word in str(raised.value) for word in ("noon", "guilty", "planet"))


def test_unknown_fields_do_not_travel_on() -> None:
    assert Label.decode(orjson.dumps({**LABEL, "prompt": "secret"})).encode() == orjson.dumps({**LABEL, "reason": ""})


def test_a_label_of_a_link_names_the_case_and_what_leaves_it() -> None:
    split = Label.decode(orjson.dumps({**LABEL, "entity_kind": "link", "entity_id": "case-1/case-2", "verdict": "split"}))
    assert split.entity_id == "case-1/case-2"
