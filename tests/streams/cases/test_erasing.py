"""What the cases stage removes of an erased account, and what a legal hold keeps."""

from __future__ import annotations

import re

import pytest

from streams.cases import labels
from streams.cases.stage import Cases
from streams.schema import topics
from streams.schema.cases import TriageCounts
from streams.schema.erasures import ErasureReport
from streams.schema.labels import HOLD, LINK, RELEASE, SPLIT, Label
from streams.stages import erasures
from streams.testing.case_desk import CaseDesk, a_group, an_account

CARD = "00000000000000aa"


def erase(desk: CaseDesk, account: str) -> ErasureReport:
    """Erase an account, and return the report."""
    messages = desk.stage.apply(erasures.command("r", account, 0.0), len(desk.blocks))
    desk.blocks.append(b"")
    desk.receive(messages)
    (report,) = [message.value for message in messages if message.topic == topics.ERASURES]
    return ErasureReport.decode(report)


def names(account: str, value: object) -> bool:
    """Return whether anything in a value names an account; three letters within a hash do not."""
    return re.search(rf"\b{account}\b", str(value)) is not None


def hold(case_id: str, verdict: str, at: float, author: str = "ada") -> Label:
    return labels.make(HOLD, case_id, verdict, author, "court", at=at)


@pytest.fixture
def of_three(desk: CaseDesk) -> CaseDesk:
    """A desk with one case: three accounts of one card, of which ada is alerted by herself, too."""
    desk.apply(*a_group("payment", CARD, ["ada", "bob", "eve"]), *a_group("account", "ada", [], payment=int(CARD, 16)))
    assert len(desk.open) == 1
    return desk


def test_a_case_loses_the_account_and_its_own_alert_and_gets_a_further_version(of_three: CaseDesk) -> None:
    (before,) = of_three.open
    report = erase(of_three, "ada")
    (after,) = of_three.open
    assert (before.version + 1, names("ada", after), sorted(after.payload.members)) == (
        after.version,
        False,
        ["bob", "eve"],
    )
    assert report.removed == {"entities": 1, "members": 1, "alerts": 1, "cases removed": 0, "cases changed": 1}
    assert report.held == []
    assert not names("ada", [of_three.compacted(topics.ALERTS), of_three.compacted(topics.CASES)])


def test_a_command_that_comes_again_removes_nothing_of_an_account_that_began_anew(desk: CaseDesk) -> None:
    since = {"first": 1.0}
    desk.apply(*a_group("payment", CARD, ["ada", "bob", "eve"], **since), *a_group("account", "ada", [], payment=int(CARD, 16), **since))
    desk.learn(labels.make("account", "ada", "benign", "eva", at=1.0))
    report = erase(desk, "ada")
    assert sum(report.removed.values()) == 0
    assert names("ada", desk.stage.cases)
    assert len(desk.stage.book.labels) == 1


def test_an_account_of_which_one_thing_is_older_is_removed_whole(desk: CaseDesk) -> None:
    desk.apply(
        *a_group("payment", CARD, ["ada", "bob", "eve"], first=1.0), *a_group("account", "ada", [], payment=int(CARD, 16), first=0.0)
    )
    assert erase(desk, "ada").removed["entities"] == 1
    assert not names("ada", [desk.stage.cases, desk.stage.book.alerts, desk.stage.book.entities])


def test_a_case_of_the_account_alone_is_removed_as_a_whole(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=30.0))
    (case,) = desk.open
    assert [*desk.compacted(topics.CASES)] == [case.case_id]
    report = erase(desk, "ada")
    assert (report.removed["cases removed"], report.removed["alerts"]) == (1, 1)
    assert (desk.compacted(topics.CASES), desk.compacted(topics.ALERTS)) == ({}, {})
    assert [len(table) for table in (desk.stage.cases, desk.stage.book.alerts, desk.stage.book.entities)] == [0, 0, 0]


