"""The cases stage: entities over the threshold become alerts, alerts about the same accounts one case, and a person decides.

evidence block -> states -> alerts (open, update, resolve) -> cases
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final, Literal, get_args

import msgspec

from models.durations import DAY
from streams.cases import case_file, erasing, evidence_state, expiry, hypothesis, triage
from streams.cases.audit_chain import HistoryKey
from streams.cases.caseload import Caseload
from streams.cases.policy import Policy
from streams.cases.snapshot import Snapshots
from streams.cases.suspects import MIN_ALERTED_MEMBERS, Suspects
from streams.core.errors import MalformedEventError
from streams.schema import blocks, layouts, topics
from streams.schema.cases import AlertState, AlertStep, CaseMember, CaseState, Decision, Example, Tier
from streams.schema.evidence import Entity, Known
from streams.schema.labels import EXCLUDE, HOLD, LINK, MEMBER, SPLIT, VERDICTS, WITHDRAWN, Label, LearnedLabel
from streams.schema.names import BEHAVIOURS, AlertName, alert_name, entity_key
from streams.stages import erasures
from streams.stages.stage import Message

MIN_UPDATE_PAUSE_SECONDS = 600.0
"""Event time between two updates of an alert, unless it grows fast."""
WITHDRAWAL_SHARE = 0.7
"""Share of the threshold under which evidence must fall for its alert to be withdrawn: one that wavers about it is not."""
UPDATE_GROWTH_RATIO = 1.1
"""Growth of accounts or requests from which an alert is updated after the pause."""
IMMEDIATE_UPDATE_GROWTH_RATIO = 1.3
"""Growth from which it is updated at once."""
REOPEN_DISMISSED_NATS = 3.0
"""Additional evidence from which a dismissed alert opens again (or at least twice the members and three)."""
QUIET_SECONDS = 3 * DAY
"""A case without news for this long, in event time, is resolved."""
MAX_ROWS_PER_CHUNK = 8000
MAX_CASE_BYTES = topics.MAX_RECORD_BYTES // 2
"""Of a version of a case: one that is larger lists fewer members and links, and says how many it leaves out."""
_SHRINKS: Final = (1, 4, 16, 64, 256, 1024, case_file.MAX_LISTED_MEMBERS)
_CHANNELS = ("account", "router")
"""Entity kinds that can be a router or reseller: a shared card or template is not a channel."""


class _Tables(msgspec.Struct):
    """The stage's state in a snapshot."""

    entities: dict[str, Entity]
    cases: dict[str, CaseState]
    alerts: dict[str, AlertState]
    labels: dict[str, LearnedLabel]


