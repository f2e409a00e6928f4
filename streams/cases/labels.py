"""Create and send labels: a person's decision by `hydrometer label` or `hydrometer case split`."""

from __future__ import annotations

import getpass
import time

import msgspec
from kafka import KafkaProducer

from streams.core.errors import MalformedEventError, SettingsError
from streams.core.settings import Settings
from streams.schema import topics
from streams.schema.labels import LABELLED_KINDS, VERDICTS, Label, label_id
from streams.schema.signatures import Signatures


def make(
    entity_kind: str, entity_id: str, verdict: str, author: str, note: str = "", at: float | None = None, *, reason: str = ""
) -> Label:
    """Return a label.

    Args:
        entity_kind: One of LABELLED_KINDS, LINK, MEMBER or HOLD.
        entity_id: The entity's id; of a link `case/link`.
        verdict: One of VERDICTS; of a link SPLIT or MERGE; of a member EXCLUDE; WITHDRAWN takes any back.
        author: The person who decided.
        note: The reason.
        at: Seconds since 1970; unset: now.
        reason: One of REASONS for a benign entity, else empty.

    Raises:
        MalformedEventError: A value is not in its list, or a text is missing or too long.
    """
    name = label_id(entity_kind, entity_id, author)
    label = {"label_id": name, "time": time.time() if at is None else at, "entity_kind": entity_kind, "entity_id": entity_id}
    try:
        return msgspec.convert(label | {"verdict": verdict, "author": author, "note": note, "reason": reason}, Label)
    except msgspec.ValidationError:
        kinds, verdicts = ", ".join(LABELLED_KINDS), ", ".join(VERDICTS)
        raise MalformedEventError("absurd", f"a label's verdict is one of {verdicts}; its entity_kind one of {kinds}") from None


def author(settings: Settings, named: str | None) -> str:
    """Return who a label will be of: the author whose own key this process holds, else the one named, else the name of this login.

    Raises SettingsError when another is named than the key is of.
    """
    own = Signatures.of_author(settings).author
    if own and named not in (None, own):
        raise SettingsError(
            f"HYDROMETER_AUTHOR_KEY is the key of {own}: leave out --author, or set HYDROMETER_ANALYST_KEY to label for others"
        )
    return own or named or getpass.getuser()


def send(settings: Settings, label: Label) -> None:
    """Sign a label, send it, and wait (up to 30 s) until Kafka has stored it. Raises SettingsError without a key."""
    signatures = Signatures.of_author(settings)
    value = msgspec.structs.replace(label, signer=signatures.analyst).encode()
    key = label.label_id.encode()
    producer = KafkaProducer(acks="all", **topics.client_options(settings))
    try:
        producer.send(topics.LABELS, key=key, value=value, headers=signatures.sign(topics.LABELS, key, value), partition=0).get(timeout=30)
    finally:
        producer.close()
