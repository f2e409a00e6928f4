"""The cases stage: entities over the threshold become alerts, alerts about the same accounts one case, and a person decides.

evidence block -> states -> alerts (open, update, resolve) -> cases
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from models.durations import DAY
from streams.cases import erasing, evidence_state, expiry
from streams.cases.alerting import Alerting
from streams.cases.audit_chain import HistoryKey
from streams.cases.casebook import Casebook
from streams.cases.decisions import Decisions
from streams.cases.policy import Policy
from streams.cases.snapshot import Snapshots
from streams.core.errors import MalformedEventError
from streams.schema import blocks, layouts, topics
from streams.schema.cases import AlertState, CaseState
from streams.schema.evidence import Entity
from streams.schema.labels import Label, LearnedLabel
from streams.stages import erasures
from streams.stages.erased_accounts import ErasedAccounts
from streams.stages.stage import Message

MAX_ROWS_PER_CHUNK = 8000


class _Tables(msgspec.Struct):
    """The stage's state in a snapshot."""

    entities: dict[str, Entity]
    cases: dict[str, CaseState]
    alerts: dict[str, AlertState]
    labels: dict[str, LearnedLabel]
    erased: dict[str, float] = {}


class Cases:
    """All open cases. Its input has one partition: entities above the evidence floor are few."""

    def __init__(self, policy: Policy | None = None, history_key: HistoryKey | None = None, seal_key: bytes = b"") -> None:
        """Start empty.

        Args:
            policy: Thresholds, terms and permitted parties; None: the file beside the code, no permitted parties.
            history_key: Signs the histories of cases; None: they are chained, not signed.
            seal_key: Hashes the accounts that were erased.
        """
        self.book = Casebook(policy or Policy.load(), history_key or HistoryKey())
        self._alerting = Alerting(self.book)
        self._decisions = Decisions(self.book)
        self._next_expiry = -math.inf
        self._offset = self._contained = -1
        self._snapshots = Snapshots("cases")
        self.erased = ErasedAccounts(seal_key)

    @property
    def cases(self) -> Mapping[str, CaseState]:
        """Return every case by id, merged and resolved ones too."""
        return self.book.cases

    # -- the stage contract

    def apply(self, value: bytes | blocks.Block, offset: int) -> list[Message]:
        """Apply a block of `evidence`; return new alerts and cases. Raises BlockLayoutError before anything changes."""
        return self.apply_blocks([(self.read(value), offset)])

    def read(self, value: bytes | blocks.Block) -> blocks.Block:
        """Decode a block of `evidence`, or erasures. Raises BlockLayoutError if it is neither."""
        return blocks.decode(value, layouts.EVIDENCE, layouts.ERASURES)

    def apply_blocks(self, gathered: Sequence[tuple[blocks.Block, int]]) -> list[Message]:
        """Take the evidence of blocks, then judge each of their entities once, and return new alerts and cases."""
        messages: list[Message] = []
        touched: dict[str, None] = {}
        first = -1
        for block, offset in gathered:
            if offset <= self._contained:
                continue
            if block.layout is layouts.ERASURES:
                messages += self._judge_all(touched, first)
                touched, first, self._offset = {}, -1, offset
                messages += self._erase(block)
                continue
            first, self._offset = (offset if first < 0 else first), offset
            changed = evidence_state.merge_rows(self.book.entities, self.erased.without(block))
            self.book.membership.note_changes(changed)
            touched |= dict.fromkeys(changed)
            self.book.counts["evidence_rows"] += len(block)
        return messages + self._judge_all(touched, first)

    def _judge_all(self, touched: Mapping[str, None], first: int) -> list[Message]:
        """Judge entities with new evidence, and publish what that changes. first: offset of the first of their blocks, -1 for none."""
        if first < 0:
            return []
        self.book.now = max(self.book.now, *(self.book.entities[key].time for key in touched), -math.inf)
        messages = [message for key in touched for message in self._alerting.judge(key)] + self.book.resolve_quiet()
        if self.book.now >= self._next_expiry:
            self._next_expiry = self.book.now + DAY
            expiry.expire(self.book.now, self.book.entities, self.book.alerts, self.book.labels, self.book.caseload)
            self.erased.expire(self.book.now, self._offset)
            self.book.membership.recount()  # a group that was forgotten may come back with other members
        messages += self.book.publish_changed()
        self._touch(first)
        return messages

    def settle(self) -> list[Message]:
        """Return versions of the cases whose smaller changes wait for one: a log has ended."""
        return self.book.publish_waiting()

    def apply_feedback(self, value: bytes, offset: int) -> list[Message]:  # noqa: ARG002 (labels are states: their offsets count nothing)
        """Apply an analyst's label. Raises MalformedEventError, before anything changes, when it is not a label."""
        label = Label.decode(value)
        known = self.book.labels.get(label.label_id)
        if known is not None and known.time >= label.time:
            return []
        messages = self._decisions.apply(label)
        self._touch(self._offset + 1)  # belongs to no block yet: the chunk is written before the next block is acknowledged
        return messages

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks to write, with the offset that first changed each."""
        return self._snapshots.dirty()

    def dump(self, chunk: str) -> bytes:
        """Return one chunk as bytes; it is clean afterwards."""
        book = self.book
        tables: dict[str, Mapping[str, object]] = {
            "entities": book.entities, "cases": book.cases, "alerts": book.alerts, "labels": book.labels, "erased": self.erased.times(),
        }  # fmt: skip
        head = {"now": book.now if math.isfinite(book.now) else None}
        return self._snapshots.frozen(chunk, self._offset, tables.items(), head)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Restore the newest complete snapshot. Unreadable chunks are counted."""
        snapshot = self._snapshots.load(chunks)
        if snapshot is None:
            return
        try:
            tables = msgspec.convert(snapshot.tables, _Tables)
        except (msgspec.ValidationError, MalformedEventError):
            self._snapshots.cold += 1
            return
        self._contained = self._offset = snapshot.offset
        self.book.now = -math.inf if snapshot.head["now"] is None else snapshot.head["now"]
        self.book.entities, self.book.alerts, self.book.labels = tables.entities, tables.alerts, tables.labels
        self.erased.restore(tables.erased)
        for case in tables.cases.values():
            case.history = self.book.history_key.rechained(case.case_id, case.history)
        self.book.caseload.load(tables.cases)
        self.book.versions.forget()
        self.book.membership.recount()
        self.book.learn()

    def counters(self) -> Mapping[str, float]:
        """Return the counters since the stage was created."""
        opened = sum(case.state == "open" for case in self.book.cases.values())
        return {**self.book.counts, "open_cases": opened, "cold_chunks": self._snapshots.cold}

    def _touch(self, offset: int) -> None:
        if self._snapshots.is_clean:  # the size of a snapshot is decided by the first change
            self._snapshots.touch(offset, self._parts())

    def _parts(self) -> int:
        rows = sum(len(entity.members) for entity in self.book.entities.values())
        rows += sum(len(case.members) for case in self.book.cases.values())
        return 1 + rows // MAX_ROWS_PER_CHUNK

    # -- people's rights

    def _erase(self, block: blocks.Block) -> list[Message]:
        """Remove accounts from everything but the cases under legal hold."""
        messages = []
        for erasure in erasures.read(block):
            book = self.book
            book.membership.recount()
            erased = erasing.erase(erasure.account, erasure.time, book.entities, book.alerts, book.labels, book.caseload)
            self.erased.add(erasure.account, erasure.time, self._offset)
            messages += [Message.tombstone(topics.ALERTS, alert_id) for alert_id in erased.alerts]
            messages += [message for alert_id in erased.renamed for message in book.renew_alert(alert_id)]
            messages += [message for case in erased.removed for message in book.versions.remove(case)]
            for case in erased.changed:
                book.versions.forget(case.case_id)
                messages += book.publish(case)
            messages.append(erasures.report(erasure, topics.CASES_AGENT, erasure.source, erased.counts, held=erased.held))
        self.book.learn()
        self.book.membership.recount()
        self._snapshots.touch_both_sides(self._offset, self._parts())
        return messages
