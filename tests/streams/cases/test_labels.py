"""Labels: what a person decided, checked before it travels and again when it arrives."""

from __future__ import annotations

import orjson
import pytest

from streams.cases import labels
from streams.core.errors import MalformedEventError

LABEL = labels.make("case", "case-1", "benign", "ada", "a course", at=100.0)


def test_a_label_survives_the_journey() -> None:
    assert labels.parse(orjson.dumps(LABEL)) == LABEL


def test_the_same_author_has_one_label_on_an_entity() -> None:
    later = labels.make("case", "case-1", "distilling", "ada", at=200.0)
    assert later["label_id"] == LABEL["label_id"]


def test_another_author_has_a_label_of_their_own() -> None:
    assert labels.make("case", "case-1", "benign", "grace", at=100.0)["label_id"] != LABEL["label_id"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"not json", "not_json"),
        (b"[1]", "not_object"),
        (orjson.dumps({**LABEL, "time": "noon"}), "wrong_type"),
        (orjson.dumps({**LABEL, "note": 7}), "wrong_type"),
        (orjson.dumps({**LABEL, "note": "x" * 2_001}), "wrong_type"),
        (orjson.dumps({**LABEL, "author": ""}), "missing_field"),
        (orjson.dumps({**LABEL, "verdict": "guilty"}), "absurd"),
        (orjson.dumps({**LABEL, "entity_kind": "planet"}), "absurd"),
    ],
)
def test_what_is_no_label_is_refused_for_a_reason_and_never_quoted(value: bytes, reason: str) -> None:
    with pytest.raises(MalformedEventError) as raised:
        labels.parse(value)
    assert raised.value.reason == reason
    assert not any(word in str(raised.value) for word in ("noon", "guilty", "planet"))


def test_unknown_fields_do_not_travel_on() -> None:
    assert labels.parse(orjson.dumps({**LABEL, "prompt": "secret"})) == LABEL
