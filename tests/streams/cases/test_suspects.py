"""Suspects and members that are kept up to date by change are those that a count from the beginning finds."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from models.evidence.weighing import MIN_SUSPECT_MEMBERS
from streams.cases.policy import Policy
from streams.cases.stage import Cases
from streams.schema.cases import Tier
from streams.schema.evidence import Entity, Known
from streams.schema.labels import Label
from streams.testing.block_rows import Row
from streams.testing.case_desk import TEMPLATE, CaseDesk, a_group, an_account

ROUTER, CARD = "00000000000000aa", "00000000000000cc"
NAMES = [f"acct-{number}" for number in range(12)]


def slow_over(stage: Cases, entity: Entity, tier: Tier = "alert") -> dict[str, Known]:
    """The accounts of a group that are over the threshold of a tier, counted from the beginning."""
    threshold = stage.book.membership.suspects[tier].threshold_nats(entity)
    over: dict[str, Known] = {account: row for account, row in entity.members.items() if row.extraction >= threshold}
    return over if len(over) >= MIN_SUSPECT_MEMBERS and not entity.common else {}


def test_what_is_counted_by_change_is_what_a_count_from_the_beginning_finds(desk: CaseDesk) -> None:
    rng = random.Random(7)
    for turn in range(60):
        kind, name = rng.choice([("router", ROUTER), ("payment", CARD)])
        who = rng.sample(NAMES, rng.randint(1, 6))
        nats = rng.choice([1.0, 20.0, 20.0])
        facts = {"extraction": nats, "requests": float(rng.randint(1, 500)), "common": float(rng.random() < 0.05)}
        desk.apply(*a_group(kind, name, who, at=900.0 * turn, **facts))
        for entity in desk.stage.book.entities.values():
            assert dict(desk.stage.book.membership.suspects["alert"].of(entity)[0]) == slow_over(desk.stage, entity), turn
        for case in desk.stage.cases.values():
            if case.state == "open" and case.case_id not in desk.stage.book.membership.changed:
                present = {account for key in case.keys for account in slow_over(desk.stage, desk.stage.book.entities[key], case.tier)}
                assert {account for account, member in case.members.items() if member.left_at is None} == present, turn


def test_a_group_that_was_forgotten_comes_back_without_its_old_suspects(desk: CaseDesk) -> None:
    day = 86_400.0
    desk.apply(*a_group("router", ROUTER, NAMES[:2], extraction=20.0))
    desk.apply(an_account("other", at=100 * day))
    assert f"router:{ROUTER}" not in desk.stage.book.entities
    desk.apply(*a_group("router", ROUTER, NAMES[2:4], at=100 * day, extraction=20.0))
    assert desk.open == [], "two suspects are no group, and those of a hundred days ago are gone"


def test_an_account_in_two_groups_shows_the_row_with_the_most_requests_and_of_equals_the_most_evidence(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, NAMES[:3], extraction=20.0), *a_group("payment", CARD, NAMES[:3], extraction=25.0))
    (case,) = desk.stage.cases.values()
    assert {member.extraction for member in case.members.values()} == {25.0}
    desk.apply(*a_group("router", ROUTER, NAMES[:3], at=900.0, extraction=20.0, requests=100.0))
    assert {member.extraction for member in case.members.values()} == {20.0}


ADA_TO_EVE, OWNERS = ["ada", "bob", "eve"], ["max", "zoe"]


def with_owners(at: float = 0.0, who: Sequence[str] = OWNERS, **facts: float) -> list[Any]:
    """Rows of a group: of three accounts over the threshold, and of handed-over ones with the evidence of a question."""
    question: dict[str, float] = {"extraction": 9.5, "handed_over": 1.0, **facts}
    return [*a_group("router", ROUTER, ADA_TO_EVE, at, accounts=5), *a_group("router", ROUTER, who, at, accounts=5, **question)[1:]]


def test_accounts_that_were_handed_over_are_no_members_of_an_alert_and_are_shown_apart(desk: CaseDesk) -> None:
    alerts = desk.apply(*with_owners())
    (case,) = desk.open
    assert (case.payload.tier, case.accounts) == ("alert", 3)
    assert (sorted(case.payload.members), sorted(case.payload.owners)) == (ADA_TO_EVE, OWNERS)
    assert "Warn the account holders of 2 accounts" in case.payload.next_step
    assert not any(owner.encode() in alert.encode() for owner in OWNERS for alert in alerts)


def test_a_policy_with_a_low_bar_does_not_make_members_of_them() -> None:
    policy = Policy.load()
    low = [msgspec.structs.replace(entry, nats=8.0) if entry.behaviour == "extraction" else entry for entry in policy.thresholds]
    desk = CaseDesk(dataclasses.replace(policy, thresholds=tuple(low)))
    desk.apply(*with_owners())
    (case,) = desk.open
    assert sorted(case.payload.members) == ADA_TO_EVE


def test_a_member_that_turns_out_to_be_handed_over_moves_to_the_owners(desk: CaseDesk) -> None:
    desk.apply(*with_owners(handed_over=0.0, extraction=20.0))
    (case,) = desk.open
    assert len(case.payload.members) == 5
    desk.apply(*with_owners(at=900.0))
    (case,) = desk.open
    assert (sorted(case.payload.members), sorted(case.payload.owners)) == (ADA_TO_EVE, OWNERS)
    assert case.payload.owners["max"].joined_at == 0.0


def test_handed_over_accounts_alone_are_a_question_that_accuses_nobody(desk: CaseDesk) -> None:
    alerts = desk.apply(*a_group("router", ROUTER, ADA_TO_EVE, handed_over=1.0, extraction=20.0))
    (case,) = desk.open
    assert (alerts, case.payload.tier, case.payload.members) == ([], "ask", {})
    assert case.title.startswith("3 accounts behind one router fingerprint may be used by others than the account holders")


def test_an_alert_of_which_all_accounts_turn_out_to_be_handed_over_is_withdrawn_with_the_reason(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, ADA_TO_EVE))
    desk.apply(*a_group("router", ROUTER, ADA_TO_EVE, at=900.0, handed_over=1.0, extraction=9.5))
    (case,) = desk.newest.values()
    assert "3 accounts may be used by others than the account holder" in case.payload.withdrawn
    desk.apply(*a_group("router", ROUTER, ADA_TO_EVE, at=1800.0, handed_over=1.0, extraction=9.5))
    (case,) = desk.open
    assert case.payload.tier == "ask"


def test_one_account_alone_that_was_handed_over_is_a_question(desk: CaseDesk) -> None:
    assert desk.apply(an_account("ada", extraction=20.0, handed_over=1.0, false_alerts=0.01)) == []
    (case,) = desk.open
    assert (case.payload.tier, sorted(case.payload.owners)) == ("ask", ["ada"])


def test_owners_are_warned_no_more_when_they_are_excluded_erased_or_their_evidence_fell(desk: CaseDesk) -> None:
    desk.apply(*with_owners())
    fell = a_group("router", ROUTER, ["max"], at=900.0, accounts=5, extraction=2.0, handed_over=1.0)[1:]
    desk.apply(*a_group("router", ROUTER, ADA_TO_EVE, at=900.0, accounts=5, requests=100.0), *fell)
    (case,) = desk.open
    assert sorted(case.payload.owners) == ["zoe"]
    key = f"{case.case_id}/account:zoe"
    desk.learn(Label("l-1", 1000.0, "member", key, "exclude", "analyst", "she told us", reason="education"))
    (case,) = desk.open
    assert (case.payload.owners, case.payload.excluded) == ({}, ["zoe"])


def test_owners_survive_a_restart_and_a_merge(desk: CaseDesk) -> None:
    desk.apply(*with_owners())
    desk.apply(*a_group("payment", CARD, ADA_TO_EVE, at=900.0))
    again = CaseDesk()
    again.stage.load([(name, desk.stage.dump(name)) for name in desk.stage.dirty()])
    (case,) = [case for case in again.stage.cases.values() if case.state == "open"]
    assert sorted(case.owners) == OWNERS


# -- what logs alone cannot tell


PAYER: dict[str, int] = {"organization": 0xA0, "payment": 0xC0}


def test_what_a_known_payers_own_permitted_work_would_look_like_is_a_question_and_names_it(desk: CaseDesk) -> None:
    assert desk.apply(an_account("ada", extraction=20.0, **PAYER)) == []
    (case,) = desk.open
    assert case.payload.tier == "ask"
    assert "permitted synthetic data of its own" in case.payload.next_step


def test_one_organisation_behind_all_accounts_of_a_group_is_asked_and_several_are_alerted(desk: CaseDesk) -> None:
    assert desk.apply(*a_group("router", ROUTER, NAMES[:3], **PAYER)) == []
    assert [case.payload.tier for case in desk.open] == ["ask"]
    assert [alert.state for alert in desk.apply(*paying_apart(evenness=3.0, network=1.0))] == ["open"]


@pytest.mark.parametrize(
    "families",
    [
        {},
        {"cohort": 5.0, "evenness": -7.0},
        {"cohort": 5.0, "payment": 6.0, "link": 4.0, "evenness": 0.4},
        {"cohort": 5.0, "evenness": 7.0, "network": 0.9},
    ],
)
def test_what_people_with_one_tool_task_or_school_would_look_like_is_a_question(desk: CaseDesk, families: dict[str, float]) -> None:
    assert desk.apply(*paying_apart(**families)) == []
    assert [case.payload.tier for case in desk.open] == ["ask"]


def test_a_question_about_accounts_that_belong_together_is_an_alert_once_their_load_is_dealt_out(desk: CaseDesk) -> None:
    assert desk.apply(*paying_apart(cohort=5.0, evenness=0.4)) == []
    later = [{**row, "time": 1800.0, "requests": 200.0} for row in paying_apart(cohort=5.0, evenness=2.0, timing=1.0)]
    assert [alert.state for alert in desk.apply(*later)] == ["open"]
    assert [(case.payload.tier, case.accounts) for case in desk.open] == [("alert", 3)]


def test_one_account_that_is_alerted_alone_accuses_no_other_account_of_its_question(desk: CaseDesk) -> None:
    """Ada's own evidence is over the threshold; of her course nothing shows that one person runs it, before and after."""
    alone = an_account(NAMES[0], at=1000.0, extraction=20.0)
    desk.apply(*paying_apart(cohort=5.0))
    desk.apply({**alone, "handed_over": 1.0, "false_alerts": 0.01})
    assert [case.payload.tier for case in desk.open] == ["ask"], "both questions are one case"
    desk.apply({**alone, "time": 1900.0, "requests": 100.0})
    desk.apply(*[{**row, "time": 2800.0, "requests": 200.0} for row in paying_apart(cohort=5.0)])
    assert sorted((case.payload.tier, sorted(case.payload.members)) for case in desk.open) == [("alert", NAMES[:1]), ("ask", NAMES[:3])]


