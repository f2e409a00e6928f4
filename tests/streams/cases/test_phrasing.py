"""Sentences that an analyst reads aloud."""

from __future__ import annotations

import math

from streams.cases.phrasing import amount, sentence, top_features
from streams.features.account.daily_requests import DailyRequests
from streams.schema.evidence import Entity


def test_a_sentence_says_what_was_measured_what_is_usual_and_what_it_means() -> None:
    text = sentence("daily_output", math.log1p(62_000), [math.log1p(2_900), math.log1p(60_000)], 1.5)
    assert text == "Output tokens per day: 62,000; most accounts have 2,900 to 60,000. Typical of bulk output from one account (+1.5 nats)."


def test_a_share_is_written_in_per_cent() -> None:
    text = sentence("fresh_questions", 0.82, [0.012, 0.46], 3.8)
    assert text.startswith("Requests that are one question without history: 82%; most accounts have 1.2% to 46%. Typical of job queues")


def test_a_usual_range_of_one_value_is_one_value() -> None:
    assert ": 10%; most accounts have 100%. " in sentence("hosting_share", 0.1, [1.0, 1.0], 3.2)


def test_a_usual_range_in_the_lowest_bin_is_almost_none() -> None:
    assert ": 40%; most accounts have almost none. " in sentence("asks_reasoning", 0.4, [0.5 / 128, 0.5 / 128], 3.2)
    assert "have 0% to 20%" in sentence("asks_reasoning", 0.4, [0.5 / 128, 0.2], 3.2)


def test_things_are_counted_whole() -> None:
    text = sentence("as_spread", math.log1p(4.1), [math.log1p(1.0), math.log1p(2.0)], 4.0)
    assert text.startswith("Autonomous systems in a day: 4; most accounts have 1 to 2. ")


def test_a_rate_has_a_decimal() -> None:
    assert amount(DailyRequests, math.log1p(2.5)) == "2.5"


def test_before_there_are_votes_what_is_usual_is_unknown() -> None:
    text = sentence("daily_requests", math.log1p(25), None, 0.5)
    assert text == "Requests per day: 25; what is usual is not known yet. Weak sign of bulk use of one account (+0.5 nats)."


def test_a_group_is_compared_with_chance_because_groups_have_no_usual_range() -> None:
    text = sentence("evenness", 11.8, None, 11.8)
    expected = "Work dealt out evenly, as by a dispatcher: 7.0 nats or more; about 0 by chance. "
    assert text == f"{expected}Typical of round-robin or quotas over a pool of accounts."


def test_a_groups_value_in_other_units_has_its_nats_beside_it() -> None:
    text = sentence("card_sharing", 4.0, None, 12.0)
    expected = "Organisations beyond the first on one card: 4; about 0 by chance. "
    assert text == f"{expected}Typical of one payer behind many organisations (+7.0 nats)."


def test_a_value_at_its_limit_is_or_more() -> None:
    assert "7.0 nats or more" in sentence("age_cohort", 50.0, None, 50.0)
    assert sentence("daily_output", 21.0, None, 1.0).startswith("Output tokens per day: 1,320,000,000 or more; ")


def test_a_length_has_its_unit_because_its_label_has_none() -> None:
    assert sentence("long_answers", math.log1p(420), None, 1.0).startswith("Length of a typical answer: 420 tokens; ")


def test_a_feature_without_a_value_or_that_was_removed_is_unknown() -> None:
    assert sentence("daily_output", None, None, 1.0) == "daily_output: unknown."
    assert sentence("removed_since", 1.0, None, 1.0) == "removed_since: unknown."


def account(nats: dict[str, float], **features: float) -> Entity:
    return Entity(entity_kind="account", entity_id="ada", nats=nats, features=features)


def test_the_strongest_features_come_first_and_those_without_evidence_not_at_all() -> None:
    nats = {"daily_output": 1.0, "seeded_share": 2.0, "end_users": -1.0}
    entity = account(nats, daily_output=9.0, seeded_share=1.0)
    assert [row.feature for row in top_features(entity)] == ["seeded_share", "daily_output"]
    assert [row.feature for row in top_features(entity, ("volume",))] == ["daily_output"]


def test_six_features_are_shown_and_none_whose_evidence_is_nothing() -> None:
    names = ("daily_output", "daily_requests", "end_users", "seeded_share", "long_answers", "system_prompts", "routers_used")
    entity = account(dict.fromkeys(names, 1.0), **dict.fromkeys(names, 1.0))
    assert [row.feature for row in top_features(entity)] == sorted(names)[:6]
    assert top_features(account(dict.fromkeys(names, 0.0))) == []


def test_from_ten_on_a_number_has_no_decimals() -> None:
    assert [amount(DailyRequests, math.log1p(value)) for value in (9.94, 10.4)] == ["9.9", "10"]
