"""Each benign story fits its own numbers, and not those of a hydra."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from streams.cases.benign_hypotheses import PERSONAS, Facts, consider

HYDRA = Facts(
    alone=False,
    accounts=200,
    organizations=200,
    cards=11,
    families={"content": 7.0, "evenness": 7.0, "cohort": 7.0, "payment": 7.0, "timing": 3.0, "volume": 2.5, "network": 5.0},
    features={"single_question": 0.8},
    routing=11.0,
)


def facts(**said: object) -> Facts:
    plain: dict[str, object] = {"alone": True, "accounts": 1, "organizations": 1, "cards": 1, "families": {}, "features": {}}
    return Facts(**{**plain, **said})  # type: ignore[arg-type]


FITTING = {
    "evaluation harness": facts(families={"content": 6.0}, features={"known_corpus": 0.9}),
    "batch job": facts(families={"timing": 4.0, "content": 1.0}),
    "coding agent": facts(families={"content": 1.0}, features={"fresh_questions": 0.1}),
    "university class": facts(alone=False, accounts=60, families={"cohort": 6.0, "evenness": -1.0}),
    "hackathon or first day at a company": facts(alone=False, accounts=60, organizations=60, families={"cohort": 6.0, "evenness": -1.0}),
    "permitted synthetic data of its own": facts(families={"content": 7.0}),
    "authorised aggregator": facts(permitted="permitted by partnerships: contract 17"),
    "enterprise gateway": facts(alone=False, accounts=40),
    "red team or safety research": facts(accounts=3, alone=False, families={"content": 5.0, "volume": 0.5}),
    "ordinary customers of a reseller": facts(families={"content": 0.4}, routing=8.0),
    "launch-day enthusiasts": facts(alone=False, accounts=90, organizations=90, cards=90, families={"content": 1.0}),
}


def test_every_look_alike_of_the_catalogue_is_asked() -> None:
    assert list(PERSONAS) == list(FITTING)


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_story_fits_its_own_numbers(persona: str) -> None:
    fits, because = PERSONAS[persona](FITTING[persona])
    assert fits, because


@pytest.mark.parametrize("persona", PERSONAS)
def test_no_story_fits_a_hydra_and_each_says_why_with_its_number(persona: str) -> None:
    fits, because = PERSONAS[persona](HYDRA)
    assert not fits
    assert any(character.isdigit() for character in because)


@pytest.mark.parametrize(
    ("persona", "unknown", "known"),
    [
        ("permitted synthetic data of its own", facts(organizations=3, cards=3, families={"content": 7.0}), None),
        ("coding agent", facts(families={"content": 1.0}), facts(families={"content": 1.0}, features={"single_question": 0.9})),
        ("evaluation harness", facts(families={"content": 7.0}), facts(families={"content": 7.0}, features={"known_corpus": 0.1})),
    ],
)
def test_what_no_number_can_deny_cannot_be_told(persona: str, unknown: Facts, known: Facts | None) -> None:
    assert PERSONAS[persona](unknown)[0] is None
    if known:
        assert PERSONAS[persona](known)[0] is False


def test_the_harness_answer_reads_well() -> None:
    harness = consider(HYDRA)[0]
    assert harness.persona == "evaluation harness"
    expected = "a harness belongs to one organisation, here 200 organisations pay; no public corpus is loaded; content speaks with 7.0 nats"
    assert harness.because == expected


def test_a_sponsor_pays_with_one_card_and_a_pool_with_several() -> None:
    pool = replace(HYDRA, families={"cohort": 6.0}, features={"shared_cards": 7.0})
    fits, because = PERSONAS["hackathon or first day at a company"](pool)
    assert not fits
    assert because.endswith("; cards that several organisations share: 7 (a sponsor has one)")


def test_an_aggregator_without_permission_is_known_by_the_users_that_it_names() -> None:
    pooled = facts(routing=5.0, features={"end_users": math.log1p(250)}, families={"content": 0.5})
    fits, because = PERSONAS["authorised aggregator"](pooled)
    assert fits
    assert because == "no permission is on file; 250 end users a day are named; content speaks with 0.5 nats"


def test_of_a_group_whose_members_nobody_listed_several_pay() -> None:
    unknown = facts(alone=False, accounts=12, organizations=0, cards=0)
    assert PERSONAS["enterprise gateway"](unknown) == (False, "a gateway has one payer: several organisations pay with several cards")
