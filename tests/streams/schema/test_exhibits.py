"""What a person records as an exhibit is checked, and what is none is not taken for one."""

from __future__ import annotations

import pytest

from streams.core.errors import MalformedEventError
from streams.schema.actions import Action
from streams.schema.exhibits import Exhibit, ExhibitKind, exhibit_of

NOON = 1_795_000_000.0


def recorded(value: str, kind: str = "exhibit") -> Action:
    return Action("0" * 32, NOON, "case-1", kind, "ada", "analyst", value)  # type: ignore[arg-type]


def test_an_action_gives_back_the_exhibit_that_it_records() -> None:
    exhibit = Exhibit("served", NOON - 60, NOON, "a" * 64)
    assert exhibit_of(recorded(exhibit.encode().decode())) == exhibit
    assert exhibit_of(recorded(exhibit.encode().decode(), "comment")) is None


@pytest.mark.parametrize(
    "value", ["", "{}", "[" * 2_000, '{"kind":"verdict","began":1,"ended":1}', '{"kind":"served","began":2,"ended":1}']
)
def test_what_cannot_be_read_is_no_exhibit(value: str) -> None:
    assert exhibit_of(recorded(value)) is None


@pytest.mark.parametrize(
    ("kind", "began", "ended", "sha256"),
    [("release", 2.0, 1.0, ""), ("release", -1.0, 1.0, ""), ("release", 1.0, 1e12, ""), ("release", 1.0, 1.0, "AB")],
)
def test_an_exhibit_of_no_time_or_no_digest_is_refused(kind: ExhibitKind, began: float, ended: float, sha256: str) -> None:
    with pytest.raises(MalformedEventError):
        Exhibit(kind, began, ended, sha256)
