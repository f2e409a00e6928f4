"""Create and send labels: a person's decision by `hydrometer label` or `hydrometer case split`."""

from __future__ import annotations

import time
from hashlib import blake2b

import msgspec
from kafka import KafkaProducer

from streams.core.errors import MalformedEventError
from streams.core.settings import Settings
from streams.schema import topics
from streams.schema.labels import LABELLED_KINDS, VERDICTS, Label


def make(entity_kind: str, entity_id: str, verdict: str, author: str, note: str = "", at: float | None = None) -> Label:
    """Return a label.

    Args:
        entity_kind: One of LABELLED_KINDS, or LINK.
        entity_id: The entity's id; of a link `case/link`.
        verdict: One of VERDICTS; of a link SPLIT.
        author: The person who decided.
        note: The reason.
        at: Seconds since 1970; unset: now.

    Raises:
        MalformedEventError: A value is not in its list, or a text is missing or too long.
    """
    name = blake2b(f"{entity_kind} {entity_id} {author}".encode(), digest_size=8).hexdigest()
    label = {"label_id": name, "time": time.time() if at is None else at, "entity_kind": entity_kind, "entity_id": entity_id}
    try:
        return msgspec.convert(label | {"verdict": verdict, "author": author, "note": note}, Label)
    except msgspec.ValidationError:
        kinds, verdicts = ", ".join(LABELLED_KINDS), ", ".join(VERDICTS)
        raise MalformedEventError("absurd", f"a label's verdict is one of {verdicts}; its entity_kind one of {kinds}") from None


def send(settings: Settings, label: Label) -> None:
    """Send a label and wait (up to 30 s) until Kafka has stored it."""
    producer = KafkaProducer(acks="all", **topics.client_options(settings))
    try:
        producer.send(topics.LABELS, key=label.label_id.encode(), value=label.encode(), partition=0).get(timeout=30)
    finally:
        producer.close()
