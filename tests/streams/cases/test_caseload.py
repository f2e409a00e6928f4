"""Which alerts are one case: joined, merged, and kept apart."""

from __future__ import annotations

from streams.testing.case_desk import CARD, FEW, OTHER_CARD, ROUTER, TEMPLATE, CaseDesk, a_group, an_account, hydra, known_links, merged

OTHER_ROUTER = "00000000000000bb"


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


def test_two_routers_with_one_rare_card_and_one_rare_template_are_one_case(desk: CaseDesk) -> None:
    desk.apply(*known_links(), *hydra(ROUTER, FEW, 0.0, 1))
    desk.apply(*hydra(OTHER_ROUTER, ["kim", "lou", "max"], 1.0, 11))
    (case,) = desk.open
    link = case.payload.links[1]
    assert link.edges is not None
    assert {edge.family for edge in link.edges} == {"money", "prompts"}
    assert (link.nats, link.needed) == (30.0, 23.0)
    assert link.edges[0].common == 0.0006


def test_a_link_of_unknown_commonness_links_no_account(desk: CaseDesk) -> None:
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
