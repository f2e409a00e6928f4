"""A version of a case as what changed since the one before, and the case whole again: every reader of cases comes here.

A case grows to thousands of members, of which a version changes few. So its record lists, of members, owners, links, entities, merges and
history, only what is new or different since the version before, and names what is gone; all else is in each record. A record whose
`whole_version` is its own version lists everything, and so do those of before 0.3, which have none. Adding what came since to the newest
whole record gives the case as it stands: `WholeCases` does so for records in order, ClickHouse by the view `case_lists`.

A record that lists changes has a key of its own (`change_key`), so that compaction of the topic keeps it. Once another whole
record has come, tombstones remove it: what the topic keeps of a case is its newest whole record, and what changed since.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Annotated, Final

import msgspec
import orjson

from streams.core.errors import MalformedEventError
from streams.core.typed_json import read_json
from streams.schema.record import Record, Seconds, UInt64

LISTS: Final[Mapping[str, str]] = {
    "members": "",
    "owners": "",
    "links": "entity",
    "entities": "entity",
    "merges": "case_id",
    "history": "version",
}
"""The lists of a payload, each with the field that names its items; empty: it is a map by name."""
BESIDE: Final = frozenset({"history", "signature"})
"""What no digest covers: the history has one of each version, and the signature is of the history."""
MAX_CHANGES: Final = 500
"""Versions until another whole record."""
_MOMENTS: Final = {"links": "since", "merges": "at"}
_DIGEST_BUCKETS: Final = 256

Items = dict[str, dict[str, bytes]]
"""The items of each list, as JSON, by name."""
_Payload = dict[str, msgspec.Raw]


class CaseItem(Record, frozen=True):
    """One item of a list of a case, as the table `case_items` has it."""

    case_id: str
    part: str
    """Which list: one of LISTS."""
    name: str
    """An account, a linked entity, a merged case or a version."""
    version: UInt64
    updated_at: Seconds
    value: str
    """JSON; empty: the case has this item no longer."""


class _Head(msgspec.Struct):
    """What of a record decides how it is read."""

    case_id: str
    version: Annotated[int, msgspec.Meta(ge=0)]
    updated_at: float
    payload: msgspec.Raw
    whole_version: Annotated[int, msgspec.Meta(ge=0)] = 0

    @property
    def is_whole(self) -> bool:
        return self.whole_version in (0, self.version)


class ItemDigests:
    """A digest over a set of items that costs as much as what changed in it: one of each bucket, and one of all buckets."""

    def __init__(self) -> None:
        """Start with no items."""
        self._buckets: list[list[bytes]] = [[] for _ in range(_DIGEST_BUCKETS)]
        self._of_bucket = [sha256(b"").digest()] * _DIGEST_BUCKETS
        self._stale: set[int] = set()

    def add(self, digest: bytes) -> None:
        """Add an item by its digest."""
        insort(self._buckets[digest[0]], digest)
        self._stale.add(digest[0])

    def remove(self, digest: bytes) -> None:
        """Remove an item that was added."""
        bucket = self._buckets[digest[0]]
        del bucket[bisect_left(bucket, digest)]
        self._stale.add(digest[0])

    def total(self) -> str:
        """Return the digest of all items, whatever their order."""
        for place in self._stale:
            self._of_bucket[place] = sha256(b"".join(self._buckets[place])).digest()
        self._stale.clear()
        return sha256(b"".join(self._of_bucket)).hexdigest()


def item_digest(part: str, name: str, item: bytes) -> bytes:
    """Return the digest of one item of a list: it does not depend on the order of the item's fields.

    Args:
        part: Which list.
        name: Of the item.
        item: The item as JSON.
    """
    return sha256(orjson.dumps([part, name, orjson.loads(item)], option=orjson.OPT_SORT_KEYS)).digest()


def lists_digest(items: Items) -> str:
    """Return the digest of all items of a case but its history, as `lists_sha256` has it."""
    digests = ItemDigests()
    for part, named in items.items():
        for name, item in named.items() if part not in BESIDE else ():
            digests.add(item_digest(part, name, item))
    return digests.total()


def items_of(payload: bytes) -> Items:
    """Return the items of a payload's lists (JSON). Raises MalformedEventError."""
    try:
        return _items(read_json(payload, _Payload))
    except msgspec.MsgspecError:
        raise MalformedEventError("wrong_type", "the payload of the case is no JSON object") from None


def change_key(case_id: str, version: int) -> str:
    """Return the key of a record that lists changes, which no other record of the topic has. version: the record's."""
    return f"{case_id}/{version}"


def taken_apart(record: bytes) -> tuple[bytes, list[CaseItem]]:
    """Return a record of the topic `cases` without its lists, and what they have: rows of the tables `cases` and `case_items`.

    One of before 0.3 keeps its lists, because its digest covers them as they are written.

    Raises MalformedEventError when it is no version of a case.
    """
    head, payload = _read(record)
    items, gone = _items(payload), _gone(payload)
    rows = [
        CaseItem(head.case_id, part, name, head.version, head.updated_at, item.decode())
        for part, named in [*items.items(), *((part, dict.fromkeys(names, b"")) for part, names in gone.items())]
        for name, item in named.items()
    ]
    fields = read_json(record, dict[str, msgspec.Raw])
    whole_version = head.whole_version or head.version
    left = _without_lists(payload) if _is_digested(payload) else payload
    return msgspec.json.encode({**fields, "payload": left, "whole_version": whole_version}), rows


