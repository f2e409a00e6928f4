"""A case that is written as changes is, added up, the case itself; what cannot be added up is refused."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from streams.core.errors import MalformedEventError
from streams.schema.case_changes import (
    CaseItem,
    ItemDigests,
    WholeCases,
    item_digest,
    items_of,
    lists_digest,
    newest_whole,
    put_together,
    taken_apart,
    whole,
)
from streams.schema.cases import Case, CaseMember, CasePayload, Link, Version


def a_version(version: int, whole_version: int, *, gone: dict[str, list[str]] | None = None, digest: str = "ab", **joined: float) -> bytes:
    payload = CasePayload(
        members={name: CaseMember(at, None) for name, at in joined.items()},
        links=[Link(f"extraction:account:{name}", at, "", None) for name, at in joined.items()],
        history=[Version(version, float(version), "open", 1, 1.0)],
        gone=gone or {},
        lists_sha256=digest,
    )
    case = Case("case-1", version, 0.0, 1.0, "open", "extraction", "t", 1, 1.0, 1.0, 9.0, 0.0, muted=False, payload=payload)
    return msgspec.structs.replace(case, whole_version=whole_version).encode()


def test_what_changed_since_a_whole_version_makes_the_case_whole() -> None:
    gone = {"members": ["bob"], "links": ["extraction:account:bob"]}
    versions = [
        Case.decode(each) for each in whole([a_version(1, 1, ada=1.0, bob=2.0), a_version(2, 1, eve=0.5), a_version(3, 1, gone=gone)])
    ]
    assert [list(case.payload.members) for case in versions] == [["ada", "bob"], ["ada", "bob", "eve"], ["ada", "eve"]]
    assert [link.entity for link in versions[-1].payload.links] == ["extraction:account:eve", "extraction:account:ada"]
    assert [entry.version for entry in versions[-1].payload.history] == [1, 2, 3]
    assert (versions[-1].is_whole, versions[-1].payload.gone) == (True, {})


def test_a_whole_version_replaces_what_was_before() -> None:
    (case,) = map(Case.decode, newest_whole([a_version(1, 1, ada=1.0), a_version(2, 1, bob=1.0), a_version(3, 3, eve=1.0)]).values())
    assert list(case.payload.members) == ["eve"]


def test_a_record_of_before_lists_everything() -> None:
    before = a_version(1, 0, ada=1.0, digest="")
    assert newest_whole([before]) == {"case-1": before}
    head, items = taken_apart(before)
    assert orjson.loads(head) == {**orjson.loads(before), "whole_version": 1}, "its digest covers its lists as they are written"
    assert {(item.part, item.name) for item in items} == {("members", "ada"), ("links", "extraction:account:ada"), ("history", "1")}


@pytest.mark.parametrize("records", [[a_version(2, 1, ada=1.0)], [a_version(1, 1, ada=1.0), a_version(4, 3, ada=1.0)]])
def test_changes_of_a_version_that_did_not_come_are_refused(records: list[bytes]) -> None:
    with pytest.raises(MalformedEventError, match="did not come before"):
        newest_whole(records)


def test_a_stored_version_is_a_row_and_a_row_for_each_item_that_changed() -> None:
    head, items = taken_apart(a_version(2, 1, gone={"members": ["bob"]}, ada=1.0))
    assert not orjson.loads(head)["payload"].keys() & {"members", "links", "history", "gone"}
    assert CaseItem("case-1", "members", "bob", 2, 1.0, "") in items
    named = {(item.part, item.name): item.value.encode() for item in items if item.value}
    lists = {part: {name: named[part, name] for of, name in named if of == part} for part in ("members", "links", "history")}
    stored = put_together(msgspec.json.encode(orjson.loads(head)["payload"]), lists)
    assert items_of(stored) == {**lists, "owners": {}, "entities": {}, "merges": {}}


def test_the_digest_of_items_does_not_depend_on_their_order_or_on_how_they_came() -> None:
    some, others = ItemDigests(), ItemDigests()
    digests = [item_digest("members", name, b'{"requests": 1}') for name in ("ada", "bob", "eve")]
    for digest in digests:
        some.add(digest)
    for digest in (digests[2], digests[1], digests[0]):
        others.add(digest)
    others.remove(digests[1])
    assert some.total() != others.total()
    others.add(digests[1])
    assert some.total() == others.total()


@pytest.mark.parametrize(
    "other",
    [
        {"members": {"ada": b'{"requests": 2}'}},
        {"members": {"bob": b'{"requests": 1}'}},
        {"owners": {"ada": b'{"requests": 1}'}},
        {"members": {"ada": b'{"requests": 1}', "bob": b"{}"}},
        {},
    ],
)
def test_the_digest_of_lists_covers_name_list_and_item(other: dict[str, dict[str, bytes]]) -> None:
    assert lists_digest({"members": {"ada": b'{"requests":1}'}}) != lists_digest(other)


def test_the_digest_of_lists_leaves_out_the_history_which_has_a_signature_of_its_own() -> None:
    assert lists_digest({"history": {"1": b"{}"}}) == lists_digest({})


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b'{"case_id": "c"}',
        b'{"case_id":"c","version":-1,"updated_at":0,"payload":{}}',
        b'{"case_id":"c","version":1,"updated_at":0,"payload":[]}',
        b'{"case_id":"c","version":1,"updated_at":0,"payload":{"members":[]}}',
        b'{"case_id":"c","version":1,"updated_at":0,"payload":{"links":[{}]}}',
        b'{"case_id":"c","version":1,"updated_at":0,"payload":{"links":[3]}}',
        b'{"case_id":"c","version":1,"updated_at":0,"payload":{"gone":{"members":3}}}',
    ],
)
def test_what_is_no_version_of_a_case_is_refused(record: bytes) -> None:
    with pytest.raises(MalformedEventError):
        taken_apart(record)
    if b"gone" not in record:  # a whole record has nothing that is gone
        with pytest.raises(MalformedEventError):
            WholeCases().add(record)
