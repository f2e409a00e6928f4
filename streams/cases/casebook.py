"""The casebook: entities, alerts, cases and labels, and how a case is published, closed and opened again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal

from models.durations import DAY
from streams.cases import case_file, explanation, triage
from streams.cases.audit_chain import HistoryKey
from streams.cases.caseload import Caseload
from streams.cases.membership import Membership
from streams.cases.policy import Policy
from streams.cases.versions import Versions
from streams.schema import topics
from streams.schema.cases import AlertState, AlertStep, Case, CaseState, Example
from streams.schema.evidence import Entity
from streams.schema.labels import LearnedLabel
from streams.schema.names import AlertName, entity_key
from streams.stages.stage import Message

QUIET_SECONDS = 3 * DAY
"""A case without news for this long, in event time, is resolved."""
SMALL_CASE_ROWS: Final = 20
"""Members, owners and links up to which every change of a case is a version: a small one costs little."""
VERSION_GROWTH_SHARE: Final = 0.1
"""Growth of a larger case that makes a version at once."""
MAX_VERSION_WAIT_SECONDS: Final = 3600.0
"""Event time after which a smaller change makes one."""
_LIST_DIVISORS: Final = (1, 4, 16, 64, 256, 1024, case_file.MAX_LISTED_MEMBERS)


class Casebook:
    """What the stage knows. Alerting and decisions change it; what it publishes are alerts and versions of cases."""

    def __init__(self, policy: Policy, history_key: HistoryKey) -> None:
        """Start empty.

        Args:
            policy: Thresholds, terms and permitted parties.
            history_key: Signs the histories of cases.
        """
        self.policy = policy
        self.history_key = history_key
        self.entities: dict[str, Entity] = {}
        self.alerts: dict[str, AlertState] = {}
        self.labels: dict[str, LearnedLabel] = {}
        self.versions = Versions(history_key)
        self.caseload = Caseload()
        self.membership = Membership(policy, self.caseload)
        self.triage = triage.trained(())
        self.changed: dict[str, bool] = {}
        """Cases that changed in this block, by id, and whether a version is due at once, however little changed."""
        self.now = -math.inf
        """Event time of the newest evidence, seconds since 1970."""
        self.counts = {"evidence_rows": 0.0, "alerts": 0.0, "cases": 0.0}

    @property
    def cases(self) -> Mapping[str, CaseState]:
        """Return every case by id, merged and resolved ones too."""
        return self.caseload.cases

    def learn(self) -> None:
        """Train the triage model anew: a label came, changed or went."""
        self.triage = triage.trained(self.labels.values())

    def alert_messages(self, alert_id: str, step: AlertStep) -> list[Message]:
        """Return the alert as a message; nothing when it is silent."""
        alert = self.alerts[alert_id]
        if alert.silent:
            return []
        record = explanation.alert_record(alert_id, alert, step, self.entities[AlertName.parse(alert_id).key], self.policy)
        alert.scored = record.payload.score.of
        return [Message(topics.ALERTS, 0, record.encode(), alert_id.encode())]

    def renew_alert(self, alert_id: str) -> list[Message]:
        """Replace the newest record of an alert by one of how it stands; remove it where the alert is silent by now."""
        alert = self.alerts[alert_id]
        alert.scored = ""
        return self.alert_messages(alert_id, "update" if alert.alive else "resolved") or [Message.tombstone(topics.ALERTS, alert_id)]

    def publish_changed(self) -> list[Message]:
        """Return versions of the cases that changed enough, and of those whose smaller changes have waited.

        So that people see what moved and not each step of it, a large case waits until it has grown by a share, or an hour is over; its
        state is up to date all the same.
        """
        at_once = {name for name, is_urgent in self.changed.items() if self._renew(self.cases[name]) or is_urgent}
        for name in self.changed:
            self.cases[name].waits = True
        renewed = dict.fromkeys(self.changed)
        self.changed.clear()
        waiting = renewed | dict.fromkeys(name for name, case in self.cases.items() if case.waits)
        due = [name for name in waiting if name in at_once or self._is_due(self.cases[name])]
        return [message for name in due for message in (self._write if name in renewed else self.publish)(self.cases[name])]

    def publish_waiting(self) -> list[Message]:
        """Return a version of each case that waits for one."""
        return [message for case in [case for case in self.cases.values() if case.waits] for message in self.publish(case)]

    def _is_due(self, case: CaseState) -> bool:
        if case.version == 0 or case.state != "open" or case.rows <= SMALL_CASE_ROWS:
            return True
        grown = abs(case.rows - case.published_rows) >= VERSION_GROWTH_SHARE * case.published_rows
        return grown or self.now - case.history[-1].updated_at >= MAX_VERSION_WAIT_SECONDS

    def _renew(self, case: CaseState) -> bool:
        """Bring a case up to date. Return whether it became, or is no more, a question or a permitted party's."""
        entities = [self.entities[key] for key in case.keys]
        case.updated_at = max([case.updated_at, *(entity.time for entity in entities)])
        if case.state == "merged":
            return False
        alerts, before = [self.alerts[link.entity] for link in case.links], (case.muted, case.tier)
        case.muted = all(alert.muted for alert in alerts)
        case.tier = "alert" if any(alert.tier == "alert" for alert in alerts) else "ask"
        self.membership.update(case, entities)
        return (case.muted, case.tier) != before

    def publish(self, case: CaseState) -> list[Message]:
        """Bring a case up to date and return its next version."""
        self._renew(case)
        return self._write(case)

    def _write(self, case: CaseState) -> list[Message]:
        """Return the next version of a case that is up to date."""
        entities = [self.entities[key] for key in case.keys]
        case.version += 1
        case.waits, case.published_rows = False, case.rows
        strongest, example = self.strongest(case), self._example(case)

        def listing(divisor: int) -> Case:
            return case_file.case_record(case, entities, strongest, self.policy, example, self.triage, divisor)

        return self.versions.write(case, listing, _LIST_DIVISORS)

    def _example(self, case: CaseState) -> Example | None:
        """Return the member with the most evidence of its own, and its features: a group's numbers do not describe an account."""
        own = [entity for account in case.members if (entity := self.entities.get(entity_key("account", account))) is not None]
        if not own:
            return None
        strongest = max(own, key=lambda entity: (entity.extraction, entity.entity_id))
        return Example(strongest.entity_id, explanation.parts(strongest, case.behaviour))

    def strongest(self, case: CaseState) -> Entity:
        """Return the entity with the most alerted members of a case, and among equals the most evidence."""
        entities = [self.entities[key] for key in case.keys]
        over = self.membership.suspects[case.tier]
        return max(entities, key=lambda entity: (len(over.of(entity)[0]), getattr(entity, case.behaviour), entity.entity_id))

    def resolve_quiet(self) -> list[Message]:
        """Resolve the open cases without news for QUIET_SECONDS."""
        quiet = [case for case in self.cases.values() if case.state == "open" and self.now - case.updated_at > QUIET_SECONDS]
        return [message for case in quiet for message in self.close(case, "resolved")]

    def close(self, case: CaseState, why: Literal["resolved", "dismissed"]) -> list[Message]:
        """Resolve a case and its alerts: `resolved` for lack of news, or `dismissed` by a person, which takes more to reopen."""
        case.state = "resolved"
        self.changed.pop(case.case_id, None)
        messages = []
        for link in case.links:
            messages += self.alert_messages(link.entity, "resolved")
            self.alerts[link.entity].state = why
        return [*messages, *self.publish(case)]

    def reopen(self, case: CaseState) -> list[Message]:
        """Publish a case; open its dismissed alerts again, except those that another case has taken over."""
        messages = []
        for link in case.links:
            alert = self.alerts[link.entity]
            if (alert.state, alert.case_id) == ("dismissed", case.case_id):
                case.state = alert.state = "open"
                case.updated_at = max(case.updated_at, self.now)  # otherwise it would be resolved as quiet at once
                messages += self.alert_messages(link.entity, "open")
        for account, member in case.members.items():
            if member.left_at is None and self.caseload.is_elsewhere(account, case):
                case.leave(account)
        return [*messages, *self.publish(case)]
