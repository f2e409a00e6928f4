"""How a version of a case is written: whole at times, else as what changed since the version before (`streams.schema.case_changes`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from models.durations import DAY
from streams.cases.audit_chain import HistoryKey
from streams.schema import topics
from streams.schema.case_changes import BESIDE, LISTS, MAX_CHANGES, ItemDigests, change_key, item_digest
from streams.schema.cases import Case, CasePayload, CaseState, Version
from streams.schema.names import EntityName
from streams.schema.record import Record
from streams.stages.stage import Message

MAX_CASE_BYTES: Final = topics.MAX_RECORD_BYTES // 2
"""Of a version of a case: one that is larger lists fewer members and links, and says how many it leaves out."""
MAX_CHANGE_SHARE: Final = 0.5
"""Of a whole record, what a record of changes may be: most bytes of a small case are in every record anyhow."""
WHOLE_EVERY_SECONDS: Final = 30 * DAY
"""Event time after which a version is written whole: ClickHouse keeps an item for so much longer than a case."""

Named = dict[str, Record]
"""The items of one list, by name."""
Changes = dict[str, tuple[Named, list[str]]]
"""Of each list, the items that changed and the names of those that are gone."""
Listing = Callable[[int], Case]
"""Returns a version that lists so many times fewer members and links than the most."""


@dataclass
class _Written:
    """What the newest version of a case said, so that the next one can say what changed."""

    whole_at: float = -math.inf
    standing: tuple[object, ...] = ()
    whole_bytes: int = 0
    """Of the newest whole record."""
    change_bytes: int = 0
    """Of all records since."""
    divisor: int = 1
    items: dict[str, Named] = field(default_factory=dict)
    hashes: dict[str, dict[str, bytes]] = field(default_factory=dict)
    digests: ItemDigests = field(default_factory=ItemDigests)

    def is_due(self, case: Case, whole_version: int) -> bool:
        """Return whether a version is to be whole, however little changed: what came since the last is as large, or long ago.

        It is, too, when the case opens, ends, or changes its severity: who forwards findings reads nothing else.
        """
        return (
            self.standing != _standing(case)
            or self.change_bytes >= self.whole_bytes
            or case.version - whole_version >= MAX_CHANGES
            or case.updated_at - self.whole_at >= WHOLE_EVERY_SECONDS
        )

    def note(self, case: Case, size_bytes: int, *, is_whole: bool) -> None:
        """Note that a version was written."""
        self.standing = _standing(case)
        if is_whole:
            self.whole_at, self.whole_bytes, self.change_bytes = case.updated_at, size_bytes, 0
        else:
            self.change_bytes += size_bytes

    def compare(self, part: str, now: Named) -> tuple[Named, list[str]]:
        """Compare the items of a list with those of the version before; return those that changed, and the names of those that are gone."""
        before, hashes = self.items.get(part, {}), self.hashes.setdefault(part, {})
        differ = [name for name, item in now.items() if before.get(name) is not item]
        gone = [name for name in before if name not in now]
        changed: Named = {}
        for name in differ:
            value = item_digest(part, name, msgspec.json.encode(now[name]))
            if hashes.get(name) != value:
                changed[name] = now[name]
                self._exchange(part, name, value)
        for name in gone:
            self._exchange(part, name, None)
        self.items[part] = dict(now)
        return changed, gone

    def _exchange(self, part: str, name: str, value: bytes | None) -> None:
        before = self.hashes[part].pop(name, None)
        if value is not None:
            self.hashes[part][name] = value
        if part in BESIDE:
            return
        if before is not None:
            self.digests.remove(before)
        if value is not None:
            self.digests.add(value)


class Versions:
    """Writes the versions of all cases. What it remembers is no state: without it, the next version of a case is whole."""

    def __init__(self, history_key: HistoryKey) -> None:
        """Start without any. history_key: chains and signs the versions."""
        self._history_key = history_key
        self._written: dict[str, _Written] = {}

    def forget(self, case_id: str | None = None) -> None:
        """Write the next version of a case whole; of every case where none is named."""
        if case_id is None:
            self._written.clear()
        else:
            self._written.pop(case_id, None)

    def write(self, case: CaseState, listing: Listing, divisors: Sequence[int]) -> list[Message]:
        """Return the record of a case's next version, which the case's history has from then on, and after a whole one tombstones.

        Args:
            case: The state of the case, with the number of this version.
            listing: Makes the version.
            divisors: By how much fewer members and links are listed, one after another, until a record is small enough.
        """
        is_first = case.case_id not in self._written
        written = self._written.setdefault(case.case_id, _Written())
        is_whole, data, history = False, b"", case.history
        for divisor in [divisor for divisor in divisors if divisor >= written.divisor]:
            record, changes, history = self._chained(case, listing(divisor), written)
            data = _only(record, changes, case.whole_version).encode()
            # a list that was cut shorter on the way says nothing of what changed
            is_whole = (
                divisor > written.divisor
                or written.is_due(record, case.whole_version)
                or len(data) > MAX_CHANGE_SHARE * written.whole_bytes
            )
            written.divisor = divisor
            if is_whole:
                data = msgspec.structs.replace(record, whole_version=case.version).encode()
            if len(data) <= MAX_CASE_BYTES:
                break
        written.note(record, len(data), is_whole=is_whole)
        if case.state != "open":
            self.forget(case.case_id)  # nothing is written of it until it opens again
        case.history = history
        case.named = sorted({*(() if is_whole else case.named), *_only_named(case, record)})
        if not is_whole:
            return [Message(topics.CASES, 0, data, change_key(case.case_id, case.version).encode())]
        # before a restart this version, too, may have been one of changes
        tombstones = _tombstones(case, case.version + 1 if is_first else case.version)
        case.whole_version = case.version
        return [Message(topics.CASES, 0, data, case.case_id.encode()), *tombstones]

    def remove(self, case: CaseState) -> list[Message]:
        """Return tombstones for all that the topic has of a case."""
        self.forget(case.case_id)
        return [Message.tombstone(topics.CASES, case.case_id), *_tombstones(case, case.version + 1)]

    def _chained(self, case: CaseState, record: Case, written: _Written) -> tuple[Case, Changes, list[Version]]:
        """Return a version with its history, what changed in its lists, and the history."""
        changes = {part: written.compare(part, _named(part, getattr(record.payload, part))) for part in LISTS if part != "history"}
        payload = msgspec.structs.replace(record.payload, lists_sha256=written.digests.total())
        bare = msgspec.structs.replace(record, payload=_without_lists(payload))
        history = self._history_key.extended(case.history, bare)
        changes["history"] = written.compare("history", _named("history", history))
        payload = msgspec.structs.replace(payload, history=history, signature=self._history_key.signature(case.case_id, history))
        return msgspec.structs.replace(record, payload=payload), changes, history


def _only(record: Case, changes: Changes, whole_version: int) -> Case:
    """Return a version that lists what changed alone."""
    lists = {part: changed if not LISTS[part] else list(changed.values()) for part, (changed, _) in changes.items()}
    gone = {part: names for part, (_, names) in changes.items() if names}
    payload = msgspec.structs.replace(record.payload, **lists, gone=gone)
    return msgspec.structs.replace(record, payload=payload, whole_version=whole_version)


def _without_lists(payload: CasePayload) -> CasePayload:
    return msgspec.structs.replace(payload, members={}, owners={}, links=[], entities=[], merges=[], history=[])


def _only_named(case: CaseState, record: Case) -> list[str]:
    """Return the account whose score a version has, where the case does not have that account."""
    scored = EntityName.parse(record.payload.score.of)
    return [scored.id] if scored.kind == "account" and scored.id not in case.members and scored.id not in case.owners else []


def _tombstones(case: CaseState, before: int) -> list[Message]:
    """Return tombstones for the records of changes since the newest whole version of a case, and before a version.

    A case without one has none: it opens now, or is of 0.2.0, which wrote whole versions alone.
    """
    first = case.whole_version + 1 if case.whole_version else before
    return [Message.tombstone(topics.CASES, change_key(case.case_id, version)) for version in range(first, before)]


def _named(part: str, items: Mapping[str, Record] | Iterable[Record]) -> Named:
    """Return the items of a list by name."""
    return dict(items) if isinstance(items, Mapping) else {str(getattr(item, LISTS[part])): item for item in items}


def _standing(case: Case) -> tuple[object, ...]:
    payload = case.payload
    return case.state, case.muted, payload.tier, payload.score.severity, payload.merged_into
