"""Words and rates of an alert."""

from __future__ import annotations

import pytest

from streams.cases import explanation
from streams.features.registry import by_name
from streams.schema.evidence import Entity

ROUTER = "00000000000000aa"


def test_the_features_that_show_a_prompt_exist() -> None:
    assert set(by_name()) >= explanation.PROMPT_FEATURES


def test_one_account_was_not_created_together_with_anybody() -> None:
    entity = Entity(entity_kind="account", entity_id="acct-1")
    assert (
        explanation.summary(entity, "extraction", {"cohort": 3.0}, 1)
        == "Account acct-1 looks like distillation: the account is younger than most."
    )


def test_ten_thousand_ordinary_entities_give_one_alert_of_nine_nats_a_day() -> None:
    assert explanation.false_alerts_per_day(9.21) == pytest.approx(1.0, abs=0.01)


def test_a_log_that_names_no_payer_is_no_sign_of_one_payer() -> None:
    def clause(organization: str, payment: str) -> str:
        entity = Entity(entity_kind="account", entity_id="acct-1", organization=organization, payment=payment)
        return explanation.facts_of(entity, "extraction").payers()

    assert clause("org", "00000000000000cc") == "one organisation pays with one card"
    assert clause("", "") == "an unknown number of organisations pay with an unknown number of cards"
