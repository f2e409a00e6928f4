from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Floats
from models.evidence.extraction_rules import (
    DEALT_NATS,
    HINT_NATS,
    MIN_FAMILIES,
    NO_RULE_INDEX,
    RULES,
    Purpose,
    extraction,
)
from models.evidence.families import ALONE_COUNTS, EXTRACTION_WEIGHTS, FAMILIES, IS_SIGN
from models.evidence.weighing import (
    ALERT_THRESHOLD_NATS,
    BELONGING,
    CONTENT,
    EVENNESS,
    MAX_BELONGING_NATS,
    MIN_EVIDENCE_NATS,
    OPERATION,
    PAYMENT,
)

# at the edges that the rules ask about, on either side of them, unknown, and anywhere
_EDGES = (math.nan, -7.0, -2.0, -1.9, -0.1, 0.0, 0.4, 0.5, 1.9, 2.0, 2.1, 3.9, 4.0, 7.0)
FAMILY_NATS = st.lists(st.one_of(st.sampled_from(_EDGES), st.floats(-7, 7)), min_size=len(FAMILIES), max_size=len(FAMILIES))


def reference(families: Floats, purpose: Purpose, *, cards_dealt: bool, alone: bool) -> Floats:
    """The same evidence as one expression: what the table of rules replaced."""
    weights = EXTRACTION_WEIGHTS * ALONE_COUNTS if alone else EXTRACTION_WEIGHTS
    sole = purpose is Purpose.SOLE
    if sole:
        families = families.copy()
        families[:, EVENNESS] = np.where(
            families[:, EVENNESS] > -MIN_EVIDENCE_NATS, np.maximum(families[:, EVENNESS], 0.0), families[:, EVENNESS]
        )
    together = np.nansum(families[:, BELONGING], axis=1)
    nats = (
        np.nansum(families * weights, axis=1) - np.maximum(together - MAX_BELONGING_NATS, 0.0) + sole * np.nan_to_num(families[:, CONTENT])
    )
    speaks = (np.nan_to_num(families) >= MIN_EVIDENCE_NATS) & (weights > 0) & IS_SIGN
    hinted = (purpose is not Purpose.UNPROVEN) & (families[:, EVENNESS] >= HINT_NATS)
    plain = purpose in (Purpose.PLAIN, Purpose.SOLE)
    operated = np.nan_to_num(families[:, EVENNESS]) + np.nansum(np.maximum(families[:, OPERATION], 0.0), axis=1)
    seen = hinted | plain | (cards_dealt & speaks[:, PAYMENT]) | speaks[:, OPERATION].any(axis=1) | (operated >= DEALT_NATS)
    run = (families[:, EVENNESS] >= DEALT_NATS) | (seen & ~(families[:, EVENNESS] < 0))
    further = int(sole) + (hinted | plain)
    convicting = speaks[:, CONTENT] & run & (speaks.sum(axis=1) + further >= MIN_FAMILIES)
    expected: Floats = np.where(convicting, nats, np.minimum(nats, ALERT_THRESHOLD_NATS / 2))
    return expected


def families(**nats_of: float) -> Floats:
    return np.array([[nats_of.get(name, math.nan) for name in FAMILIES]])


@given(st.lists(FAMILY_NATS, min_size=1, max_size=8), st.sampled_from(Purpose), st.booleans(), st.booleans())
def test_the_rules_give_what_one_expression_gave(rows: list[list[float]], purpose: Purpose, cards_dealt: bool, alone: bool) -> None:  # noqa: FBT001 (drawn)
    families = np.array(rows)
    judgement = extraction(families, purpose=purpose, cards_dealt=cards_dealt, alone=alone)
    np.testing.assert_allclose(judgement.nats, reference(families, purpose, cards_dealt=cards_dealt, alone=alone), atol=1e-12)
    assert (judgement.nats[judgement.rules == NO_RULE_INDEX] <= ALERT_THRESHOLD_NATS / 2).all()


CONVICTED = {"content": 7.0, "cohort": 7.0, "payment": 7.0}


@pytest.mark.parametrize(
    ("name", "nats_of", "purpose", "cards_dealt"),
    [
        ("even load", {"evenness": DEALT_NATS}, Purpose.UNPROVEN, False),
        ("machine-run", {"timing": MIN_EVIDENCE_NATS}, Purpose.UNPROVEN, False),
        ("even load and operation", {"evenness": 2.5, "network": 1.5}, Purpose.UNPROVEN, False),
        ("dealt cards", {}, Purpose.UNPROVEN, True),
        ("plain purpose", {}, Purpose.PLAIN, False),
        ("likely purpose and hinted load", {"evenness": HINT_NATS}, Purpose.LIKELY, False),
    ],
)
def test_the_verdict_names_the_rule_that_held(name: str, nats_of: dict[str, float], purpose: Purpose, cards_dealt: bool) -> None:  # noqa: FBT001 (a parameter)
    rule = extraction(families(**CONVICTED, **nats_of), purpose=purpose, cards_dealt=cards_dealt).rule()
    assert rule is not None
    assert rule.name == name


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) == 6


def test_where_no_rule_holds_the_verdict_names_none() -> None:
    assert extraction(families(**CONVICTED)).rule() is None


def test_an_entity_of_which_nothing_is_known_has_no_evidence() -> None:
    assert extraction(families()).nats[0] == 0


def test_evidence_is_the_sum_over_families_and_habits_count_half() -> None:
    found = families(content=6, evenness=5, cohort=4, timing=2)
    assert extraction(found).nats[0] == 6 + 5 + 4 + 1


