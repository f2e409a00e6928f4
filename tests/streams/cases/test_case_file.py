"""What a case says: who, why, what next, in words that fit its numbers."""

from __future__ import annotations

import pytest

from models.evidence.extraction_rules import BY_NAME as RULE_BY_NAME
from models.evidence.weighing import SUSPECT_NATS
from streams.cases import case_file, response_steps
from streams.schema.cases import CaseMember, CasePayload, HeldRule, Hypothesis
from streams.schema.names import Behaviour
from streams.testing.block_rows import Row
from streams.testing.case_desk import CaseDesk, a_group, an_account

ROUTER = "00000000000000aa"


def payload(desk: CaseDesk) -> CasePayload:
    return desk.versions[-1].payload


def test_a_loud_account_is_named_and_its_three_loudest_families_are_why(desk: CaseDesk) -> None:
    desk.apply(an_account("acct-1", extraction=20.0, template=7, families={"content": 7.0, "timing": 5.0, "volume": 4.0, "cohort": 3.0}))
    assert desk.versions[-1].title == (
        "Account acct-1 looks like distillation: requests ask for what a student model is trained on; "
        "requests are timed as by a machine; usage is far above that of others."
    )


def test_nothing_is_said_of_prompts_that_were_not_seen(desk: CaseDesk) -> None:
    desk.apply(an_account("acct-1", extraction=20.0, families={"content": 7.0}))
    assert desk.versions[-1].title.endswith("lengths and shape of requests and answers are those of a harvest (no prompt was seen).")


def test_being_wrong_is_counted_in_payers() -> None:
    members = [CaseMember(0.0, None, organization=organization, payment=card) for organization, card in (("a", "x"), ("a", "y"), ("", "y"))]
    assert case_file.affected(members, 3) == "1 organisation and 1 account of no known organisation (2 cards, 3 accounts in all)"
    assert case_file.affected([], 1200) == "1,200 accounts of organisations that are not listed"


def test_the_score_of_a_case_is_that_of_its_strongest_present_account_and_adds_up(desk: CaseDesk) -> None:
    rows = a_group("router", ROUTER, ["ada", "bob", "eve"], rule="even load", families={"content": 7.0, "evenness": 7.0, "timing": 4.0})
    strong: Row = {"extraction": 23.0, "families": {"content": 7.0, "evenness": 7.0, "cohort": 7.0, "timing": 4.0, "client": 3.0}}
    desk.apply(*[row | strong if row["account_id"] == "bob" else row for row in rows])
    case = desk.versions[-1]
    score = case.payload.score
    assert (score.of, score.nats, case.extraction) == ("account:bob", 23.0, 23.0)
    assert sum(part.counted for part in score.parts) == pytest.approx(23.0)
    assert {part.family: (part.counted, part.why) for part in score.parts if not part.counted and part.nats} == {
        "client": (0.0, "does not count for extraction")
    }


def test_a_case_says_how_urgent_and_how_rare_it_is(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0, false_alerts=5.0, families={"content": 7.0, "timing": 3.0}))
    desk.apply(*a_group("router", ROUTER, [f"acct-{number}" for number in range(10)], at=1.0))
    alone, group = (version.payload.score for version in desk.versions)
    assert (alone.one_in, alone.chance) == (2000.0, "About 1 in 2,000 ordinary accounts looks like this.")
    assert (group.one_in, group.chance) == (None, "How many ordinary groups look like this is not known yet.")


def test_a_case_of_a_group_says_how_rare_it_is_once_that_is_calibrated(desk: CaseDesk) -> None:
    entity, *members = a_group("router", ROUTER, [f"acct-{number}" for number in range(10)])
    desk.apply(entity | {"false_alerts": 5.0}, *members)
    score = desk.versions[-1].payload.score
    assert (score.one_in, score.chance) == (2000.0, "About 1 in 2,000 ordinary groups looks like this.")


def test_a_channel_is_described_by_what_makes_it_one(desk: CaseDesk) -> None:
    nats = {"content": 1.5, "client": 4.0, "network": 3.0}
    desk.apply(a_group("router", ROUTER, ["ada"], accounts=1200.0, extraction=1.0, routing=9.0, families=nats)[0])
    assert desk.versions[-1].title == (
        "1,200 accounts behind one router fingerprint look like a router or reseller: "
        "single accounts carry traffic of many different clients; network addresses rotate."
    )
    assert payload(desk).next_step == (
        "L1: no evidence of a campaign: ask the account holders about their contract, and do not call their users distillers."
    )


def test_a_channel_that_may_carry_a_campaign_says_whose_case_comes_first(desk: CaseDesk) -> None:
    desk.apply(a_group("router", ROUTER, ["ada"], extraction=1.0, routing=9.0, families={"content": 7.0, "client": 4.0})[0])
    assert payload(desk).next_step.startswith("L1: it may carry a campaign: decide the extraction case of its members first")


def test_a_case_carries_all_that_a_reviewer_asks_for(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, ["ada", "bob", "eve"]))
    told = payload(desk)
    assert {check.hypothesis for check in told.counter_evidence} >= {
        "evaluation harness",
        "enterprise gateway",
        "launch-day enthusiasts",
    }
    assert told.atlas[:2] == ["AML.T0024.002", "AML.T0040"]
    assert [term.id for term in told.terms] == ["competing-models", "automated-extraction"]
    assert (told.threshold.author, told.threshold.approver) == ("detection", "operations")
    assert told.if_wrong.startswith("3 accounts of no known organisation (3 accounts in all) with 30 requests")
    assert told.leak.estimate.startswith("upper bound")
    assert told.features[0].sentence.endswith("nats).") or told.features[0].sentence.endswith("nats.")


