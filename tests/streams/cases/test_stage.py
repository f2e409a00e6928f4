"""The life of alerts and cases: opened, told again, merged, dismissed, back, resolved, and the same after any crash."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from models.evidence.weighing import ALERT_THRESHOLD_NATS
from streams.cases import labels, splitting
from streams.cases.policy import Policy
from streams.cases.stage import Cases
from streams.core.errors import BlockLayoutError, MalformedEventError
from streams.schema import topics
from streams.schema.cases import Case, Link, TriageCounts
from streams.schema.labels import Label
from streams.testing.block_rows import Row
from streams.testing.case_desk import CaseDesk, a_group, an_account

ROUTER, OTHER_ROUTER = "00000000000000aa", "00000000000000bb"
CARD, OTHER_CARD = "00000000000000cc", "00000000000000dd"
TEMPLATE = "00000000000000ee"
HOUR, DAY = 3600.0, 86400.0
FEW = ["ada", "bob", "eve"]


def label_of(case: Case) -> Label:
    """The analyst's word on a case, which has one."""
    assert case.payload.label is not None
    return case.payload.label


# -- alerts


def test_an_account_over_the_bar_is_alerted_once_and_gets_a_case(desk: CaseDesk) -> None:
    (alert,) = desk.apply(an_account("ada", extraction=20.0))
    assert (alert.state, alert.behaviour, alert.entity_id) == ("open", "extraction", "ada")
    assert desk.apply(an_account("ada", at=1.0, extraction=20.0)) == []
    (case,) = desk.open
    assert case.case_id == alert.case_id
    assert (case.accounts, list(case.payload.members)) == (1, ["ada"])


def test_an_account_under_the_bar_is_nobodys_business(desk: CaseDesk) -> None:
    assert desk.apply(an_account("ada", extraction=ALERT_THRESHOLD_NATS - 0.1)) == []
    assert desk.open == []


def test_two_suspects_are_no_group_and_three_are(desk: CaseDesk) -> None:
    assert desk.apply(*a_group("router", ROUTER, FEW[:2])) == []
    (alert,) = desk.apply(*a_group("router", ROUTER, FEW, at=1.0))
    assert alert.entity_kind == "router"
    assert desk.open[0].accounts == 3


def test_a_public_link_accuses_nobody(desk: CaseDesk) -> None:
    assert desk.apply(*a_group("router", ROUTER, FEW, common=1.0)) == []


def test_an_alert_is_told_again_when_a_while_has_passed_and_it_has_grown(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0, requests=100.0))
    assert desk.apply(an_account("ada", at=700.0, extraction=20.0, requests=105.0)) == []
    (alert,) = desk.apply(an_account("ada", at=1400.0, extraction=20.0, requests=110.0))
    assert (alert.state, alert.time) == ("update", 1400.0)


def test_an_alert_that_grows_much_does_not_wait(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0, requests=100.0))
    (alert,) = desk.apply(an_account("ada", at=1.0, extraction=20.0, requests=130.0))
    assert alert.state == "update"


def test_three_quiet_days_resolve_a_case_and_its_alert(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    (alert,) = desk.apply(an_account("bob", at=3 * DAY + 1))
    assert (alert.state, alert.entity_id) == ("resolved", "ada")
    assert desk.open == []


def test_an_alert_whose_evidence_has_fallen_is_withdrawn_with_its_case_and_says_why(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    assert desk.apply(an_account("ada", at=60.0, extraction=ALERT_THRESHOLD_NATS - 1.0)) == []  # it wavers about the threshold
    (alert,) = desk.apply(an_account("ada", at=120.0, extraction=3.0))
    assert (alert.state, alert.evidence) == ("resolved", 3.0)
    assert desk.open == []
    (case,) = desk.newest.values()
    assert case.payload.withdrawn.startswith("Withdrawn: evidence fell from 20.0 to 3.0 nats (the threshold is 13.0)")
    assert case.payload.members["ada"].left_at == 120.0


def test_evidence_between_the_bars_is_a_question_and_no_alert(desk: CaseDesk) -> None:
    assert desk.apply(*a_group("router", ROUTER, FEW, extraction=10.0)) == []
    (case,) = desk.open
    assert (case.payload.tier, case.payload.threshold.behaviour, case.accounts) == ("ask", "ask", 3)
    assert "ask the accounts' owner" in case.payload.next_step


def test_a_question_becomes_an_alert_of_the_same_case_and_never_a_question_again(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW, extraction=10.0))
    asked = desk.open[0].case_id
    (alert,) = desk.apply(*a_group("router", ROUTER, FEW, at=60.0, extraction=14.0))
    assert (alert.state, alert.case_id) == ("open", asked)
    desk.apply(*a_group("router", ROUTER, FEW, at=2 * HOUR, extraction=10.0))
    assert desk.open[0].payload.tier == "alert"


def test_a_question_whose_evidence_has_fallen_is_withdrawn_in_silence(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW, extraction=10.0))
    assert desk.apply(*a_group("router", ROUTER, FEW, at=60.0, extraction=2.0)) == []
    assert desk.open == []


