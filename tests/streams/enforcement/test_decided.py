"""Which decisions of the table gateways are to obey."""

from __future__ import annotations

import logging

import pytest

from streams.desk import acting
from streams.desk.sessions import Person
from streams.enforcement.decided import believed

ADA, BOB = Person("ada", "analyst"), Person("bob", "approver")
PROPOSED = acting.proposal(ADA, "case-1", "ban", {"acct-1": []}, {"days": 3, "clause": "4", "reason": "a trial"})


def test_a_ban_that_another_person_proposed_is_obeyed() -> None:
    approved = acting.approved(BOB, PROPOSED)
    assert believed([PROPOSED, approved]) == [approved]
    assert believed([PROPOSED]) == [PROPOSED]


def test_a_ban_that_an_approver_wrote_alone_is_obeyed_by_no_gateway_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    alone = acting.approved(BOB, PROPOSED)
    with caplog.at_level(logging.WARNING):
        assert believed([alone]) == []
    assert f"decision {alone.decision_id} is approved by bob, and its author ada never proposed it so" in caplog.text


def test_a_ban_that_was_undone_needs_no_proposal() -> None:
    undone = acting.undone(BOB, acting.approved(BOB, PROPOSED))
    assert believed([undone]) == [undone]
