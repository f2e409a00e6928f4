"""What people do and decide is checked before anybody acts on it: who, until when, and with whose eyes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.core.errors import MalformedEventError
from streams.schema import topics
from streams.schema.actions import Action, EnforcementDecision, EnforcementPayload, newest
from streams.schema.signatures import Signatures, own_key

NOW, DAY = 1_795_000_000.0, 86_400.0
KEY = b"k" * 32
ALL = Signatures({"analyst": [KEY]})
ADA = Signatures({}, ("ada", own_key(KEY, "ada")))


def decision(**other: Any) -> EnforcementDecision:
    fields: dict[str, Any] = {
        "decision_id": "0" * 16,
        "time": NOW,
        "state": "approved",
        "case_id": "case-1",
        "step": "L3",
        "measure": "suspend_key",
        "rate": 0.0,
        "clause": "competing-models",
        "reason": "a campaign",
        "author": "ada",
        "approver": "bob",
        "starts": NOW,
        "expires": NOW + 7 * DAY,
        "payload": EnforcementPayload({"acct-1": []}),
    }
    return EnforcementDecision(**{**fields, **other})


def test_a_decision_is_in_force_from_its_approval_until_it_expires() -> None:
    one = decision()
    assert [one.in_force(at) for at in (NOW - 1, NOW, NOW + 7 * DAY - 1, NOW + 7 * DAY)] == [False, True, True, False]
    assert not decision(state="proposed", approver="").in_force(NOW)
    assert not decision(state="undone").in_force(NOW)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"approver": "Ada"}, "bad_author"),
        ({"approver": ""}, "missing_field"),
        ({"payload": EnforcementPayload({})}, "missing_field"),
        ({"reason": ""}, "missing_field"),
        ({"step": "L1"}, "absurd"),
        ({"expires": NOW}, "absurd"),
        ({"expires": NOW + 91 * DAY}, "absurd"),
        ({"expires": float("inf")}, "bad_timestamp"),
        ({"rate": 5.0}, "absurd"),
        ({"step": "L1", "measure": "rate_cap"}, "absurd"),
        ({"decision_id": "../x"}, "absurd"),
        ({"clause": "x" * 2001}, "wrong_type"),
    ],
)
def test_a_decision_that_nobody_may_obey_is_none(other: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedEventError) as refused:
        decision(**other)
    assert refused.value.reason == reason
    row = msgspec.to_builtins(decision()) | msgspec.to_builtins(other)
    with pytest.raises(MalformedEventError):
        EnforcementDecision.decode(msgspec.json.encode(row))


def test_four_eyes_hold_when_a_decision_is_changed_too() -> None:
    with pytest.raises(MalformedEventError):
        msgspec.structs.replace(decision(), approver="ada")


def test_below_l3_one_person_may_do_both() -> None:
    assert decision(step="L2", measure="hide_reasoning", approver="ada").approver == "ada"


def test_the_newest_version_of_a_decision_counts() -> None:
    undone = decision(state="undone", time=NOW + 1)
    assert newest([undone, decision()]) == {"0" * 16: undone}


@pytest.mark.parametrize(
    ("approved", "holds"),
    [
        (decision(), True),
        (decision(author="eve"), False),
        (decision(case_id="case-2"), False),
        (decision(decision_id="1" * 16), False),
        (decision(step="L4", measure="ban"), False),
        (decision(payload=EnforcementPayload({"acct-2": []})), False),
        (decision(payload=EnforcementPayload({"acct-1": ["a-key"]})), False),
        (decision(expires=NOW + 8 * DAY), False),
        (decision(time=NOW - 2), False),
        (decision(clause="another-clause"), False),
        (decision(reason="a grudge"), False),
        (decision(state="undone", author="eve"), True),
        (decision(step="L2", measure="hide_reasoning", author="eve"), True),
    ],
)
def test_what_takes_four_eyes_is_obeyed_only_as_its_author_proposed_it(approved: EnforcementDecision, *, holds: bool) -> None:
    proposed = decision(state="proposed", approver="", time=NOW - 1)
    assert approved.is_as_proposed([proposed]) == holds


def test_a_proposal_by_the_approver_is_none_by_the_author() -> None:
    assert not decision().is_as_proposed([decision(state="proposed", author="bob", approver="", time=NOW - 1)])


def test_an_approval_of_fewer_accounts_than_were_proposed_is_obeyed() -> None:
    proposed = decision(state="proposed", approver="", time=NOW - 1, payload=EnforcementPayload({"acct-1": [], "acct-2": []}))
    assert decision().is_as_proposed([proposed])
    assert not decision().is_as_proposed([])


@pytest.mark.parametrize(
    ("record", "signed_by", "believed"),
    [
        (decision(signer="analyst"), ALL, True),
        (decision(approver="ada", author="bob", signer="analyst/ada"), ADA, True),
        (decision(signer="analyst/ada"), ADA, False),
        (decision(signer="analyst"), ADA, False),
        (decision(state="proposed", approver="", signer="analyst/ada"), ADA, True),
        (decision(state="proposed", author="eve", approver="ada", signer="analyst/ada"), ADA, False),
        (Action("0" * 32, NOW, "case-1", "own", "ada", "analyst", signer="analyst/ada"), ADA, True),
        (Action("0" * 32, NOW, "case-1", "own", "bob", "analyst", signer="analyst/ada"), ADA, False),
        (Action("0" * 32, NOW + 900, "case-1", "own", "ada", "analyst", signer="analyst"), ALL, False),
    ],
)
def test_a_record_is_of_the_person_whose_key_signed_it(record: Any, signed_by: Signatures, *, believed: bool) -> None:
    topic = topics.ACTIONS if isinstance(record, Action) else topics.ENFORCEMENT
    headers = signed_by.sign(topic, b"key", record.encode(), NOW)
    assert (ALL.refusal(topic, b"key", record.encode(), headers, NOW) is None) == believed