def test_a_question_and_an_alert_are_not_one_case(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW, extraction=14.0), *a_group("payment", CARD, FEW, extraction=10.0))
    assert sorted(case.payload.tier for case in desk.open) == ["alert", "ask"]


def test_a_case_stays_open_while_one_of_its_alerts_stands(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW), *a_group("payment", CARD, FEW))
    fallen = [{**row, "extraction": 1.0} for row in a_group("payment", CARD, FEW, at=HOUR)]
    (alert,) = desk.apply(*fallen)
    assert (alert.state, alert.entity_kind) == ("resolved", "payment")
    assert len(desk.open) == 1


def test_a_group_that_turns_out_to_be_public_is_withdrawn(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    (alert,) = desk.apply(a_group("router", ROUTER, FEW, at=HOUR, common=1.0)[0])
    assert alert.state == "resolved"
    assert desk.open == []


def test_a_channel_that_shows_itself_no_longer_is_withdrawn(desk: CaseDesk) -> None:
    desk.apply(a_group("router", ROUTER, ["ada"], extraction=1.0, routing=9.0)[0])
    (alert,) = desk.apply(a_group("router", ROUTER, ["ada"], at=HOUR, extraction=1.0, routing=2.0)[0])
    assert (alert.state, alert.behaviour) == ("resolved", "routing")


def test_a_resolved_alert_that_speaks_again_opens_a_case_that_names_the_earlier_one(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    first = desk.open[0].case_id
    desk.apply(an_account("bob", at=3 * DAY + 1))
    (alert,) = desk.apply(an_account("ada", at=4 * DAY, extraction=20.0))
    assert alert.state == "open"
    assert desk.open[0].case_id != first
    assert desk.open[0].payload.earlier == first


def test_a_router_is_alerted_as_a_channel_and_its_users_are_not_listed(desk: CaseDesk) -> None:
    (alert,) = desk.apply(*a_group("router", ROUTER, ["ada"], extraction=1.0, routing=9.0, accounts=12.0)[:1])
    assert alert.behaviour == "routing"
    assert (desk.open[0].accounts, desk.open[0].payload.members) == (12, {})


def test_an_account_behind_an_alerted_router_belongs_to_its_case(desk: CaseDesk) -> None:
    desk.apply(a_group("router", ROUTER, ["ada"], extraction=1.0, routing=9.0)[0])
    desk.apply(an_account("ada", at=1.0, routing=9.0, router=int(ROUTER, 16)))
    desk.apply(an_account("bob", at=2.0, routing=9.0, router=int(OTHER_ROUTER, 16)))
    assert sorted(len(case.payload.links) for case in desk.open) == [1, 2]


def test_a_card_or_a_template_is_no_channel(desk: CaseDesk) -> None:
    assert desk.apply(a_group("payment", CARD, ["ada"], extraction=1.0, routing=9.0)[0]) == []


def test_the_members_of_a_channel_are_ranked_by_routing_and_the_others_counted(desk: CaseDesk) -> None:
    desk.apply(a_group("router", ROUTER, ["ada"], extraction=1.0, routing=12.0, accounts=12.0)[0])
    desk.apply(an_account("ada", at=1.0, extraction=5.0, routing=9.0, router=int(ROUTER, 16)))
    desk.apply(an_account("bob", at=2.0, extraction=1.0, routing=11.0, router=int(ROUTER, 16)))
    told = desk.open[0].payload
    assert [(name, member.routing) for name, member in told.members.items()] == [("bob", 11.0), ("ada", 9.0)]
    assert (desk.open[0].accounts, told.users_not_listed) == (12, 10)
    assert [entry.routing for entry in told.history] == [12.0, 12.0, 12.0]


# -- members


def test_members_keep_when_they_joined_and_when_they_left(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW, at=10.0))
    desk.apply(*a_group("router", ROUTER, [*FEW, "kim"], at=HOUR))
    joined = {name: member.joined_at for name, member in desk.open[0].payload.members.items()}
    assert joined == {"ada": 10.0, "bob": 10.0, "eve": 10.0, "kim": HOUR}
    calm = [{**each, "extraction": 1.0} for each in a_group("router", ROUTER, ["eve"], at=2 * HOUR)]
    grown = a_group("router", ROUTER, ["ada", "bob", "kim"], at=2 * HOUR, requests=50.0)
    desk.apply(*calm, *grown)
    left = {name: member.left_at for name, member in desk.open[0].payload.members.items()}
    assert left == {"ada": None, "bob": None, "eve": 2 * HOUR, "kim": None}


def test_the_leak_is_what_was_served_and_how_much_of_it_before_the_alert(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0, requests=100.0, output_tokens=5000.0))
    desk.apply(an_account("ada", at=HOUR, extraction=20.0, requests=300.0, output_tokens=9000.0))
    leak = desk.open[0].payload.leak
    assert (leak.requests, leak.output_tokens) == (300.0, 9000.0)
    assert (leak.requests_before_alert, leak.output_tokens_before_alert) == (100.0, 5000.0)