class Cases:
    """All open cases. Its input has one partition: entities above the evidence floor are few."""

    def __init__(self, policy: Policy | None = None, history_key: HistoryKey | None = None) -> None:
        """Start empty.

        Args:
            policy: Thresholds, terms and permitted parties; None: the file beside the code, no permitted parties.
            history_key: Signs the histories of cases; None: they are chained, not signed.
        """
        self.policy = policy or Policy.load()
        self._history_key = history_key or HistoryKey()
        self.entities: dict[str, Entity] = {}
        self.alerts: dict[str, AlertState] = {}
        self.labels: dict[str, LearnedLabel] = {}
        self._load = Caseload()
        self._suspects: dict[Tier, Suspects] = {tier: Suspects(self.policy, tier) for tier in get_args(Tier)}
        self._counted: dict[str, object] = {}
        self._moved: dict[str, dict[str, None]] = {}
        self._triage = triage.trained(())
        self._now = self._next_expiry = -math.inf
        self._offset = self._contained = -1
        self._snapshots = Snapshots("cases")
        self._changed: dict[str, None] = {}
        self._counts = {"evidence_rows": 0.0, "alerts": 0.0, "cases": 0.0}

    @property
    def cases(self) -> Mapping[str, CaseState]:
        """Return every case by id, merged and resolved ones too."""
        return self._load.cases

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
            changed = evidence_state.take(self.entities, block)
            self._note_changes(changed)
            touched |= dict.fromkeys(changed)
            self._counts["evidence_rows"] += len(block)
        return messages + self._judge_all(touched, first)

    def _judge_all(self, touched: Mapping[str, None], first: int) -> list[Message]:
        """Judge entities with new evidence, and publish what that changes. first: offset of the first of their blocks, -1 for none."""
        if first < 0:
            return []
        self._now = max(self._now, *(self.entities[key].time for key in touched), -math.inf)
        messages = [message for key in touched for message in self._judge(key)] + self._resolve_quiet()
        if self._now >= self._next_expiry:
            self._next_expiry = self._now + DAY
            expiry.expire(self._now, self.entities, self.alerts, self.labels, self._load)
            self._look_again()  # a group that was forgotten may come back with other members
        messages += [message for case_id in self._changed for message in self._publish(self.cases[case_id])]
        self._changed.clear()
        self._touch(first)
        return messages

    def apply_feedback(self, value: bytes, offset: int) -> list[Message]:  # noqa: ARG002 (labels are states: their offsets count nothing)
        """Apply an analyst's label. Raises MalformedEventError, before anything changes, when it is not a label."""
        label = Label.decode(value)
        known = self.labels.get(label.label_id)
        if known is not None and known.time >= label.time:
            return []
        decide = {LINK: self._split_or_join, MEMBER: self._exclude, HOLD: self._hold}.get(label.entity_kind)
        messages = decide(label) if decide else self._decide(label, known)
        self._touch(self._offset + 1)  # belongs to no block yet: the chunk is written before the next block is acknowledged
        return messages

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks to write, with the offset that first changed each."""
        return self._snapshots.dirty()

    def dump(self, chunk: str) -> bytes:
        """Return one chunk as bytes; it is clean afterwards."""
        tables = (("entities", self.entities), ("cases", self.cases), ("alerts", self.alerts), ("labels", self.labels))
        head = {"now": self._now if math.isfinite(self._now) else None}
        return self._snapshots.take(chunk, self._offset, tables, head)

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
        self._now = -math.inf if snapshot.head["now"] is None else snapshot.head["now"]
        self.entities, self.alerts, self.labels = tables.entities, tables.alerts, tables.labels
        for case in tables.cases.values():
            case.history = self._history_key.rechained(case.case_id, case.history)
        self._load.load(tables.cases)
        self._look_again()
        self._triage = triage.trained(self.labels.values())

    def counters(self) -> Mapping[str, float]:
        """Return the counters since the stage was created."""
        opened = sum(case.state == "open" for case in self.cases.values())
        return {**self._counts, "open_cases": opened, "cold_chunks": self._snapshots.cold}

    def _note_changes(self, touched: Mapping[str, Iterable[str]]) -> None:
        """Note which accounts' rows are new, by entity: neither suspects nor members of cases are counted from the beginning."""
        for key, accounts in touched.items():
            for suspects in self._suspects.values():
                suspects.changed(key, accounts)
            for behaviour in BEHAVIOURS:
                if case := self._load.of(alert_name(behaviour, key)):
                    self._moved.setdefault(case.case_id, {}).update(dict.fromkeys(accounts))

    def _look_again(self) -> None:
        """Count suspects and members of cases from the beginning when they are next asked for."""
        for suspects in self._suspects.values():
            suspects.forget()
        self._counted.clear()
        self._moved.clear()

    def _touch(self, offset: int) -> None:
        if self._snapshots.is_clean:  # the size of a snapshot is decided by the first change
            self._snapshots.touch(offset, self._parts())

    def _parts(self) -> int:
        rows = sum(len(entity.members) for entity in self.entities.values()) + sum(len(case.members) for case in self.cases.values())
        return 1 + rows // MAX_ROWS_PER_CHUNK

    # -- people's rights

    def _erase(self, block: blocks.Block) -> list[Message]:
        """Remove accounts from everything but the cases under legal hold."""
        messages = []
        for erasure in erasures.read(block):
            self._look_again()
            erased = erasing.erase(erasure.account, self.entities, self.alerts, self.labels, self._load)
            messages += [message for case in erased.changed for message in self._publish(case)]
            lists = {"held": erased.held, "alerts": erased.alerts, "cases": erased.cases}
            messages.append(erasures.report(erasure, topics.CASES_AGENT, erasure.source, erased.counts, **lists))
        self._triage = triage.trained(self.labels.values())
        self._look_again()
        self._snapshots.touch_both_sides(self._offset, self._parts())
        return messages

    def _hold(self, label: Label) -> list[Message]:
        """Keep a case whole for a legal dispute, or release it."""
        self.labels[label.label_id] = label.learned({})
        case = self.cases.get(label.entity_id)
        if case is not None and case.merged_into is not None:
            case = self.cases.get(case.merged_into)
        if case is None or (case.hold is not None and case.hold.time > label.time):
            return []
        case.hold = label if label.verdict == HOLD else None
        return self._publish(case)

    # -- people's decisions

    def _decide(self, label: Label, known: LearnedLabel | None) -> list[Message]:
        """Learn a verdict; close the case that it calls benign, and open again one that was closed so by mistake."""
        case = self.cases.get(label.entity_id) if label.entity_kind == "case" else None
        entity = self._strongest(case) if case else self.entities.get(entity_key(label.entity_kind, label.entity_id))
        families = case_file.families(entity) if entity else known.families if known else {}
        self.labels[label.label_id] = label.learned(families)
        self._triage = triage.trained(self.labels.values())
        if case is None or case.state == "merged":
            return []
        if label.verdict == WITHDRAWN:
            return self._withdraw(case, known)
        case.label = label
        if label.verdict != "benign":
            return self._reopen(case)
        return self._close(case, "dismissed") if case.state == "open" else self._publish(case)

    def _withdraw(self, case: CaseState, withdrawn: LearnedLabel | None) -> list[Message]:
        """Take a verdict on a case back: the newest of the others' verdicts counts again, and a case closed as benign opens again."""
        others = [label for label in self.labels.values() if (label.entity_kind, label.entity_id) == ("case", case.case_id)]
        standing = max((label for label in others if label.verdict in VERDICTS), key=lambda label: label.time, default=None)
        case.label = None if standing is None else Label.decode(standing.encode())
        benign_before = withdrawn is not None and withdrawn.verdict == "benign"
        return self._reopen(case) if benign_before and (standing is None or standing.verdict != "benign") else self._publish(case)

    def _split_or_join(self, label: Label) -> list[Message]:
        """Split off for good what does not belong to a case, or join what does; a split that is withdrawn joins again."""
        self.labels[label.label_id] = label.learned({})
        case_id, _, entity = label.entity_id.partition("/")
        change = self._load.split if label.verdict == SPLIT else self._load.join
        changed = change(case_id, entity, self.entities, label.time)
        for case in changed:
            case.decided = [*case.decided, Decision(label.time, label.author, label.note, label.entity_id, label.verdict)]
            for link in case.links:
                self.alerts[link.entity].case_id = case.case_id
        return [message for case in changed for message in self._publish(case)]

    def _exclude(self, label: Label) -> list[Message]:
        """Take an innocent account out of a case for good, with its own alert; or, withdrawn, let its evidence bring it back."""
        self.labels[label.label_id] = label.learned({})
        case_id, _, key = label.entity_id.partition("/")
        account, case = key.removeprefix("account:"), self.cases.get(case_id)
        while case is not None and case.merged_into is not None:
            case = self.cases.get(case.merged_into)
        listed = case is not None and (account in case.members or account in case.owners)
        if case is None or (label.verdict == EXCLUDE and (not listed or {*case.keys} == {key})):
            return []
        case.excluded = [name for name in case.excluded if name != account]
        if label.verdict == EXCLUDE:
            case.excluded = [*case.excluded, account]
            case.members.pop(account, None)
            case.owners.pop(account, None)
            for link in [link for link in case.links if AlertName.parse(link.entity).key == key]:
                self.alerts[link.entity].state = "dismissed"
            self._load.unlink(case, key)
        case.decided = [*case.decided, Decision(label.time, label.author, label.note, label.entity_id, label.verdict)]
        return self._publish(case)

    # -- alerts

    def _judge(self, key: str) -> list[Message]:
        entity, messages = self.entities[key], []
        alert_id = alert_name("extraction", key)
        tier = self._tier(alert_id, entity)
        over, permitted = self._suspects[tier].of(entity)
        if over or permitted:
            strongest = max(map(attrgetter("extraction"), (over or permitted).values()))
            messages += self._alert(alert_id, strongest, over or permitted, muted=not over, tier=tier)
            self._acquit_owners(alert_id, entity)
        else:
            messages += self._withdraw_fallen(alert_id, self._standing(entity, tier), self._suspects[tier].threshold_nats(entity))
        if entity.routing >= self.policy.threshold_nats("routing", entity.time) and entity.entity_kind in _CHANNELS and not entity.common:
            muted = self._suspects["alert"].permission(entity.entity_id, entity) is not None
            messages += self._alert(alert_name("routing", key), entity.routing, {}, muted=muted)
        else:
            standing = 0.0 if entity.common else entity.routing
            messages += self._withdraw_fallen(alert_name("routing", key), standing, self.policy.threshold_nats("routing", entity.time))
        return messages

    def _acquit_owners(self, alert_id: str, entity: Entity) -> None:
        """Publish the case of an alert at once when a member turns out to be handed over, however little else changed."""
        case = self._load.of(alert_id)
        if case is not None and case.state == "open" and not case.members.keys().isdisjoint(self._suspects[case.tier].owners(entity)):
            self._changed[case.case_id] = None

    def _withdraw_fallen(self, alert_id: str, nats: float, threshold: float) -> list[Message]:
        """Resolve an alert whose evidence is well under the threshold now, and its case when no other alert of it stands; say why.

        Args:
            alert_id: `behaviour:kind:id`.
            nats: Its evidence now.
            threshold: In nats, what it was over.
        """
        alert = self.alerts.get(alert_id)
        if alert is None or not alert.alive or nats >= WITHDRAWAL_SHARE * threshold:
            return []
        behaviour, key = AlertName.parse(alert_id)
        entity, case = self.entities[key], self.cases[alert.case_id]
        owners = len(self._suspects["alert"].owners(entity)) if behaviour == "extraction" else 0
        case.withdrawn = case_file.withdrawal(alert, nats, threshold, case_file.facts_of(entity, behaviour).families, owners)
        alert.evidence, alert.time = nats, entity.time
        if all(not self.alerts[link.entity].alive or link.entity == alert_id for link in case.links):
            return self._close(case, "resolved")
        messages = self._alert_messages(alert_id, "resolved")
        alert.state = "resolved"
        self._changed[case.case_id] = None
        return messages

    def _tier(self, alert_id: str, entity: Entity) -> Tier:
        """Return which tier an entity's evidence reaches; an alert that stands is not taken back to a question, only withdrawn.

        It is a question too where an explanation fits that logs alone cannot tell from distillation: one payer's own permitted work.
        """
        alert = self.alerts.get(alert_id)
        if alert is not None and alert.alive and alert.tier == "alert":
            return "alert"
        free, permitted = self._suspects["alert"].of(entity)
        if not (free or permitted):
            return "alert" if entity.entity_kind == "account" and not entity.handed_over else "ask"
        known = bool(free) and all(row.organization and row.payment for row in free.values())  # an unknown payer cannot be asked
        if not known or not hypothesis.untellable(case_file.facts_of(entity, "extraction", [*free.values()])):
            return "alert"
        return "alert" if self._load.has_alerted(free) else "ask"  # with others' accounts it is one payer's work no more

    @staticmethod
    def _standing(entity: Entity, tier: Tier) -> float:
        """Return the evidence on which an entity stands in a tier: its own, or that which MIN_ALERTED_MEMBERS members have.

        For an alert, accounts that were handed over have none.
        """
        rows: Iterable[Known] = [entity] if entity.entity_kind == "account" else () if entity.common else entity.members.values()
        nats = [row.extraction for row in rows if tier == "ask" or not row.handed_over]
        least = 1 if entity.entity_kind == "account" else MIN_ALERTED_MEMBERS
        return heapq.nlargest(least, nats)[-1] if len(nats) >= least else 0.0

    def _alert(self, alert_id: str, nats: float, over: Mapping[str, Known], *, muted: bool, tier: Tier = "alert") -> list[Message]:
        entity, alert = self.entities[AlertName.parse(alert_id).key], self.alerts.get(alert_id)
        requests = sum(map(attrgetter("requests"), over.values())) or entity.requests
        alive = alert is not None and alert.alive
        changed = alert is not None and alive and (alert.muted, alert.tier) != (muted, tier)
        if alert and not changed and not _is_news(alert, entity.time, nats, len(over), requests):
            return []
        silent = muted or tier == "ask"
        is_new = alert is None or not alive or (alert.silent and not silent)  # a silent one was never published
        before = len(self.cases)
        case, merged = self._load.assign(alert_id, self.entities, tier)
        self._counts["cases"] += len(self.cases) - before
        self.alerts[alert_id] = AlertState(
            state="open" if is_new else "update",
            opened_at=alert.opened_at if alert and alive else entity.time,
            time=entity.time,
            muted=muted,
            case_id=case.case_id,
            evidence=nats,
            size=len(over),
            requests=requests,
            families=case_file.facts_of(entity, AlertName.parse(alert_id).behaviour).families,
            tier=tier,
        )
        case.withdrawn = ""
        for other in merged:
            for link in other.links:
                self.alerts[link.entity].case_id = case.case_id
        self._counts["alerts"] += is_new and not silent
        self._changed.update(
            dict.fromkeys(changed_case.case_id for changed_case in (*merged, case))
        )  # published once per block, with all its changes
        return self._alert_messages(alert_id, "open" if is_new else "update")

    def _alert_messages(self, alert_id: str, step: AlertStep) -> list[Message]:
        """Return the alert as a message; nothing when it is silent."""
        alert = self.alerts[alert_id]
        if alert.silent:
            return []
        record = case_file.alert_record(alert_id, alert, step, self.entities[AlertName.parse(alert_id).key], self.policy)
        return [Message(topics.ALERTS, 0, record.encode(), alert_id.encode())]

    # -- cases

    def _publish(self, case: CaseState) -> list[Message]:
        """Bring a case up to date and return its next version."""
        entities = [self.entities[key] for key in case.keys]
        case.updated_at = max([case.updated_at, *(entity.time for entity in entities)])
        case.version += 1
        if case.state != "merged":
            alerts = [self.alerts[link.entity] for link in case.links]
            case.muted = all(alert.muted for alert in alerts)
            case.tier = "alert" if any(alert.tier == "alert" for alert in alerts) else "ask"
            self._count_members(case, entities)
        for shrink in _SHRINKS:
            record = case_file.case_record(case, entities, self._strongest(case), self.policy, self._example(case), self._triage, shrink)
            history = self._history_key.extended(case.history, record)
            signature = self._history_key.signature(case.case_id, history)
            payload = msgspec.structs.replace(record.payload, history=history, signature=signature)
            data = msgspec.structs.replace(record, payload=payload).encode()
            if len(data) <= MAX_CASE_BYTES:
                break
        case.history = history
        return [Message(topics.CASES, 0, data, case.case_id.encode())]

    def _count_members(self, case: CaseState, entities: list[Entity]) -> None:
        """Update members and leavers: those whose rows are new, or all when a threshold, a link or a permission has changed."""
        suspects = [(entity, self._over(entity, case)) for entity in sorted(entities, key=lambda entity: entity.time)]
        threshold_nats = self._suspects[case.tier].threshold_nats
        basis = (case.muted, list(case.excluded), sorted((entity.key, threshold_nats(entity), bool(rows)) for entity, rows in suspects))
        moved = self._moved.pop(case.case_id, {})
        if self._counted.get(case.case_id) != basis:
            self._counted[case.case_id] = basis
            moved = dict.fromkeys(account for _, rows in suspects for account in rows) | dict.fromkeys((*case.members, *case.owners))
        present: dict[str, Known] = {}
        joins: dict[str, CaseMember] = {}
        handed_over: dict[str, None] = {}
        for entity, known in suspects:
            for account in known if len(known) < len(moved) else moved:
                if account in known and account in moved:
                    row = known[account]
                    joins.setdefault(account, case_file.new_member(row, entity.time))
                    present[account] = max(present.get(account, row), row, key=_most_requests)
                    if row.handed_over:
                        handed_over[account] = None
        for account, row in present.items():
            side, other = (case.owners, case.members) if account in handed_over else (case.members, case.owners)
            joins[account] = other.pop(account, joins[account])
            if self._may_belong(account, case, side):
                case_file.bring_up_to_date(side.setdefault(account, joins[account]), row)
                moved.pop(account)
        for account in moved:
            case.owners.pop(account, None)
            if account in case.members and case.members[account].left_at is None:
                case.members[account].left_at = case.updated_at

    def _may_belong(self, account: str, case: CaseState, side: Mapping[str, CaseMember]) -> bool:
        """Return whether an account with evidence belongs to a side of a case: not if it is excluded.

        It does not join the members while it is one of another open case. side: the case's members, or its owners to be warned.
        """
        if account in case.excluded:
            return False
        if side is case.owners:
            return True
        known = case.members.get(account)
        joins = known is None or known.left_at is not None
        return not (joins and self._load.is_elsewhere(account, case))

    def _over(self, entity: Entity, case: CaseState) -> Mapping[str, Known]:
        """Return the accounts by which an entity belongs to a case, and those of it whose owners are to be warned."""
        if case.behaviour == "routing":
            return {entity.entity_id: entity} if entity.entity_kind == "account" else {}
        free, permitted = self._suspects[case.tier].of(entity)
        owners = self._suspects[case.tier].owners(entity)
        return permitted if case.muted else {**free, **owners} if owners else free

    def _example(self, case: CaseState) -> Example | None:
        """Return the member with the most evidence of its own, and its features: a group's numbers do not describe an account."""
        own = [entity for account in case.members if (entity := self.entities.get(entity_key("account", account))) is not None]
        if not own:
            return None
        strongest = max(own, key=lambda entity: (entity.extraction, entity.entity_id))
        return Example(strongest.entity_id, case_file.parts(strongest, case.behaviour))

    def _strongest(self, case: CaseState) -> Entity:
        """Return the entity with the most alerted members of a case, and among equals the most evidence."""
        entities = [self.entities[key] for key in case.keys]
        over = self._suspects[case.tier]
        return max(entities, key=lambda entity: (len(over.of(entity)[0]), getattr(entity, case.behaviour), entity.entity_id))

    def _resolve_quiet(self) -> list[Message]:
        quiet = [case for case in self.cases.values() if case.state == "open" and self._now - case.updated_at > QUIET_SECONDS]
        return [message for case in quiet for message in self._close(case, "resolved")]

    def _close(self, case: CaseState, why: Literal["resolved", "dismissed"]) -> list[Message]:
        """Resolve a case and its alerts: `resolved` for lack of news, or `dismissed` by a person, which takes more to reopen."""
        case.state = "resolved"
        self._changed.pop(case.case_id, None)
        messages = []
        for link in case.links:
            messages += self._alert_messages(link.entity, "resolved")
            self.alerts[link.entity].state = why
        return [*messages, *self._publish(case)]

    def _reopen(self, case: CaseState) -> list[Message]:
        """Publish a case; open its dismissed alerts again, except those that another case has taken over."""
        messages = []
        for link in case.links:
            alert = self.alerts[link.entity]
            if (alert.state, alert.case_id) == ("dismissed", case.case_id):
                case.state = alert.state = "open"
                case.updated_at = max(case.updated_at, self._now)  # otherwise it would be resolved as quiet at once
                messages += self._alert_messages(link.entity, "open")
        for account, member in case.members.items():
            if member.left_at is None and self._load.is_elsewhere(account, case):
                member.left_at = case.updated_at
        return [*messages, *self._publish(case)]


def _most_requests(row: Known) -> tuple[float, float]:
    """Rank an account's rows in several entities: the one with the most requests is used, of equals the one with the most evidence."""
    return row.requests, row.extraction


def _is_news(alert: AlertState, time: float, nats: float, size: int, requests: float) -> bool:
    """Return whether an alert is worth an update: it grew and the pause is over, or it grew fast.

    The pause is event time, so that a backlog read quickly does not shorten it. An alert that a person dismissed opens again only with
    much more evidence or members.
    """
    if alert.state == "dismissed":
        return bool(nats >= alert.evidence + REOPEN_DISMISSED_NATS or size >= 2 * alert.size + MIN_ALERTED_MEMBERS)
    pause_over = time - alert.time >= MIN_UPDATE_PAUSE_SECONDS
    if alert.state == "resolved":
        return bool(pause_over)
    growth = max((size - 1) / max(alert.size, 1), requests / max(alert.requests, 1.0))
    return bool(
        growth >= IMMEDIATE_UPDATE_GROWTH_RATIO or (pause_over and (growth >= UPDATE_GROWTH_RATIO or abs(nats - alert.evidence) >= 1.0))
    )
