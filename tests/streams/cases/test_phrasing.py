"""Sentences that an analyst reads aloud."""

from __future__ import annotations

import math

import pytest

from streams.cases.phrasing import sentence, top_features, words
from streams.features.registry import features

EVERY = [*features("account"), *features("group")]
LONGEST = 120


@pytest.mark.parametrize("name", [kind.name() for kind in EVERY])
def test_every_feature_begins_a_readable_statement(name: str) -> None:
    said = words(next(kind for kind in EVERY if kind.name() == name))
    assert said[0].isupper()
    assert not said.endswith((".", ":", ","))
    assert not {"ln(", "`", "_", " nats"} & {mark for mark in ("ln(", "`", "_", " nats") if mark in said}
    assert len(said.split()) >= 2
    assert len(said) <= LONGEST, f"{name}: shorten the first sentence of its docstring"


def test_a_logarithm_is_said_as_what_it_counts() -> None:
    said = sentence("daily_output", math.log1p(62_000), [math.log1p(2_900), math.log1p(60_000)], 1.5)
    assert said == "Output tokens a day: 62,000, where most accounts have 2,900 to 60,000 (+1.5 nats)."


def test_a_share_is_said_in_per_cent() -> None:
    said = sentence("fresh_questions", 0.82, [0.012, 0.46], 3.8)
    assert said == "Share of requests that are one question without a past: 82%, where most accounts have 1.2% to 46% (+3.8 nats)."


def test_a_usual_range_of_one_value_is_one_value() -> None:
    said = sentence("hosting_share", 0.1, [1.0, 1.0], 3.2)
    assert said == "Share of requests from hosting or VPN networks: 10%, where most accounts have 100% (+3.2 nats)."


def test_a_usual_range_in_the_lowest_bin_is_next_to_none() -> None:
    said = sentence("asks_reasoning", 0.4, [0.5 / 128, 0.5 / 128], 3.2)
    assert said == "Share of prompts that ask for the steps behind an answer: 40%, where most accounts have next to none (+3.2 nats)."
    assert "have 0% to 20%" in sentence("asks_reasoning", 0.4, [0.5 / 128, 0.2], 3.2)


def test_different_things_are_counted_whole() -> None:
    said = sentence("as_spread", math.log1p(4.1), [math.log1p(1.0), math.log1p(2.0)], 4.0)
    assert said == "Different autonomous systems in a day: 4, where most accounts have 1 to 2 (+4.0 nats)."


def test_before_there_are_votes_nobody_knows_what_is_usual() -> None:
    said = sentence("daily_requests", math.log1p(25), None, 0.5)
    assert said == "Requests a day: 25; what is usual is not known yet (+0.5 nats)."


def test_a_group_is_held_against_chance_because_groups_have_no_usual_range() -> None:
    said = sentence("evenness", 11.8, None, 11.8)
    assert (
        said == "How much better a dispatcher explains how much work the accounts begin than people do: 12 nats, where chance gives none."
    )


def test_a_groups_value_in_other_units_says_its_nats_beside_it() -> None:
    said = sentence("card_sharing", 4.0, None, 12.0)
    expected = "Organisations that pay with a card another organisation of the group pays with too: 4, where unrelated accounts have none"
    assert said == f"{expected} (+12.0 nats)."


def test_a_value_at_its_limit_is_or_more() -> None:
    assert "50 or more nats" in sentence("age_cohort", 50.0, None, 50.0)


def test_a_feature_without_a_value_is_unknown() -> None:
    assert sentence("daily_output", None, None, 1.0) == "daily_output: unknown."
    assert sentence("gone_since", 1.0, None, 1.0) == "gone_since: unknown."


def test_the_loudest_features_come_first_and_silent_ones_not_at_all() -> None:
    entity = {
        "features": {"daily_output": 9.0, "seeded_share": 1.0},
        "usual": {},
        "nats": {"daily_output": 1.0, "seeded_share": 2.0, "end_users": -1.0},
    }
    assert [each["feature"] for each in top_features(entity)] == ["seeded_share", "daily_output"]
    assert [each["feature"] for each in top_features(entity, ("volume",))] == ["daily_output"]