def test_a_row_that_is_older_than_what_is_known_changes_nothing(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", at=100.0, extraction=20.0, requests=100.0))
    desk.apply(an_account("ada", at=50.0, extraction=1.0, requests=50.0))
    assert desk.stage.entities["account:ada"].extraction == 20.0


# -- one case or two


def test_two_alerts_about_the_same_accounts_are_one_case(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.apply(*a_group("template", TEMPLATE, FEW, at=1.0))
    (case,) = desk.open
    assert [link.entity for link in case.payload.links] == [f"extraction:router:{ROUTER}", f"extraction:template:{TEMPLATE}"]
    assert case.payload.links[1].same_accounts == 1.0


def test_an_account_that_is_in_a_case_already_joins_it(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.apply(an_account("eve", at=1.0, extraction=20.0))
    assert len(desk.open) == 1


def test_strangers_behind_one_router_stay_two_cases(desk: CaseDesk) -> None:
    desk.apply(*a_group("template", TEMPLATE, FEW, router=int(ROUTER, 16)))
    desk.apply(*a_group("payment", CARD, ["kim", "lou", "max"], at=1.0, router=int(ROUTER, 16)))
    assert len(desk.open) == 2


def payers(accounts: Sequence[str], start: int) -> dict[str, int]:
    return {name: start + number for number, name in enumerate(accounts)}


def hydra(router: str, accounts: Sequence[str], at: float, start: int) -> list[Row]:
    """Accounts behind one router, each of its own organisation, all with one card and one template."""
    pays = payers(accounts, start)
    rows = a_group("router", router, accounts, at=at, payment=int(CARD, 16), template=int(TEMPLATE, 16))
    return [row | {"organization": pays.get(str(row["account_id"]), 0)} for row in rows]


def known_links() -> list[Row]:
    """What makes commonness known: 6 of 10,000 accounts have the card and the template."""
    return [a_group(kind, name, [], accounts=6.0, extraction=1.0)[0] for kind, name in (("payment", CARD), ("template", TEMPLATE))]


def test_two_routers_with_one_rare_card_and_one_rare_template_are_one_case(desk: CaseDesk) -> None:
    desk.apply(*known_links(), *hydra(ROUTER, FEW, 0.0, 1))
    desk.apply(*hydra(OTHER_ROUTER, ["kim", "lou", "max"], 1.0, 11))
    (case,) = desk.open
    link = case.payload.links[1]
    assert link.edges is not None
    assert {edge.family for edge in link.edges} == {"money", "prompts"}
    assert (link.nats, link.needed) == (30.0, 23.0)
    assert link.edges[0].common == 0.0006


def test_a_link_of_unknown_commonness_links_nobody(desk: CaseDesk) -> None:
    desk.apply(*hydra(ROUTER, FEW, 0.0, 1))
    desk.apply(*hydra(OTHER_ROUTER, ["kim", "lou", "max"], 1.0, 11))
    assert len(desk.open) == 2


def test_two_big_clusters_need_ten_nats_more_and_until_then_name_each_other(desk: CaseDesk) -> None:
    big, other = [f"a{number}" for number in range(51)], [f"b{number}" for number in range(51)]
    desk.apply(*known_links(), *hydra(ROUTER, big, 0.0, 1))
    desk.apply(*hydra(OTHER_ROUTER, other, 1.0, 101))
    first, second = desk.open
    (near,) = second.payload.near
    assert (near.case_id, near.nats, near.needed) == (first.case_id, 30.0, 33.0)


def merged(desk: CaseDesk) -> tuple[str, str]:
    """Two cases that a third alert makes one: both ids, the one that stays first."""
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.apply(*a_group("payment", OTHER_CARD, ["kim", "lou", "max"], at=1.0))
    stays, goes = (case.case_id for case in desk.open)
    desk.apply(*a_group("template", TEMPLATE, [*FEW, "kim", "lou", "max"], at=2.0))
    return stays, goes


def test_a_merged_case_stays_on_record_closed_and_says_where_it_went(desk: CaseDesk) -> None:
    stays, goes = merged(desk)
    assert [case.case_id for case in desk.open] == [stays]
    assert (desk.newest[goes].state, desk.newest[goes].payload.merged_into) == ("resolved", stays)
    payload = desk.newest[stays].payload
    assert sorted(payload.members) == ["ada", "bob", "eve", "kim", "lou", "max"]
    assert [merge.case_id for merge in payload.merges] == [goes]
    assert [link.from_case for link in payload.links] == [None, goes, None]


def test_a_case_that_is_opened_and_merged_within_one_block_is_as_complete_as_any(desk: CaseDesk) -> None:
    groups = (("router", ROUTER, FEW), ("payment", OTHER_CARD, ["kim", "lou", "max"]), ("template", TEMPLATE, [*FEW, "kim", "lou", "max"]))
    desk.apply(*[row for at, (kind, name, accounts) in enumerate(groups) for row in a_group(kind, name, accounts, at=float(at))])
    stays, goes = sorted(desk.stage.cases.values(), key=lambda case: case.state == "merged")
    assert (goes.state, goes.merged_into) == ("merged", stays.case_id)
    assert [entry.version for entry in goes.history] == [1]


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


def test_an_account_is_in_one_open_case_of_a_behaviour(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, FEW))
    desk.apply(*a_group("router", OTHER_ROUTER, ["ada", "kim", "lou", "max"], at=1.0))
    assert [sorted(case.payload.members) for case in desk.open] == [sorted(FEW), ["kim", "lou", "max"]]


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


@pytest.mark.parametrize("bad", [b"", b"{", b"[]", b'{"verdict": "guilty"}', b'{"time": 1, "label_id": 5}'])
def test_a_bad_label_is_refused_before_anything_changes(desk: CaseDesk, bad: bytes) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    with pytest.raises(MalformedEventError):
        desk.stage.apply_feedback(bad, 0)
    assert desk.stage.labels == {}
    assert len(desk.open) == 1


def test_a_block_of_another_layout_is_refused_before_anything_changes(desk: CaseDesk) -> None:
    with pytest.raises(BlockLayoutError):
        desk.stage.apply(b"not a block", 0)
    assert desk.stage.dirty() == {}


# -- permitted parties


def permitting(tmp_path: Path, party: str, expires: date) -> Policy:
    listed = tmp_path / "parties.toml"
    listed.write_text(f'[[party]]\n{party}\nowner = "partnerships"\nreason = "contract 17"\nexpires = {expires}\n')
    return Policy.load(listed)


def test_a_permitted_account_is_scored_and_muted_until_its_permission_ends(tmp_path: Path) -> None:
    desk = CaseDesk(permitting(tmp_path, 'account = "ada"', date(1970, 1, 2)))
    assert desk.apply(an_account("ada", at=10.0, extraction=20.0)) == []
    (case,) = desk.open
    assert (case.muted, case.extraction, list(case.payload.members)) == (True, 20.0, ["ada"])
    assert case.payload.permission is not None
    assert case.payload.permission.owner == "partnerships"
    assert case.payload.ladder.step == "L0"
    (alert,) = desk.apply(an_account("ada", at=2 * DAY + 1, extraction=20.0))
    assert alert.state == "open"
    assert desk.open[0].muted is False


def test_permitted_members_do_not_count_toward_a_groups_suspects(tmp_path: Path) -> None:
    desk = CaseDesk(permitting(tmp_path, 'account = "ada"', date(1970, 1, 2)))
    assert desk.apply(*a_group("router", ROUTER, FEW)) == []
    (alert,) = desk.apply(*a_group("router", ROUTER, [*FEW, "kim"], at=1.0))
    assert alert.state == "open"
    assert sorted(desk.open[0].payload.members) == ["bob", "eve", "kim"]


# -- durable


def story() -> list[list[Row]]:
    """Groups that grow, meet and fall silent."""
    rng = random.Random(4)
    blocks = [known_links()]
    for turn in range(30):
        at, size = 700.0 * turn, 3 + turn // 3
        kind, name = rng.choice([("router", ROUTER), ("payment", CARD), ("template", TEMPLATE), ("router", OTHER_ROUTER)])
        members = [f"{'b' if name == OTHER_ROUTER else 'a'}{number}" for number in range(size)]
        blocks.append(a_group(kind, name, members, at=at, requests=10.0 + 5 * turn))
        blocks.append([an_account(f"a{turn % 4}", at=at, extraction=14.0 + turn % 5, requests=10.0 * turn)])
    return [*blocks, [an_account("zoe", at=4 * DAY)]]


def chunks_of(stage: Cases) -> list[tuple[str, bytes]]:
    return [(chunk, stage.dump(chunk)) for chunk in sorted(stage.dirty())]


@pytest.mark.parametrize("crash", [1, 7, 20, 41, 61])
def test_a_crash_at_any_block_ends_in_the_same_cases(crash: int) -> None:
    whole = CaseDesk()
    for rows in story():
        whole.apply(*rows)
    stage = Cases()
    for offset, value in enumerate(whole.blocks[:crash]):
        stage.apply(value, offset)
    kept = dict(chunks_of(stage))
    for offset, value in enumerate(whole.blocks[crash : crash + 5], start=crash):
        stage.apply(value, offset)  # all of this is lost with the process
    again = Cases()
    again.load(kept.items())
    for offset, value in enumerate(whole.blocks[max(crash - 3, 0) :], start=max(crash - 3, 0)):
        again.apply(value, offset)
    assert again.cases == whole.stage.cases
    assert (again.alerts, again.entities) == (whole.stage.alerts, whole.stage.entities)


def test_blocks_that_are_read_again_say_nothing_again() -> None:
    desk = CaseDesk()
    for rows in story():
        desk.apply(*rows)
    again = Cases()
    again.load(chunks_of(desk.stage))
    assert [message for offset, value in enumerate(desk.blocks) for message in again.apply(value, offset)] == []
    assert again.dirty() == {}


def test_a_crash_while_chunks_are_written_leaves_the_snapshot_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cases.stage.MAX_ROWS_PER_CHUNK", 5)
    whole = CaseDesk()
    for rows in story():
        whole.apply(*rows)
    stage = Cases()
    kept: dict[str, bytes] = {}
    for offset, value in enumerate(whole.blocks[:40]):
        stage.apply(value, offset)
        if offset == 20:
            kept.update(chunks_of(stage))
    half = sorted(stage.dirty())
    assert len(half) > 2
    kept.update((chunk, stage.dump(chunk)) for chunk in half[:2])
    again = Cases()
    again.load(kept.items())
    for offset, value in enumerate(whole.blocks[15:], start=15):
        again.apply(value, offset)
    assert again.cases == whole.stage.cases


def test_what_is_not_written_yet_is_dirty_from_its_first_change_on(desk: CaseDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cases.stage.MAX_ROWS_PER_CHUNK", 2)
    desk.apply(*a_group("router", ROUTER, FEW))
    first = desk.stage.dirty()
    assert set(first.values()) == {0}
    desk.apply(an_account("kim", at=1.0, extraction=20.0))
    desk.stage.dump(min(first))
    desk.apply(an_account("lou", at=2.0, extraction=20.0))
    dirty = desk.stage.dirty()
    assert sorted(dirty.values())[: len(first) - 1] == [0] * (len(first) - 1)
    assert max(dirty.values()) == 2


def test_a_label_dirties_the_state_that_holds_it(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    chunks_of(desk.stage)
    assert desk.stage.dirty() == {}
    desk.learn(labels.make("case", desk.open[0].case_id, "distilling", "ada", at=1.0))
    again = Cases()
    again.load(chunks_of(desk.stage))
    assert again.labels == desk.stage.labels


def test_unreadable_chunks_are_counted_and_start_cold() -> None:
    stage = Cases()
    stage.load([("cases/a/0", b"rubbish"), ("cases/3", b"")])
    assert stage.counters()["cold_chunks"] == 2
    assert stage.cases == {}


def test_every_message_goes_where_its_id_says(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    keys = {message.topic: message.key for message in desk.sent}
    assert keys == {topics.ALERTS: b"extraction:account:ada", topics.CASES: desk.open[0].case_id.encode()}
