"""The cases stage keeps what is over for 400 days, and a case under legal hold for as long as it is held."""

from __future__ import annotations

from typing import Any

import pytest

from models.durations import DAY
from streams.cases import labels
from streams.cases.expiry import CASE_SECONDS, ENTITY_SECONDS, LABEL_SECONDS
from streams.schema.labels import HOLD
from streams.testing.case_desk import CaseDesk, an_account


@pytest.fixture
def resolved(desk: CaseDesk) -> Any:
    """A desk with one case, of ada alone, that was resolved as quiet after day 4."""
    desk.apply(an_account("ada", extraction=30.0))
    desk.apply(an_account("bob", at=4 * DAY))
    assert [case.state for case in desk.newest.values()] == ["resolved"]
    return desk


def test_a_resolved_case_ends_with_its_alert_and_its_entity(resolved: Any) -> None:
    (case_id,) = resolved.stage.cases
    updated = resolved.stage.cases[case_id].updated_at
    resolved.apply(an_account("eve", at=updated + CASE_SECONDS))
    assert list(resolved.stage.cases) == [case_id]
    resolved.apply(an_account("eve", at=updated + CASE_SECONDS + DAY + 1))
    assert not resolved.stage.cases
    assert not resolved.stage.book.alerts
    assert list(resolved.stage.book.entities) == ["account:eve"]


def test_a_held_case_does_not_end(resolved: Any) -> None:
    (case_id,) = resolved.stage.cases
    resolved.learn(labels.make(HOLD, case_id, HOLD, "ada", "court", at=1.0))
    resolved.apply(an_account("eve", at=3 * CASE_SECONDS))
    assert list(resolved.stage.cases) == [case_id]
    assert "account:ada" in resolved.stage.book.entities


def test_an_entity_of_no_case_is_forgotten_after_a_quarter(desk: CaseDesk) -> None:
    desk.apply(an_account("ada"))
    desk.apply(an_account("bob", at=ENTITY_SECONDS + 1))
    assert list(desk.stage.book.entities) == ["account:bob"]


def test_a_label_teaches_for_three_years(desk: CaseDesk) -> None:
    desk.learn(labels.make("account", "ada", "benign", "eva", at=0.0))
    desk.apply(an_account("bob", at=LABEL_SECONDS))
    assert len(desk.stage.book.labels) == 1
    desk.apply(an_account("bob", at=LABEL_SECONDS + DAY))
    assert not desk.stage.book.labels