def paying_apart(**families: float) -> list[Row]:
    rows = a_group("router", ROUTER, NAMES[:3], at=900.0, requests=100.0, families={"content": 7.0, **families})
    return [{**row, "organization": 0xA0 + number, "payment": 0xC0 + number} for number, row in enumerate(rows)]


def as_template(rows: list[Row]) -> list[Row]:
    """Return the same accounts as the users of one template."""
    return [{**row, "entity_kind": "template", "entity_id": TEMPLATE, "time": 1800.0} for row in rows]


def test_what_explains_accounts_explains_them_as_another_group_too(desk: CaseDesk) -> None:
    desk.apply(*paying_apart(cohort=5.0, evenness=0.4))
    assert desk.apply(*as_template(paying_apart(cohort=5.0, evenness=2.1, timing=1.0))) == []  # a hair over the limit of 2
    assert {case.payload.tier for case in desk.open} == {"ask"}


def test_other_accounts_are_not_explained_by_what_explains_some_of_them(desk: CaseDesk) -> None:
    desk.apply(*paying_apart(cohort=5.0, evenness=0.4))
    own = [
        {**row, "account_id": row["account_id"] and f"{row['account_id']}2"} for row in paying_apart(cohort=5.0, evenness=2.1, timing=1.0)
    ]
    assert [alert.state for alert in desk.apply(*as_template(own))] == ["open"]