def test_a_channel_without_a_purpose_stays_under_half_the_bar() -> None:
    found = families(content=1.9, evenness=7, cohort=7, payment=7)
    assert extraction(found).nats[0] == ALERT_THRESHOLD_NATS / 2


def test_that_accounts_belong_together_is_one_fact() -> None:
    found = families(content=6, evenness=5, cohort=7, payment=7, link=7)
    assert extraction(found).nats[0] == 6 + 5 + MAX_BELONGING_NATS


def test_people_who_belong_together_and_ask_alike_are_a_hackathon() -> None:
    assert extraction(families(content=7, cohort=7, payment=7, link=7, timing=1)).nats[0] == ALERT_THRESHOLD_NATS / 2


def test_an_evening_on_which_their_load_looks_even_by_chance_convicts_nobody() -> None:
    assert extraction(families(content=7, cohort=7, payment=7, evenness=DEALT_NATS - 0.1)).nats[0] == ALERT_THRESHOLD_NATS / 2
    assert extraction(families(content=7, cohort=7, payment=7, evenness=DEALT_NATS)).nats[0] == 7 + MAX_BELONGING_NATS + DEALT_NATS


def test_cards_that_are_dealt_out_show_somebody_who_runs_the_accounts_that_pay_with_them() -> None:
    assert extraction(families(content=4, cohort=7, payment=7, evenness=0), cards_dealt=True).nats[0] == 4 + MAX_BELONGING_NATS
    assert extraction(families(content=4, cohort=7, link=7, evenness=0), cards_dealt=True).nats[0] == ALERT_THRESHOLD_NATS / 2


def test_where_the_load_speaks_for_people_not_even_their_cards_convict() -> None:
    assert extraction(families(content=7, cohort=7, payment=7, evenness=-0.1), cards_dealt=True).nats[0] == ALERT_THRESHOLD_NATS / 2


def test_a_purpose_that_is_plain_needs_nobody_who_is_seen_to_run_it() -> None:
    found = families(content=7, cohort=7, payment=7, evenness=0.5)
    assert extraction(found, purpose=Purpose.PLAIN).nats[0] == 7 + MAX_BELONGING_NATS + 0.5


def test_where_the_load_speaks_for_people_even_a_plain_purpose_does_not_convict() -> None:
    assert extraction(families(content=7, cohort=7, payment=7, evenness=-0.1), purpose=Purpose.PLAIN).nats[0] == ALERT_THRESHOLD_NATS / 2


def test_two_families_are_not_three() -> None:
    assert extraction(families(content=7, evenness=7)).nats[0] == ALERT_THRESHOLD_NATS / 2


@pytest.mark.parametrize("purpose", [Purpose.LIKELY, Purpose.PLAIN])
def test_a_likely_purpose_is_two_families_where_the_load_hints_at_a_dispatcher(purpose: Purpose) -> None:
    found = families(content=7, cohort=7, evenness=HINT_NATS)
    assert extraction(found, purpose=purpose).nats[0] == 14 + HINT_NATS


def test_a_likely_purpose_without_a_hint_of_the_load_is_a_crowd() -> None:
    found = families(content=7, cohort=7, payment=7, evenness=HINT_NATS - 0.1)
    assert extraction(found, purpose=Purpose.LIKELY).nats[0] == ALERT_THRESHOLD_NATS / 2


def test_a_plain_purpose_is_two_families_without_a_hint_of_the_load() -> None:
    assert extraction(families(content=7, link=6, evenness=0), purpose=Purpose.PLAIN).nats[0] == 7 + 6


def test_the_load_and_how_accounts_are_run_show_together_what_neither_shows_alone() -> None:
    assert extraction(families(content=7, link=6, evenness=2.5, timing=1.5)).nats[0] == 7 + 6 + 2.5 + 0.75
    assert extraction(families(content=7, link=6, evenness=2.5, timing=1.4)).nats[0] == ALERT_THRESHOLD_NATS / 2
    assert extraction(families(content=7, link=6, evenness=2.5, timing=-1, network=1.4)).nats[0] == ALERT_THRESHOLD_NATS / 2


def test_accounts_with_a_sole_purpose_may_be_run_a_little_unevenly() -> None:
    found = families(content=7, evenness=-1.9)
    assert extraction(found, purpose=Purpose.SOLE).nats[0] == 2 * 7
    assert found[0, EVENNESS] == -1.9


def test_strangers_who_do_nothing_but_use_a_prompt_that_goes_round_are_not_a_campaign() -> None:
    assert extraction(families(content=7, evenness=-7), purpose=Purpose.SOLE).nats[0] <= ALERT_THRESHOLD_NATS / 2


def test_a_new_model_at_once_says_nothing_of_one_account_and_much_of_a_pool() -> None:
    found = families(content=4, timing=6, volume=6, change=6)
    assert extraction(found, alone=True).nats[0] == 4 + 3 + 3
    assert extraction(found).nats[0] == 4 + 3 + 3 + 3


def test_what_others_saw_makes_nobody_guilty_by_itself() -> None:
    assert extraction(families(indicator=7)).nats[0] == 3.5
    assert extraction(families(indicator=7), alone=True).nats[0] == 0
    two = families(content=7, timing=4, indicator=7)
    assert extraction(two).rule() is None, "content and timing are two signs, and an indicator is none"
    assert extraction(two).nats[0] == ALERT_THRESHOLD_NATS / 2
    three = families(content=7, timing=4, evenness=4, indicator=7)
    assert extraction(three).nats[0] == 7 + 2 + 4 + 3.5, "beside enough signs it adds half"
