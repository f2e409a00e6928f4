from __future__ import annotations

import math

import pytest

from streams.cases.benign_hypotheses.common_cause import hypothesis
from streams.cases.hypothesis import Facts
from streams.stages.attribution import MIN_DEALT_CARDS

TOGETHER = {"content": 7.0, "cohort": 6.0, "payment": 6.0, "link": 4.0}


def asked(shared_cards: float = math.nan, **families: float) -> bool | None:
    features = {} if math.isnan(shared_cards) else {"shared_cards": shared_cards}
    return hypothesis.ask(Facts(alone=False, accounts=3, organizations=3, cards=1, families=TOGETHER | families, features=features))[0]


def test_three_of_a_course_fit_however_much_they_belong_together() -> None:
    assert asked(evenness=0.0) is True


@pytest.mark.parametrize("hint", ["payment", "timing", "network"])
def test_an_even_load_refutes_it_only_where_something_else_hints_at_one_operator(hint: str) -> None:
    """Contractors with quotas, each with a card of their own, were alerted in a cold author's world."""
    assert asked(evenness=7.0, **{"payment": 0.0, hint: 0.9}) is True
    assert asked(evenness=7.0, **{"payment": 0.0, hint: 1.0}) is False


@pytest.mark.parametrize("sign", ["evenness", "timing", "network"])
def test_two_nats_of_how_accounts_are_run_refute_it(sign: str) -> None:
    assert asked(**{sign: 1.9}) is True
    assert asked(**{sign: 2.0}) is False


def test_a_sponsors_card_does_not_refute_it_and_cards_that_are_dealt_out_do() -> None:
    assert asked(shared_cards=MIN_DEALT_CARDS - 1) is True
    assert asked(shared_cards=MIN_DEALT_CARDS) is False


def test_an_unknown_load_refutes_nothing() -> None:
    assert asked(evenness=math.nan) is True


def test_one_account_belongs_to_no_group() -> None:
    fits, _ = hypothesis.ask(Facts(alone=True, accounts=1, organizations=1, cards=1, families=TOGETHER, features={}))
    assert fits is False