def test_a_label_on_the_account_is_removed_and_those_on_others_stay(of_three: CaseDesk) -> None:
    of_three.learn(labels.make("account", "ada", "benign", "eva", at=0.0))
    of_three.learn(labels.make("account", "bob", "benign", "eva", at=0.0))
    assert erase(of_three, "ada").removed["labels"] == 1
    assert [label.entity_id for label in of_three.stage.book.labels.values()] == ["bob"]


def test_a_label_that_was_given_after_the_command_stays_whatever_else_is_known(desk: CaseDesk) -> None:
    desk.learn(labels.make("account", "new", "benign", "eva", at=1.0))
    desk.learn(labels.make("account", "new", "benign", "bea", at=0.0))
    desk.apply(*a_group("account", "old", [], payment=int(CARD, 16), first=0.0))
    desk.learn(labels.make("account", "old", "benign", "eva", at=1.0))
    assert [erase(desk, account).removed.get("labels", 0) for account in ("new", "old")] == [1, 0]
    assert sorted((label.entity_id, label.author) for label in desk.stage.book.labels.values()) == [("new", "eva"), ("old", "eva")]


def test_a_split_that_names_the_account_is_removed_with_it(of_three: CaseDesk) -> None:
    (case,) = of_three.open
    of_three.learn(labels.make(LINK, f"{case.case_id}/account:ada", SPLIT, "eva", at=0.0))
    assert erase(of_three, "ada").removed["labels"] == 1
    assert not names("ada", [of_three.stage.cases, of_three.stage.book.labels, of_three.stage.book.alerts, of_three.stage.book.entities])


def test_a_case_under_legal_hold_keeps_the_account_until_it_is_released(of_three: CaseDesk) -> None:
    (case,) = of_three.open
    of_three.learn(hold(case.case_id, HOLD, at=1.0))
    assert [case.payload.hold and case.payload.hold.note for case in of_three.open] == ["court"]
    report = erase(of_three, "ada")
    assert (report.held, sum(report.removed.values())) == ([case.case_id], 0)
    assert "ada" in of_three.stage.cases[case.case_id].members
    of_three.learn(hold(case.case_id, RELEASE, at=2.0, author="bob"))
    assert erase(of_three, "ada").held == []
    assert not names("ada", of_three.open)


def test_an_older_release_changes_nothing(of_three: CaseDesk) -> None:
    (case,) = of_three.open
    of_three.learn(hold(case.case_id, HOLD, at=5.0))
    of_three.learn(hold(case.case_id, RELEASE, at=4.0, author="bob"))
    assert of_three.stage.cases[case.case_id].hold is not None


def test_a_hold_survives_a_restart(of_three: CaseDesk) -> None:
    (case,) = of_three.open
    of_three.learn(hold(case.case_id, HOLD, at=5.0))
    restarted = Cases()
    restarted.load([(name, of_three.stage.dump(name)) for name in of_three.stage.dirty()])
    assert restarted.cases[case.case_id].hold == hold(case.case_id, HOLD, at=5.0)


def test_what_a_held_case_was_split_into_or_merged_with_is_held_too(desk: CaseDesk) -> None:
    desk.apply(*a_group("payment", CARD, ["ada", "bob", "eve"]), *a_group("router", "00000000000000bb", ["ada", "bob", "eve", "zoe"]))
    (case,) = desk.open
    desk.learn(hold(case.case_id, HOLD, at=1.0))
    desk.learn(labels.make(LINK, f"{case.case_id}/payment:{CARD}", SPLIT, "eva", at=2.0))
    assert [case.payload.hold and case.payload.hold.verdict for case in desk.open] == ["hold", "hold"]


def test_a_hold_is_no_verdict_to_learn_from(of_three: CaseDesk) -> None:
    (case,) = of_three.open
    of_three.learn(hold(case.case_id, HOLD, at=1.0))
    assert of_three.open[0].payload.triage.labels == TriageCounts(0, 0)