def test_a_case_and_its_alert_say_which_rules_held_and_for_how_many_accounts(desk: CaseDesk) -> None:
    held = {"ada": "machine-run", "bob": "even load", "eve": "machine-run"}
    rows = [{**row, "rule": held.get(str(row["account_id"]))} for row in a_group("router", ROUTER, list(held))]
    (alert,) = desk.apply(*rows)
    expected = [
        HeldRule("machine-run", RULE_BY_NAME["machine-run"].requires, 2),
        HeldRule("even load", RULE_BY_NAME["even load"].requires, 1),
    ]
    assert alert.payload.rules == payload(desk).rules == expected


def test_an_accounts_alert_says_its_own_rule_and_one_of_before_rules_travelled_says_none(desk: CaseDesk) -> None:
    (with_rule,) = desk.apply(an_account("ada", extraction=20.0, rule="even load"))
    (without,) = desk.apply(an_account("bob", extraction=20.0))
    assert [rule.name for rule in with_rule.payload.rules] == ["even load"]
    assert without.payload.rules == []


def test_a_rule_of_a_newer_version_is_named_without_words(desk: CaseDesk) -> None:
    (alert,) = desk.apply(an_account("ada", extraction=20.0, rule="a rule of next year"))
    assert alert.payload.rules == [HeldRule("a rule of next year", "", 1)]


def test_a_channel_has_no_rule_of_extraction(desk: CaseDesk) -> None:
    desk.apply({**a_group("router", ROUTER, ["ada"], extraction=1.0, routing=9.0, families={"client": 4.0})[0], "rule": "even load"})
    assert payload(desk).rules == []


def test_a_link_names_a_router_as_commands_take_it(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, ["ada", "bob", "eve"]))
    assert payload(desk).links[0].why == f"accounts behind one router fingerprint ({ROUTER})"


def test_a_group_is_shown_by_the_member_that_stands_out_most(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=9.0), an_account("bob", extraction=12.0), an_account("zoe", extraction=14.0))
    desk.apply(*a_group("router", ROUTER, ["ada", "bob", "eve"], at=1.0))
    example = payload(desk).example
    assert example is not None
    assert example.account == "bob"
    assert example.features[1].sentence == (
        "Output tokens per day: 59,900; most accounts have 2,980 to 8,100. Typical of bulk output from one account (+1.5 nats)."
    )


def test_an_alert_explains_itself_as_its_case_does(desk: CaseDesk) -> None:
    (alert,) = desk.apply(an_account("acct-1", extraction=20.0))
    assert alert.summary == desk.versions[-1].title
    assert alert.evidence == 20.0
    assert alert.payload.features[0].sentence == (
        "Requests that are one question without history: 80%; most accounts have 0% to 40%. "
        "Typical of job queues of independent questions (+3.2 nats)."
    )


def test_a_record_lists_its_strongest_members_and_counts_the_others(desk: CaseDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_file, "MAX_LISTED_MEMBERS", 2)
    rows = a_group("router", ROUTER, ["ada", "bob", "eve"])
    desk.apply(*[row | {"extraction": 30.0} if row["account_id"] == "eve" else row for row in rows])
    assert (list(payload(desk).members), payload(desk).members_left_out) == (["eve", "ada"], 1)
    assert desk.versions[-1].accounts == 3


@pytest.mark.parametrize(
    ("behaviour", "accounts", "muted", "doubts", "expected"),
    [
        ("extraction", 1, True, 0, "L0"),
        ("extraction", 200, False, 1, "L0"),
        ("extraction", 1, False, 0, "L1"),
        ("extraction", 9, False, 0, "L1"),
        ("extraction", 10, False, 0, "L2"),
        ("routing", 500, False, 3, "L1"),
    ],
)
def test_the_ladder_begins_low_and_never_above_what_can_be_taken_back(
    behaviour: Behaviour,
    accounts: int,
    *,
    muted: bool,
    doubts: int,
    expected: str,
) -> None:
    checks = [Hypothesis(hypothesis="hackathon", fits=True, because="")] * doubts
    found = response_steps.step(behaviour, accounts, {"content": 7.0, "timing": 1.0}, checks, muted=muted)
    assert (found.step, found.families) == (expected, ["content"])
    assert found.step < "L3"


def test_the_parts_of_a_trained_score_and_what_was_believed_before_add_up_to_it(desk: CaseDesk) -> None:
    rows = a_group("router", "00000000000000aa", ["ada", "bob", "cyd"], extraction=14.0, counted={"content": 12.0, "evenness": 6.0})
    desk.apply(*rows)
    parts = desk.open[0].payload.score.parts
    assert [(part.family, part.counted) for part in parts] == [("content", 12.0), ("evenness", 6.0), ("prior", -4.0)]


@pytest.mark.parametrize(
    ("question", "counted", "sentence"),
    [
        ("no part", {"content": 22.0}, "it began no work of its group itself"),
        ("disagreement", {}, "the trained judgement of groups has less"),
    ],
)
def test_a_score_that_is_limited_to_a_question_says_by_what(
    desk: CaseDesk, question: str, counted: dict[str, float], sentence: str
) -> None:
    cells: Row = {"rule": "even load", "question": question, "families": {"content": 12.0}, "counted": counted}
    desk.apply(*({**row, **cells} for row in a_group("router", "00000000000000aa", ["ada", "bob", "cyd"], extraction=SUSPECT_NATS)))
    (why,) = [part.why for part in desk.open[0].payload.score.parts if part.family == "question"]
    assert why == f"limited to 9.1, a question: {sentence}"
