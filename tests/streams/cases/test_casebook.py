"""No case is too large for its topic, however long it lives and however much it links."""

from __future__ import annotations

import msgspec

from streams.cases.audit_chain import MAX_ENTRIES
from streams.cases.case_file import MAX_LISTED_LINKS, MAX_LISTED_MEMBERS
from streams.cases.casebook import MAX_CASE_BYTES
from streams.cases.stage import Cases
from streams.schema import topics
from streams.schema.cases import Case, CaseMember, CasePayload, Link, WeighedEdge
from streams.testing.case_desk import CaseDesk, an_account


def published(stage: Cases) -> tuple[Case, int]:
    """The next version of the only case, and its bytes."""
    (case,) = stage.cases.values()
    (message,) = stage.book.publish(case)
    return Case.decode(message.value), len(message.value)


def test_a_record_does_not_grow_with_the_age_of_its_case(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=20.0))
    sizes = [published(desk.stage)[1] for _ in range(1_000)]
    case, _ = published(desk.stage)
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
