"""People decide: verdicts, splits, merges, exclusions; and each can be withdrawn."""

from __future__ import annotations

from streams.cases import labels, splitting
from streams.schema.cases import Case, Link, TriageCounts
from streams.schema.labels import Label
from streams.testing.case_desk import CARD, FEW, OTHER_CARD, ROUTER, TEMPLATE, CaseDesk, a_group, an_account, merged

OTHER_ROUTER = "00000000000000bb"
HOUR, DAY = 3600.0, 86400.0


def label_of(case: Case) -> Label:
    """The analyst's word on a case, which has one."""
    assert case.payload.label is not None
    return case.payload.label


# -- alerts


def test_a_merge_can_be_undone_and_is_not_made_again(desk: CaseDesk) -> None:
    stays, goes = merged(desk)
    desk.learn(labels.make("link", f"{stays}/{goes}", "split", "ada", "another customer", at=3.0))
    assert {case.case_id for case in desk.open} == {stays, goes}
    assert sorted(desk.newest[goes].payload.members) == ["kim", "lou", "max"]
    assert desk.newest[goes].payload.decided[0].author == "ada"
    desk.apply(*a_group("payment", OTHER_CARD, ["kim", "lou", "max"], at=HOUR, requests=100.0))
    desk.apply(*a_group("router", ROUTER, FEW, at=HOUR, requests=100.0))
    assert len(desk.open) == 2


def test_an_entity_that_joined_can_be_taken_out_too(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.apply(*a_group("template", TEMPLATE, [*FEW, "kim"], at=1.0))
    (case,) = desk.open
    desk.learn(labels.make("link", f"{case.case_id}/template:{TEMPLATE}", "split", "ada", at=2.0))
    assert sorted(len(each.payload.links) for each in desk.open) == [1, 1]


def test_a_split_moves_the_accounts_and_no_account_is_in_both(desk: CaseDesk) -> None:
    shared = ["ada", "bob", "eve", "kim"]
    desk.apply(*a_group("router", ROUTER, [*shared, "zoe"]))
    desk.apply(*a_group("payment", CARD, shared, at=1.0))
    (case,) = desk.open
    desk.learn(labels.make("link", f"{case.case_id}/payment:{CARD}", "split", "ada", at=2.0))
    by_id = {each.case_id: sorted(each.payload.members) for each in desk.open}
    assert by_id.pop(case.case_id) == ["zoe"]
    ((other, accounts),) = by_id.items()
    assert accounts == shared
    assert other == splitting.split_off([Link(f"extraction:payment:{CARD}", 1.0, "", None)], f"payment:{CARD}", 2.0)
    desk.apply(*a_group("router", ROUTER, [*shared, "zoe"], at=HOUR, requests=100.0))
    desk.apply(*a_group("payment", CARD, shared, at=HOUR, requests=100.0))
    listed = [account for each in desk.open for account in each.payload.members]
    assert sorted(listed) == [*shared, "zoe"]


def test_a_split_that_would_leave_a_side_without_accounts_changes_nothing(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW), *a_group("payment", CARD, FEW))
    (case,) = desk.open
    desk.learn(labels.make("link", f"{case.case_id}/payment:{CARD}", "split", "ada", at=2.0))
    assert [len(each.payload.links) for each in desk.open] == [2]


def test_a_split_can_be_withdrawn(desk: CaseDesk) -> None:
    stays, goes = merged(desk)
    desk.learn(labels.make("link", f"{stays}/{goes}", "split", "ada", at=3.0))
    desk.learn(labels.make("link", f"{stays}/{goes}", "withdrawn", "ada", "one customer after all", at=4.0))
    (case,) = desk.open
    assert (case.case_id, len(case.payload.members)) == (stays, 6)
    assert [decision.verdict for decision in case.payload.decided] == ["split", "withdrawn"]


def test_two_cases_are_merged_when_a_person_says_so(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.apply(*a_group("router", OTHER_ROUTER, ["kim", "lou", "max"], at=1.0))
    first, second = (case.case_id for case in desk.open)
    desk.learn(labels.make("link", f"{first}/{second}", "merge", "ada", "one operator", at=2.0))
    (case,) = desk.open
    assert sorted(case.payload.members) == ["ada", "bob", "eve", "kim", "lou", "max"]


def test_an_excluded_account_stays_out_and_its_own_alert_is_closed(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, [*FEW, "kim"]), an_account("ada", extraction=20.0))
    (case,) = desk.open
    desk.learn(labels.make("member", f"{case.case_id}/account:ada", "exclude", "eve", "a school", at=2.0, reason="education"))
    desk.apply(
        *a_group("router", ROUTER, [*FEW, "kim"], at=HOUR, requests=100.0), an_account("ada", at=HOUR, extraction=20.0, requests=99.0)
    )
    (case,) = desk.open
    assert sorted(case.payload.members) == ["bob", "eve", "kim"]
    assert case.payload.excluded == ["ada"]
    desk.learn(labels.make("member", f"{case.case_id}/account:ada", "withdrawn", "eve", at=HOUR))
    assert sorted(desk.open[0].payload.members) == ["ada", "bob", "eve", "kim"]