def put_together(payload: bytes, items: Items) -> bytes:
    """Return a stored payload with its lists (JSON). One of before 0.3 has its own, and stays as it is."""
    fields = read_json(payload, _Payload)
    if not _is_digested(fields):
        return payload
    return msgspec.json.encode({**_without_lists(fields), **_lists(items)})


class WholeCases:
    """Adds records of the topic `cases` up, in order: the same cases as if each record listed everything."""

    def __init__(self) -> None:
        """Start without cases."""
        self._newest: dict[str, tuple[int, bytes, Items]] = {}

    def add(self, record: bytes) -> str:
        """Add a record, and return which case it is of.

        Raises:
            MalformedEventError: It is no version of a case, or lists changes of a version that has not been added.
        """
        head, payload = _read(record)
        if head.is_whole:
            self._newest[head.case_id] = head.version, record, _items(payload)
            return head.case_id
        since, _, items = self._newest.get(head.case_id, (0, b"", {}))
        if since != head.whole_version:
            raise MalformedEventError("absurd", "the case lists changes of a version that did not come before")
        for part, names in _gone(payload).items():
            for name in names:
                items.get(part, {}).pop(name, None)
        for part, named in _items(payload).items():
            items.setdefault(part, {}).update(named)
        self._newest[head.case_id] = since, record, items
        return head.case_id

    def whole(self, case_id: str) -> bytes:
        """Return the newest record of a case with all that its lists have. Raises KeyError without one."""
        _, record, items = self._newest[case_id]
        head, payload = _read(record)
        if head.is_whole:
            return record
        fields = read_json(record, dict[str, msgspec.Raw])
        added_up = {**_without_lists(payload), **_lists(items)}
        return msgspec.json.encode({**fields, "payload": added_up, "whole_version": head.version})

    @property
    def case_ids(self) -> list[str]:
        """The ids of all cases, in the order in which they first came."""
        return list(self._newest)


def whole(records: Iterable[bytes]) -> Iterator[bytes]:
    """Yield records of the topic `cases` whole, as many as there are. Raises MalformedEventError."""
    cases = WholeCases()
    return (cases.whole(cases.add(record)) for record in records)


def newest_whole(records: Iterable[bytes]) -> dict[str, bytes]:
    """Return the newest record of each case, whole, by id. records: of the topic `cases`, in order. Raises MalformedEventError."""
    cases = WholeCases()
    for record in records:
        cases.add(record)
    return {case_id: cases.whole(case_id) for case_id in cases.case_ids}


def _read(record: bytes) -> tuple[_Head, _Payload]:
    try:
        head = read_json(record, _Head)
        return head, read_json(head.payload, _Payload)
    except msgspec.MsgspecError:
        raise MalformedEventError("wrong_type", "the record is no version of a case") from None


def _items(payload: _Payload) -> Items:
    try:
        return {part: _named(part, payload[part]) for part in LISTS if part in payload}
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError):
        raise MalformedEventError("wrong_type", "a list of the case has the wrong type") from None


def _named(part: str, value: msgspec.Raw) -> dict[str, bytes]:
    if not LISTS[part]:
        return {name: bytes(item) for name, item in read_json(value, _Payload).items()}
    return {str(orjson.loads(item)[LISTS[part]]): item for item in map(bytes, read_json(value, list[msgspec.Raw]))}


def _gone(payload: _Payload) -> dict[str, list[str]]:
    try:
        return read_json(payload.get("gone", b"{}"), dict[str, list[str]])
    except msgspec.MsgspecError:
        raise MalformedEventError("wrong_type", "what is gone of the case has the wrong type") from None


def _is_digested(payload: _Payload) -> bool:
    return bytes(payload.get("lists_sha256", b'""')) != b'""'


def _without_lists(payload: _Payload) -> _Payload:
    return {name: value for name, value in payload.items() if name not in LISTS and name != "gone"}


def _lists(items: Items) -> dict[str, object]:
    """Return lists as a payload has them: maps by name, links and merges by time, the history by version."""
    lists: dict[str, object] = {}
    for part, field in LISTS.items():
        named = items.get(part, {})
        if not field:
            lists[part] = {name: msgspec.Raw(named[name]) for name in sorted(named)}
        else:
            lists[part] = [msgspec.Raw(named[name]) for name in sorted(named, key=lambda name: _rank(part, name, named[name]))]
    return lists


def _rank(part: str, name: str, item: bytes) -> tuple[float, str]:
    """Return what orders the items of a list: the history by version, links and merges by time, all of one time by name."""
    if part == "history":
        return (float(name) if name.isdecimal() else 0.0), name
    moment = orjson.loads(item).get(_MOMENTS.get(part, ""))
    return (float(moment) if isinstance(moment, int | float) else 0.0), name
