"""What is written of a case is what changed in it; added up it is the case, whatever happened."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from streams.cases import labels
from streams.cases.stage import Cases
from streams.cases.versions import WHOLE_EVERY_SECONDS
from streams.schema import topics
from streams.schema.case_changes import change_key, items_of, lists_digest, newest_whole
from streams.schema.cases import Case
from streams.stages import erasures
from streams.stages.stage import Message
from streams.testing.block_rows import Row
from streams.testing.case_desk import ROUTER, CaseDesk, a_group, an_account, evidence_row, hydra, merged

CROWD: Final = [f"acct-{number:03d}" for number in range(400)]
MORE: Final = [f"more-{number:04}" for number in range(1_600)]
HOUR: Final = 3_601.0


def records(desk: CaseDesk) -> list[Message]:
    return [message for message in desk.sent if message.topic == topics.CASES and not message.is_tombstone]


def crowd(accounts: Sequence[str], router: str = ROUTER, at: float = 0.0, start: int = 1) -> list[Row]:
    """The rows of accounts behind one router that are as severe as they can be: no news changes that."""
    return [row | {"extraction": 60.0} for row in hydra(router, accounts, at, start)]


def news_of(desk: CaseDesk, account: str, at: float, **cells: float) -> Message:
    """Send newer numbers of one member of the crowd; return the version that they make."""
    group = evidence_row("router", ROUTER, at=at, extraction=60.0, accounts=400.0, router=int(ROUTER, 16))
    member = group | {"account_id": account, "requests": 10.0 + at, "output_tokens": at, "extraction": 62.0 + at / HOUR, **cells}
    desk.apply(group, member)
    return records(desk)[-1]


def alerted(desk: CaseDesk, accounts: Sequence[str]) -> None:
    """Make a case of a crowd. Its first news make an alert of a question: what follows changes no more than members."""
    desk.apply(*crowd(accounts))
    news_of(desk, accounts[0], 1.0)


def state_of(stage: Cases, case_id: str) -> dict[str, object]:
    """What the lists of a version must have, from the state itself."""
    case = stage.cases[case_id]
    return {"members": case.members, "owners": case.owners, "links": {link.entity: link for link in case.links}}


def listed(case: Case) -> dict[str, object]:
    payload = case.payload
    return {"members": payload.members, "owners": payload.owners, "links": {link.entity: link for link in payload.links}}


def test_a_version_lists_the_members_that_changed_alone(desk: CaseDesk) -> None:
    alerted(desk, CROWD)
    message = news_of(desk, "acct-007", 2 * HOUR)
    record = Case.decode(message.value)
    assert (record.version, record.whole_version, record.is_whole) == (3, 2, False)
    assert list(record.payload.members) == ["acct-007"]
    assert [entry.version for entry in record.payload.history] == [3]
    assert message.key == change_key(record.case_id, 3).encode()
    assert len(message.value) < len(records(desk)[0].value) / 8
    assert listed(desk.versions[-1]) == state_of(desk.stage, record.case_id)
    assert len(desk.versions[-1].payload.history) == 3


def test_bytes_a_version_do_not_depend_on_how_many_members_there_are(desk: CaseDesk) -> None:
    larger = CaseDesk()
    alerted(desk, CROWD)
    alerted(larger, [*CROWD, *MORE])
    small, large = (len(news_of(each, "acct-007", 2 * HOUR).value) for each in (desk, larger))
    assert large < 1.02 * small
    assert small < 12_000


def test_all_versions_together_are_in_proportion_to_what_changed(desk: CaseDesk) -> None:
    desk.apply(*crowd(CROWD))
    for number in range(1, 41):
        news_of(desk, CROWD[number], number * HOUR)
    sizes = [len(message.value) for message in records(desk)]
    whole = [Case.decode(message.value).is_whole for message in records(desk)]
    assert 2 <= sum(whole) <= 6, "whole again when the changes since are as large"
    changes = [size for size, is_whole in zip(sizes, whole, strict=True) if not is_whole]
    assert sum(sizes) < 2 * sum(changes) + 2 * max(sizes)
    assert listed(desk.versions[-1]) == state_of(desk.stage, desk.versions[-1].case_id)


def test_a_case_of_few_members_is_written_whole(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, ["ada", "bob", "eve"]))
    desk.apply(*a_group("router", ROUTER, ["ada", "bob", "eve"], at=HOUR, requests=90.0))
    assert [Case.decode(message.value).is_whole for message in records(desk)] == [True, True]
    assert {message.key for message in records(desk)} == {desk.versions[0].case_id.encode()}


def test_the_end_of_a_case_is_whole_and_nothing_follows(desk: CaseDesk) -> None:
    desk.apply(*crowd(CROWD))
    news_of(desk, "acct-007", HOUR)
    (case_id,) = desk.newest
    desk.learn(labels.make("case", case_id, "benign", "eva", at=2 * HOUR))
    last = Case.decode(records(desk)[-1].value)
    assert (last.state, last.is_whole, len(last.payload.members)) == ("resolved", True, 400)
    count = len(records(desk))
    desk.apply(an_account("zoe", at=3 * HOUR, extraction=1.0))
    assert len(records(desk)) == count


def test_a_case_is_written_whole_once_in_a_while(desk: CaseDesk) -> None:
    alerted(desk, [*CROWD, *MORE])
    for day in range(1, 33):  # with news each day it stays open
        news_of(desk, "acct-007", day * 86_400.0)
    whole = [case.updated_at for case in (Case.decode(message.value) for message in records(desk)) if case.is_whole]
    assert whole == [0.0, 1.0, WHOLE_EVERY_SECONDS + 86_400.0]


def test_after_a_restart_the_next_version_is_whole_and_has_the_digest_that_it_would_have_had(desk: CaseDesk) -> None:
    desk.apply(*crowd(CROWD))
    news_of(desk, "acct-007", HOUR)
    restarted = CaseDesk()
    restarted.stage.load([(chunk, desk.stage.dump(chunk)) for chunk in sorted(desk.stage.dirty())])
    restarted.blocks = list(desk.blocks)
    without, after = (Case.decode(news_of(each, "acct-008", 2 * HOUR).value) for each in (desk, restarted))
    assert (without.is_whole, after.is_whole) == (False, True)
    assert without.payload.lists_sha256 == after.payload.lists_sha256
    assert without.payload.history[-1] == after.payload.history[-1], "the chain does not depend on how it was written"


def test_a_whole_version_removes_the_changes_before_it_from_the_topic(desk: CaseDesk) -> None:
    alerted(desk, CROWD)
    for number in range(1, 41):
        news_of(desk, CROWD[number], number * HOUR)
        case_id, *changes = desk.compacted(topics.CASES)
        (whole_version, version) = (desk.stage.cases[case_id].whole_version, desk.stage.cases[case_id].version)
        assert changes == [change_key(case_id, each) for each in range(whole_version + 1, version + 1)]
    assert sum(message.is_tombstone for message in desk.sent) > 20


def test_after_a_restart_the_topic_keeps_no_change_of_before_that_is_whole_now(desk: CaseDesk) -> None:
    alerted(desk, CROWD)
    kept = {chunk: desk.stage.dump(chunk) for chunk in sorted(desk.stage.dirty())}
    blocks = list(desk.blocks)
    news_of(desk, "acct-007", 2 * HOUR)
    news_of(desk, "acct-008", 3 * HOUR)
    desk.stage, lost, desk.blocks = Cases(), desk.blocks[len(blocks) :], blocks
    desk.stage.load(kept.items())
    for offset, block in enumerate(lost, start=len(blocks)):  # they are read again
        desk.blocks.append(block)
        desk.receive(desk.stage.apply(block, offset))
    assert added_up(desk) == desk.newest
    assert [*desk.compacted(topics.CASES)] == [desk.versions[-1].case_id, change_key(desk.versions[-1].case_id, 4)]


def test_a_case_of_a_version_that_wrote_no_changes_leaves_none_to_remove(desk: CaseDesk) -> None:
    alerted(desk, CROWD)
    for number in range(1, 6):
        news_of(desk, CROWD[number], number * HOUR)
    (case,) = desk.stage.cases.values()
    case.whole_version = 0
    desk.stage.book.versions.forget()
    desk.sent.clear()
    assert Case.decode(news_of(desk, "acct-007", 9 * HOUR).value).is_whole
    assert not any(message.is_tombstone for message in desk.sent)


def added_up(desk: CaseDesk) -> dict[str, Case]:
    """The newest version of every case, from what compaction leaves of the topic."""
    return {case_id: Case.decode(record) for case_id, record in newest_whole(desk.compacted(topics.CASES).values()).items()}


def test_merged_and_split_cases_are_what_their_state_is(desk: CaseDesk) -> None:
    stays, goes = merged(desk)
    desk.learn(labels.make("link", f"{stays}/{goes}", "split", "eva", at=3.0))
    for case_id, case in desk.newest.items():
        assert listed(case) == state_of(desk.stage, case_id)


def anything(chance: random.Random, steps: int) -> Iterator[CaseDesk]:
    """Yield a desk after each step: members join, change, leave, are excluded, own an alert, have two cases; the worker starts again."""
    desk, kept = CaseDesk(), dict[str, bytes]()
    desk.apply(*crowd(CROWD[:80]))
    desk.apply(*crowd(CROWD[200:260], "00000000000000bb", 1.0, 300))
    for step in range(1, steps):
        at, account = step * HOUR / 2, CROWD[chance.randrange(chance.choice([10, 120]))]
        match chance.randrange(7):
            case 0:
                desk.apply(an_account(account, at=at, extraction=chance.choice([2.0, 20.0, 30.0]), router=int(ROUTER, 16)))
            case 1:
                (case_id, *_) = desk.newest
                desk.learn(labels.make("member", f"{case_id}/account:{account}", chance.choice(["exclude", "withdrawn"]), "eva", at=at))
            case 2:
                kept |= {chunk: desk.stage.dump(chunk) for chunk in sorted(desk.stage.dirty())}
                desk.stage = Cases()
                desk.stage.load(kept.items())
            case 3:
                few, nats = chance.sample(CROWD[:10], 4), chance.choice([1.0, 8.0, 12.0, 20.0])
                desk.apply(*a_group("payment", f"{chance.randrange(3):016x}", few, at=at, extraction=nats))
            case _:
                owner = {"handed_over": 1.0} if chance.randrange(4) == 0 else {}
                news_of(desk, account, at, extraction=chance.choice([1.0, 62.0 + at / HOUR]), payment=chance.randrange(3), **owner)
        yield desk


def test_whatever_happens_what_was_written_adds_up_to_the_state_and_has_its_digest() -> None:
    for desk in anything(random.Random(7), 120):
        for case_id, case in desk.newest.items():
            assert case.payload.lists_sha256 == lists_digest(items_of(case.payload.encode()))
            if not desk.stage.cases[case_id].waits:
                assert listed(case) == state_of(desk.stage, case_id)
        assert added_up(desk) == desk.newest
    assert sum(not Case.decode(message.value).is_whole for message in records(desk)) > 10


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_no_record_names_an_account_that_is_erased(seed: int) -> None:
    *_, desk = anything(random.Random(seed), 60)
    before = [*desk.compacted(topics.CASES).values(), *desk.compacted(topics.ALERTS).values()]
    for account in CROWD[:30]:
        desk.receive(desk.stage.apply(erasures.command("r-1", account, 10**9), len(desk.blocks)))
        desk.blocks.append(b"")
        records_of_now = [*desk.compacted(topics.CASES).values(), *desk.compacted(topics.ALERTS).values()]
        assert not any(account.encode() in record for record in records_of_now), account
        assert added_up(desk) == {case_id: desk.newest[case_id] for case_id in desk.stage.cases}
    assert any(account.encode() in record for account in CROWD[:30] for record in before)