def test_the_only_account_of_a_case_is_not_excluded_from_it(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    (case,) = desk.open
    desk.learn(labels.make("member", f"{case.case_id}/account:ada", "exclude", "eve", at=2.0))
    assert list(desk.open[0].payload.members) == ["ada"]


def test_a_withdrawn_label_counts_as_never_given(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    case_id = desk.open[0].case_id
    desk.learn(labels.make("case", case_id, "benign", "ada", at=1.0))
    assert desk.open == []
    desk.learn(labels.make("case", case_id, "withdrawn", "ada", at=2.0))
    assert [case.payload.label for case in desk.open] == [None]
    assert desk.newest[case_id].payload.triage.labels == TriageCounts(0, 0)


def test_another_analysts_label_counts_again_when_one_is_withdrawn(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    case_id = desk.open[0].case_id
    for at, (author, verdict) in enumerate((("ada", "distilling"), ("bob", "reseller"), ("bob", "withdrawn")), start=1):
        desk.learn(labels.make("case", case_id, verdict, author, at=float(at)))
    assert label_of(desk.newest[case_id]).author == "ada"


def test_a_split_of_what_is_not_there_changes_nothing(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    before = len(desk.sent)
    desk.learn(labels.make("link", f"{desk.open[0].case_id}/case-nowhere", "split", "ada", at=2.0))
    desk.learn(labels.make("link", f"case-nowhere/router:{ROUTER}", "split", "ada", at=2.0))
    assert len(desk.sent) == before


# -- what people decide


def test_a_case_called_benign_is_closed_and_comes_back_only_with_much_more(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    case_id = desk.open[0].case_id
    (alert,) = desk.learn(labels.make("case", case_id, "benign", "ada", "a course", at=1.0))
    assert (alert.state, desk.open) == ("resolved", [])
    assert label_of(desk.newest[case_id]).note == "a course"
    assert desk.apply(an_account("ada", at=DAY, extraction=22.9, requests=1000.0)) == []
    (alert,) = desk.apply(an_account("ada", at=2 * DAY, extraction=23.0, requests=1000.0))
    assert alert.state == "open"
    assert desk.open[0].payload.earlier == case_id


def test_a_dismissed_group_comes_back_with_many_more_members(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.learn(labels.make("case", desk.open[0].case_id, "benign", "ada", at=1.0))
    assert desk.apply(*a_group("router", ROUTER, [f"m{number}" for number in range(5)], at=HOUR)) == []
    (alert,) = desk.apply(*a_group("router", ROUTER, [f"n{number}" for number in range(6)], at=2 * HOUR))
    assert alert.state == "open"


def test_a_case_called_benign_by_mistake_is_opened_again_by_a_later_label(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    case_id = desk.open[0].case_id
    desk.learn(labels.make("case", case_id, "benign", "ada", at=1.0))
    (alert,) = desk.learn(labels.make("case", case_id, "distilling", "ada", "it was no course", at=2.0))
    assert (alert.state, alert.case_id) == ("open", case_id)
    assert [case.case_id for case in desk.open] == [case_id]


def test_a_case_that_is_opened_again_after_quiet_days_stays_open(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    case_id = desk.open[0].case_id
    desk.learn(labels.make("case", case_id, "benign", "ada", at=1.0))
    desk.apply(an_account("bob", at=4 * DAY))
    desk.learn(labels.make("case", case_id, "distilling", "ada", at=2.0))
    desk.apply(an_account("bob", at=4 * DAY + HOUR))
    assert [case.case_id for case in desk.open] == [case_id]


def test_what_came_back_as_another_case_is_not_opened_twice(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    first = desk.open[0].case_id
    desk.learn(labels.make("case", first, "benign", "ada", at=1.0))
    desk.apply(an_account("ada", at=2 * DAY, extraction=23.0, requests=1000.0))
    assert desk.learn(labels.make("case", first, "distilling", "ada", at=2.0)) == []
    assert [case.payload.earlier for case in desk.open] == [first]


def test_a_verdict_of_distilling_keeps_the_case_open_and_is_on_it(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    desk.learn(labels.make("case", desk.open[0].case_id, "distilling", "ada", at=1.0))
    assert label_of(desk.open[0]).verdict == "distilling"


def test_a_label_that_is_read_again_changes_nothing(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    label = labels.make("case", desk.open[0].case_id, "benign", "ada", at=1.0)
    desk.learn(label)
    before = len(desk.sent)
    desk.learn(label)
    assert len(desk.sent) == before
