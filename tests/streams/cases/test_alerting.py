"""Alerts: opened, told again, muted where a party is permitted, withdrawn when their evidence falls."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from models.evidence.weighing import ALERT_THRESHOLD_NATS
from streams.cases.policy import Policy
from streams.testing.case_desk import CARD, FEW, ROUTER, CaseDesk, a_group, an_account

OTHER_ROUTER = "00000000000000bb"
HOUR, DAY = 3600.0, 86400.0


def test_an_account_over_the_threshold_is_alerted_once_and_gets_a_case(desk: CaseDesk) -> None:
    (alert,) = desk.apply(an_account("ada", extraction=20.0))
    assert (alert.state, alert.behaviour, alert.entity_id) == ("open", "extraction", "ada")
    assert desk.apply(an_account("ada", at=1.0, extraction=20.0)) == []
    (case,) = desk.open
    assert case.case_id == alert.case_id
    assert (case.accounts, list(case.payload.members)) == (1, ["ada"])


def test_an_account_under_the_threshold_is_not_alerted(desk: CaseDesk) -> None:
    assert desk.apply(an_account("ada", extraction=ALERT_THRESHOLD_NATS - 0.1)) == []
    assert desk.open == []


def test_two_suspects_are_no_group_and_three_are(desk: CaseDesk) -> None:
    assert desk.apply(*a_group("router", ROUTER, FEW[:2])) == []
    (alert,) = desk.apply(*a_group("router", ROUTER, FEW, at=1.0))
    assert alert.entity_kind == "router"
    assert desk.open[0].accounts == 3


def test_a_public_link_accuses_no_account(desk: CaseDesk) -> None:
    assert desk.apply(*a_group("router", ROUTER, FEW, common=1.0)) == []


def test_an_alert_is_updated_when_a_while_has_passed_and_it_has_grown(desk: CaseDesk) -> None:
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


def test_evidence_between_the_thresholds_is_a_question_and_no_alert(desk: CaseDesk) -> None:
    assert desk.apply(*a_group("router", ROUTER, FEW, extraction=10.0)) == []
    (case,) = desk.open
    assert (case.payload.tier, case.payload.threshold.behaviour, case.accounts) == ("ask", "ask", 3)
    assert "ask the account holder" in case.payload.next_step


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


def test_a_resolved_alert_whose_evidence_rises_again_opens_a_case_that_names_the_earlier_one(desk: CaseDesk) -> None:
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
