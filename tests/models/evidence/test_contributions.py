"""A score is the sum of its counted parts, whatever the families."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evidence import contributions, weighing
from models.evidence.contributions import NO_RULE_PART, OTHER_VERSION, QUESTION_PART
from models.evidence.extraction_rules import Purpose, extraction
from models.evidence.families import FAMILIES

nats = st.floats(-7.0, 7.0) | st.none()
some_families = st.lists(nats, min_size=len(FAMILIES), max_size=len(FAMILIES)).map(
    lambda values: {name: round(value, 4) for name, value in zip(FAMILIES, values, strict=True) if value is not None}
)


def vector(families: dict[str, float]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([[families.get(name, np.nan) for name in FAMILIES]])


@given(some_families, st.sampled_from(Purpose), st.booleans())
def test_the_parts_of_an_extraction_score_add_up_to_it(families: dict[str, float], purpose: Purpose, alone: bool) -> None:  # noqa: FBT001 (drawn)
    judgement = extraction(vector(families), purpose=purpose, alone=alone)
    score = float(judgement.nats[0])
    parts = contributions.of_extraction(families, score, alone=alone, held=judgement.rule() is not None)
    assert sum(part.counted for part in parts) == pytest.approx(round(score, 1), abs=0.051)
    assert OTHER_VERSION not in {part.family for part in parts}


@given(some_families)
def test_the_parts_of_a_routing_score_add_up_to_it(families: dict[str, float]) -> None:
    score = float(weighing.routing(vector(families))[0])
    parts = contributions.of_routing(families, score)
    assert sum(part.counted for part in parts) == pytest.approx(score, abs=0.051)
    assert OTHER_VERSION not in {part.family for part in parts}


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=11))
def test_tenths_add_up_to_the_rounded_total(values: list[float]) -> None:
    rounded = contributions.tenths(values, sum(values))
    assert sum(rounded) == pytest.approx(round(sum(values), 1), abs=0.0501)
    assert all(abs(after - before) <= 0.2001 for after, before in zip(rounded, values, strict=True))


def test_what_does_not_count_says_why() -> None:
    parts = contributions.of_routing({"client": 4.0, "content": 5.0, "evenness": 6.0}, 7.0)
    assert [(part.family, part.nats, part.counted, part.why) for part in parts] == [
        ("client", 4.0, 4.0, ""),
        ("evenness", 6.0, 3.0, "counts half: it corroborates"),
        ("content", 5.0, 0.0, "does not count for routing"),
    ]


def test_a_score_without_a_rule_is_limited_and_says_so() -> None:
    parts = contributions.of_extraction({"content": 7.0, "cohort": 7.0}, 6.5, alone=False, held=False)
    assert [(part.family, part.counted) for part in parts] == [("cohort", 7.0), ("content", 7.0), (NO_RULE_PART, -7.5)]


def test_a_score_that_only_a_rule_supports_is_limited_to_a_question_and_says_so() -> None:
    parts = contributions.of_extraction({"content": 7.0, "evenness": 7.0}, 9.1, alone=False, held=True, question="disagreement")
    assert [(part.family, part.counted) for part in parts] == [("content", 7.0), ("evenness", 7.0), (QUESTION_PART, -4.9)]


def test_a_score_that_nothing_limits_is_not_called_limited_whatever_its_value() -> None:
    families = {part.family for part in contributions.of_model({"content": 7.0}, 9.1, {"content": 20.0})}
    assert families == {"content", "prior"}


def test_a_score_of_another_version_is_not_passed_off_as_this_ones() -> None:
    first, *_ = contributions.of_extraction({"content": 7.0}, 20.0, alone=True, held=True)
    assert (first.family, first.counted) == (OTHER_VERSION, 13.0)