def test_one_of_many_in_another_alert_does_not_make_a_question_an_alert(desk: CaseDesk) -> None:
    asked = paying_apart(cohort=5.0, evenness=0.4)
    shared, *_ = (row for row in asked if row["account_id"])
    xia, yan = ({**shared, "account_id": name, "organization": 0xB0, "payment": 0xD0} for name in ("xia", "yan"))
    harvest = [{**row, "families": {"content": 7.0, "evenness": 5.0, "timing": 1.0}} for row in (asked[0], shared, xia, yan)]
    assert [alert.state for alert in desk.apply(*as_template(harvest))] == ["open"]
    assert desk.apply(*[{**row, "time": 3600.0} for row in asked]) == []
    assert sorted(case.payload.tier for case in desk.open) == ["alert", "ask"]


def test_of_an_unknown_payer_nobody_can_be_asked_so_the_evidence_alerts(desk: CaseDesk) -> None:
    assert len(desk.apply(an_account("ada", extraction=20.0))) == 1


def test_an_alert_that_stands_is_not_taken_back_when_an_explanation_begins_to_fit(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0, organization=0xA0))
    desk.apply(an_account("ada", extraction=20.0, at=900.0, requests=100.0, **PAYER))
    assert [case.payload.tier for case in desk.open] == ["alert"]


def test_an_account_of_an_alerted_case_joins_it_and_is_no_question_of_its_own(desk: CaseDesk) -> None:
    desk.apply(an_account(NAMES[0], extraction=20.0, **PAYER))
    desk.apply(*a_group("router", ROUTER, NAMES[:3], at=900.0))
    desk.apply(an_account(NAMES[0], extraction=20.0, at=1800.0, requests=100.0, router=int(ROUTER, 16), **PAYER))
    assert [(case.payload.tier, case.accounts) for case in desk.open] == [("alert", 3)]
