"""What a person does at the desk, as signed records: on `actions` always, and on `labels` or `enforcement` where it changes something."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Protocol

import msgspec
from kafka import KafkaProducer

from streams.cases import labels
from streams.core.errors import MalformedEventError
from streams.core.settings import Settings
from streams.desk.sessions import Person
from streams.schema import topics
from streams.schema.actions import STEP_OF, Action, ActionKind, EnforcementDecision, EnforcementPayload, Measure
from streams.schema.labels import Label
from streams.schema.record import Record
from streams.schema.signatures import Signatures


class Outbox(Protocol):
    """Sends what people do."""

    def send(self, records: Iterable[Record]) -> list[Record]:
        """Sign these records, and return them as sent once they are stored. Raises BrokerUnavailableError: the rest is then not sent."""
        ...


class KafkaOutbox:
    """Sends to the topics of the deployment, signed with the analysts' key."""

    def __init__(self, settings: Settings) -> None:
        """Read the key. Raises SettingsError without one."""
        self._settings = settings
        self._signatures = Signatures.of_author(settings)

    @property
    def author(self) -> str | None:
        """The only person whom it can sign for; None: all people."""
        return self._signatures.author

    def send(self, records: Iterable[Record]) -> list[Record]:
        """Sign these records, and return them as sent once Kafka has stored each. Raises BrokerUnavailableError."""
        with topics.answering(self._settings), closing(KafkaProducer(acks="all", **topics.client_options(self._settings))) as producer:
            return [self._send(producer, record) for record in records]

    def _send(self, producer: KafkaProducer, record: Record) -> Record:
        if isinstance(record, Label):
            label = msgspec.structs.replace(record, signer=self._signatures.analyst)
            self._put(topics.LABELS, producer, label.label_id, label.encode())
            return label
        if isinstance(record, Action):
            action = msgspec.structs.replace(record, signer=self._signatures.analyst)
            self._put(topics.ACTIONS, producer, action.action_id, action.encode())
            return action
        if isinstance(record, EnforcementDecision):
            decision = msgspec.structs.replace(record, signer=self._signatures.analyst)
            self._put(topics.ENFORCEMENT, producer, decision.decision_id, decision.encode())
            return decision
        raise TypeError(type(record))

    def _put(self, topic: str, producer: KafkaProducer, name: str, value: bytes) -> None:
        headers = self._signatures.sign(topic, name.encode(), value)
        producer.send(topic, key=name.encode(), value=value, headers=headers, partition=0).get(timeout=topics.SEND_TIMEOUT_SECONDS)


def action(person: Person, kind: ActionKind, case_id: str, value: str = "", note: str = "", account: str = "") -> Action:
    """Return an action of a person, now. Raises MalformedEventError when a text is missing or too long."""
    return Action(secrets.token_hex(16), time.time(), case_id, kind, person.name, person.role, value, note, account)


def label(person: Person, entity: tuple[str, str], verdict: str, note: str = "", reason: str = "") -> Label:
    """Return a label of a person. entity: kind and id. Raises MalformedEventError."""
    return labels.make(*entity, verdict, person.name, note, reason=reason)


def proposal(
    person: Person, case_id: str, measure: Measure, members: Mapping[str, list[str]], wanted: Mapping[str, object]
) -> EnforcementDecision:
    """Return a proposed decision.

    Args:
        person: Who proposes it.
        case_id: The case it follows from.
        measure: What gateways are to do.
        members: The accounts, each with the keys it is about (none: all).
        wanted: `rate` (requests per minute), `days`, `clause` and `reason`.

    Raises:
        MalformedEventError: A value is missing, or out of its range.
    """
    if len({bool(keys) for keys in members.values()}) > 1:
        raise MalformedEventError("absurd", "name keys of every account or of none: an order about keys leaves other accounts alone")
    now = time.time()
    rate = float(str(wanted["rate"])) if measure == "rate_cap" else 0.0
    return EnforcementDecision(
        decision_id=secrets.token_hex(8),
        time=now,
        state="proposed",
        case_id=case_id,
        step=STEP_OF[measure],
        measure=measure,
        rate=rate,
        clause=str(wanted["clause"]),
        reason=str(wanted["reason"]),
        author=person.name,
        approver="",
        starts=now,
        expires=now + float(str(wanted["days"])) * 86_400,
        payload=EnforcementPayload(dict(members)),
    )


def approved(person: Person, decision: EnforcementDecision) -> EnforcementDecision:
    """Return a decision as approved by a person, from now on for as long as was proposed. Raises MalformedEventError without four eyes."""
    if decision.state != "proposed":
        raise MalformedEventError("absurd", f"the decision is {decision.state}: only a proposed one can be approved")
    now = max(time.time(), decision.time + 0.001)
    lasts = decision.expires - decision.starts
    return msgspec.structs.replace(decision, time=now, state="approved", approver=person.name, starts=now, expires=now + lasts)


def undone(person: Person, decision: EnforcementDecision) -> EnforcementDecision:
    """Return a decision as undone by a person: gateways no longer obey it."""
    now = max(time.time(), decision.time + 0.001)
    return msgspec.structs.replace(decision, time=now, state="undone", approver=person.name)
