"""From the evidence of an entity to its alerts: opened, updated, withdrawn when the evidence falls."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, KeysView, Mapping
from operator import attrgetter
from typing import Final

from models.evidence.weighing import MIN_SUSPECT_MEMBERS
from streams.cases import explanation, hypothesis
from streams.cases.casebook import Casebook
from streams.schema.cases import AlertState, Tier
from streams.schema.evidence import Entity, Known
from streams.schema.names import AlertName, alert_name
from streams.stages.stage import Message

MIN_UPDATE_PAUSE_SECONDS: Final = 600.0
"""Event time between two updates of an alert, unless it grows fast."""
WITHDRAWAL_SHARE: Final = 0.7
"""Share of the threshold under which evidence must fall for its alert to be withdrawn: one that wavers about it is not."""
UPDATE_GROWTH_RATIO: Final = 1.1
"""Growth of accounts or requests from which an alert is updated after the pause."""
IMMEDIATE_UPDATE_GROWTH_RATIO: Final = 1.3
"""Growth from which it is updated at once."""
REOPEN_DISMISSED_NATS: Final = 3.0
"""Additional evidence from which a dismissed alert opens again (or at least twice the members and three)."""
SAME_ACCOUNTS_SHARE: Final = 0.8
"""Accounts that two groups share, of all in either, from which both are the same people: what explains one explains the other."""
MANY_SHARE: Final = 0.5
"""Share of a group's suspects from which being in another group's alert makes their question an alert too."""
_CHANNELS: Final = ("account", "router")
"""Entity kinds that can be a router or reseller: a shared card or template is not a channel."""


class Alerting:
    """Opens, updates and withdraws the alerts of a casebook."""

    def __init__(self, book: Casebook) -> None:
        """Alert on the evidence in a book."""
        self._book = book
        self._policy = book.policy
        self._suspects = book.membership.suspects

    def judge(self, key: str) -> list[Message]:
        """Return the alerts that an entity's (`kind:id`) new evidence opens, updates or withdraws; its cases are published later."""
        entity, messages = self._book.entities[key], []
        alert_id = alert_name("extraction", key)
        tier = self._tier(alert_id, entity)
        over, permitted = self._suspects[tier].of(entity)
        if over or permitted:
            strongest = max(map(attrgetter("extraction"), (over or permitted).values()))
            messages += self._alert(alert_id, strongest, over or permitted, muted=not over, tier=tier)
            self._acquit_owners(alert_id, entity)
        else:
            messages += self._withdraw_fallen(alert_id, self._tier_evidence(entity, tier), self._suspects[tier].threshold_nats(entity))
        if entity.routing >= self._policy.threshold_nats("routing", entity.time) and entity.entity_kind in _CHANNELS and not entity.common:
            muted = self._suspects["alert"].permission(entity.entity_id, entity) is not None
            messages += self._alert(alert_name("routing", key), entity.routing, {}, muted=muted)
        else:
            nats = 0.0 if entity.common else entity.routing
            messages += self._withdraw_fallen(alert_name("routing", key), nats, self._policy.threshold_nats("routing", entity.time))
        return messages

    def _acquit_owners(self, alert_id: str, entity: Entity) -> None:
        """Publish the case of an alert at once when a member turns out to be handed over, however little else changed."""
        case = self._book.caseload.of(alert_id)
        if case is not None and case.state == "open" and not case.members.keys().isdisjoint(self._suspects[case.tier].owners(entity)):
            self._book.changed[case.case_id] = True

    def _withdraw_fallen(self, alert_id: str, nats: float, threshold: float) -> list[Message]:
        """Resolve an alert whose evidence is well under the threshold now, and its case when no other alert of it stands; say why.

        Args:
            alert_id: `behaviour:kind:id`.
            nats: Its evidence now.
            threshold: In nats, what it was over.
        """
        alert = self._book.alerts.get(alert_id)
        if alert is None or not alert.alive or nats >= WITHDRAWAL_SHARE * threshold:
            return []
        behaviour, key = AlertName.parse(alert_id)
        entity, case = self._book.entities[key], self._book.cases[alert.case_id]
        owners = len(self._suspects["alert"].owners(entity)) if behaviour == "extraction" else 0
        case.withdrawn = explanation.withdrawal(alert, nats, threshold, explanation.facts_of(entity, behaviour).families, owners)
        alert.evidence, alert.time = nats, entity.time
        if all(not self._book.alerts[link.entity].alive or link.entity == alert_id for link in case.links):
            return self._book.close(case, "resolved")
        messages = self._book.alert_messages(alert_id, "resolved")
        alert.state = "resolved"
        self._book.changed[case.case_id] = True
        return messages

    def _tier(self, alert_id: str, entity: Entity) -> Tier:
        """Return which tier an entity's evidence reaches; an alert that stands is not taken back to a question, only withdrawn.

        It is a question too where an explanation fits that logs alone cannot tell from distillation: one payer's own permitted work.
        """
        alert = self._book.alerts.get(alert_id)
        if alert is not None and alert.alive and alert.tier == "alert":
            return "alert"
        free, permitted = self._suspects["alert"].of(entity)
        if not (free or permitted):
            return "alert" if entity.entity_kind == "account" and not entity.handed_over else "ask"
        if not self._explained(entity):
            return "alert"
        # where many are in another group's alert it is one payer's work no more
        return "alert" if self._book.caseload.alerted(free) >= MANY_SHARE * len(free) else "ask"

    def _explained(self, entity: Entity) -> bool:
        """Return whether an explanation of an entity's suspects fits that logs cannot tell from distillation.

        What fits a group fits the same accounts as another group too, though a number is a hair under its limit there.
        """
        if self._untellable(entity):
            return True
        others = (link for case in self._book.cases.values() if (case.state, case.tier) == ("open", "ask") for link in case.links)
        entities = (self._book.entities[AlertName.parse(link.entity).key] for link in others)
        twins = (other for other in entities if other is not entity and _are_same(entity.members.keys(), other.members.keys()))
        return any(map(self._untellable, twins))

    def _untellable(self, entity: Entity) -> bool:
        free, _ = self._suspects["alert"].of(entity)
        known = bool(free) and all(row.organization and row.payment for row in free.values())  # an unknown payer cannot be asked
        return known and hypothesis.untellable(explanation.facts_of(entity, "extraction", [*free.values()]))

    @staticmethod
    def _tier_evidence(entity: Entity, tier: Tier) -> float:
        """Return an entity's evidence of a tier: its own, or that which MIN_SUSPECT_MEMBERS members have.

        For an alert, accounts that were handed over have none.
        """
        rows: Iterable[Known] = [entity] if entity.entity_kind == "account" else () if entity.common else entity.members.values()
        nats = [row.extraction for row in rows if tier == "ask" or not row.handed_over]
        least = 1 if entity.entity_kind == "account" else MIN_SUSPECT_MEMBERS
        return heapq.nlargest(least, nats)[-1] if len(nats) >= least else 0.0

    def _alert(self, alert_id: str, nats: float, over: Mapping[str, Known], *, muted: bool, tier: Tier = "alert") -> list[Message]:
        entity, alert = self._book.entities[AlertName.parse(alert_id).key], self._book.alerts.get(alert_id)
        requests = sum(map(attrgetter("requests"), over.values())) or entity.requests
        alive = alert is not None and alert.alive
        changed = alert is not None and alive and (alert.muted, alert.tier) != (muted, tier)
        if alert and not changed and not _is_news(alert, entity.time, nats, len(over), requests):
            return []
        silent = muted or tier == "ask"
        is_new = alert is None or not alive or (alert.silent and not silent)  # a silent one was never published
        before, left = len(self._book.cases), self._book.caseload.of(alert_id)
        case, merged = self._book.caseload.assign(alert_id, self._book.entities, tier)
        self._book.counts["cases"] += len(self._book.cases) - before
        if left is not None and left is not case and left.state == "open":
            self._book.changed[left.case_id] = True
        self._book.alerts[alert_id] = AlertState(
            state="open" if is_new else "update",
            opened_at=alert.opened_at if alert and alive else entity.time,
            time=entity.time,
            muted=muted,
            case_id=case.case_id,
            evidence=nats,
            size=len(over),
            requests=requests,
            families=explanation.facts_of(entity, AlertName.parse(alert_id).behaviour).families,
            tier=tier,
        )
        case.withdrawn = ""
        for other in merged:
            for link in other.links:
                self._book.alerts[link.entity].case_id = case.case_id
        self._book.counts["alerts"] += is_new and not silent
        for other in (*merged, case):
            self._book.changed[other.case_id] = self._book.changed.get(other.case_id, False) or bool(merged)
        return self._book.alert_messages(alert_id, "open" if is_new else "update")


def _are_same(accounts: KeysView[str], others: KeysView[str]) -> bool:
    """Return whether two groups are the same accounts but for a few."""
    return bool(accounts) and len(accounts & others) >= SAME_ACCOUNTS_SHARE * len(accounts | others)


def _is_news(alert: AlertState, time: float, nats: float, size: int, requests: float) -> bool:
    """Return whether an alert is worth an update: it grew and the pause is over, or it grew fast.

    The pause is event time, so that a backlog read quickly does not shorten it. An alert that a person dismissed opens again only with
    much more evidence or members.
    """
    if alert.state == "dismissed":
        return bool(nats >= alert.evidence + REOPEN_DISMISSED_NATS or size >= 2 * alert.size + MIN_SUSPECT_MEMBERS)
    pause_over = time - alert.time >= MIN_UPDATE_PAUSE_SECONDS
    if alert.state == "resolved":
        return bool(pause_over)
    growth = max((size - 1) / max(alert.size, 1), requests / max(alert.requests, 1.0))
    return bool(
        growth >= IMMEDIATE_UPDATE_GROWTH_RATIO or (pause_over and (growth >= UPDATE_GROWTH_RATIO or abs(nats - alert.evidence) >= 1.0))
    )
