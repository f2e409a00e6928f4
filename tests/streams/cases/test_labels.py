"""Labels are made as people say them: one per author and entity."""

from __future__ import annotations

import pytest

from streams.cases import labels
from streams.core.errors import MalformedEventError
from streams.schema.labels import Label

LABEL = labels.make("case", "case-1", "benign", "ada", "a course", at=100.0)


def test_a_label_survives_the_journey() -> None:
    assert Label.decode(LABEL.encode()) == LABEL


def test_the_same_author_has_one_label_on_an_entity() -> None:
    assert labels.make("case", "case-1", "distilling", "ada", at=200.0).label_id == LABEL.label_id


def test_another_author_has_a_label_of_their_own() -> None:
    assert labels.make("case", "case-1", "benign", "grace", at=100.0).label_id != LABEL.label_id


@pytest.mark.parametrize(("kind", "verdict"), [("planet", "benign"), ("case", "guilty"), ("case", "split"), ("link", "benign")])
def test_a_word_that_no_label_has_is_refused_and_never_quoted(kind: str, verdict: str) -> None:
    with pytest.raises(MalformedEventError, match=r"^absurd") as raised:
        labels.make(kind, "case-1/case-2", verdict, "ada")
    assert not any(word in str(raised.value) for word in ("planet", "guilty"))
