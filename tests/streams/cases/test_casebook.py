"""What is written of a case is in proportion to what changed, and no case is too large for its topic."""

from __future__ import annotations

import msgspec

from streams.cases import labels
from streams.cases.audit_chain import MAX_ENTRIES
from streams.cases.case_file import MAX_LISTED_LINKS, MAX_LISTED_MEMBERS
from streams.cases.stage import Cases
from streams.cases.versions import MAX_CASE_BYTES
from streams.schema import topics
from streams.schema.cases import Case, CaseMember, CasePayload, Link, WeighedEdge
from streams.testing.case_desk import CaseDesk, a_group, an_account, encoded


def published(stage: Cases) -> tuple[Case, int]:
    """The next version of the only case, and its bytes."""
    (case,) = stage.cases.values()
    (message,) = stage.book.publish(case)
    return Case.decode(message.value), len(message.value)


def test_a_record_does_not_grow_with_the_age_of_its_case(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    (state,) = desk.stage.cases.values()
    messages = [message for _ in range(1_001) for message in desk.stage.book.publish(state)]
    sizes = [len(message.value) for message in messages]
    desk.receive(messages)
    case = desk.versions[-1]
    versions = [entry.version for entry in case.payload.history]
    assert (versions[0], versions[-1], case.version) == (1, 1_002, 1_002)
    assert len(versions) <= MAX_ENTRIES
    assert max(sizes) < 32_000


def test_a_case_with_20_000_links_lists_the_newest_and_says_how_many_it_leaves_out(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    (case,) = desk.stage.cases.values()
    edges = [WeighedEdge("payment", ["00000000000000cc"] * 5, 5, 5, 0.001, 9.0, "payment")]
    entity = case.links[0].entity
    case.links += [Link(entity, float(number), "card", "case-1", 0.5, 30.0, 23.0, edges) for number in range(20_000)]
    record, size = published(desk.stage)
    assert size < MAX_CASE_BYTES
    assert len(record.payload.links) == MAX_LISTED_LINKS
    assert record.payload.links_left_out == 20_001 - MAX_LISTED_LINKS
    assert record.payload.links[-1].since == 19_999.0


def test_a_case_whose_members_have_long_names_lists_fewer_and_fits_into_a_record(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    (case,) = desk.stage.cases.values()
    case.members |= {f"{number:05}" * 200: CaseMember(0.0, 1.0) for number in range(MAX_LISTED_MEMBERS)}
    record, size = published(desk.stage)
    listed = len(record.payload.members)
    assert size <= MAX_CASE_BYTES < topics.MAX_RECORD_BYTES
    assert 0 < listed < MAX_LISTED_MEMBERS
    assert record.payload.members_left_out == MAX_LISTED_MEMBERS + 1 - listed
    assert "ada" in record.payload.members  # the strongest stay


def test_a_record_without_the_count_of_links_is_read(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    payload = {name: value for name, value in msgspec.to_builtins(desk.versions[-1].payload).items() if name != "links_left_out"}
    assert msgspec.convert(payload, CasePayload).links_left_out == 0


ROUTER = "00000000000000aa"
CROWD = [f"acct-{number:03d}" for number in range(100)]


def requests(desk: CaseDesk) -> float:
    """What the newest version says."""
    return desk.versions[-1].requests


def joined_one_by_one(desk: CaseDesk, accounts: list[str]) -> list[int]:
    """Return how many links each version has of a case to whose group each account adds an alert of its own."""
    desk.apply(*a_group("router", ROUTER, accounts))
    for number, name in enumerate(accounts):
        desk.apply(an_account(name, at=float(number), extraction=20.0, router=int(ROUTER, 16)))
    return [len(case.payload.links) for case in desk.versions]


def test_a_large_case_writes_a_version_when_it_has_grown_by_a_tenth_or_an_hour_is_over(desk: CaseDesk) -> None:
    versions = joined_one_by_one(desk, CROWD)
    assert len(versions) < 12, "of 101 changes"
    (case,) = desk.stage.cases.values()
    assert len(case.links) == 101, "its state has them all"
    assert 80 < versions[-1] < 101
    desk.apply(an_account("a-stranger", at=4_000.0, extraction=1.0))
    assert len(desk.versions[-1].payload.links) == 101


def test_a_small_case_writes_each_change(desk: CaseDesk) -> None:
    assert joined_one_by_one(desk, CROWD[:9]) == list(range(1, 11))


def test_what_waits_for_a_version_gets_it_with_any_later_evidence_and_once(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, CROWD, requests=10.0))
    desk.apply(*a_group("router", ROUTER, CROWD, at=700.0, requests=15.0))
    assert requests(desk) == 1_000.0
    before = len(desk.versions)
    desk.apply(an_account("a-stranger", at=3_600.0, extraction=1.0))
    assert requests(desk) == 1_500.0
    desk.apply(an_account("a-stranger", at=9_000.0, extraction=1.0))
    assert len(desk.versions) == before + 1, "a case without news is not written again"


def test_what_waits_after_a_crash_is_written_when_it_would_have_been(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, CROWD, requests=10.0))
    desk.apply(*a_group("router", ROUTER, CROWD, at=700.0, requests=15.0))
    restored = CaseDesk()
    restored.stage.load([(chunk, desk.stage.dump(chunk)) for chunk in [*desk.stage.dirty()]])
    restored.receive(restored.stage.apply(encoded([an_account("a-stranger", at=3_600.0, extraction=1.0)]), 2))
    assert requests(restored) == 1_500.0


def test_at_the_end_of_a_log_nothing_waits(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, CROWD, requests=10.0))
    desk.apply(*a_group("router", ROUTER, CROWD, at=700.0, requests=15.0))
    desk.receive(desk.stage.settle())
    assert requests(desk) == 1_500.0
    assert desk.stage.settle() == []


def test_a_person_who_decides_gets_the_whole_case_at_once(desk: CaseDesk) -> None:
    desk.apply(*a_group("router", ROUTER, CROWD, requests=10.0))
    desk.apply(*a_group("router", ROUTER, CROWD, at=700.0, requests=15.0))
    desk.learn(labels.make("case", desk.versions[-1].case_id, "distilling", "ada"))
    assert requests(desk) == 1_500.0
