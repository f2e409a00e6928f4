"""Labels: what a person decided of a case, an account, a router or a link. They travel as JSON on the topic `labels`.

The label of a link (`case-1/payment:0123...` or `case-1/case-2`) says `split`: what was joined does not belong together.
"""

from __future__ import annotations

import time
from hashlib import blake2b
from typing import Any, Final

import orjson
from kafka import KafkaProducer

from streams.core.errors import MalformedEventError
from streams.core.settings import Settings
from streams.schema import topics

VERDICTS: Final = ("distilling", "reseller", "benign")
SPLIT: Final = "split"
KINDS: Final = ("case", "account", "router")
LINK: Final = "link"
_LONGEST = 2000


def make(entity_kind: str, entity_id: str, verdict: str, author: str, note: str = "", at: float | None = None) -> dict[str, Any]:
    """Return a label. The same author's newer label on an entity replaces the older: they have one id. Raises MalformedEventError."""
    name = blake2b(f"{entity_kind} {entity_id} {author}".encode(), digest_size=8).hexdigest()
    label = {"label_id": name, "time": time.time() if at is None else at, "entity_kind": entity_kind, "entity_id": entity_id}
    return _checked(label | {"verdict": verdict, "author": author, "note": note})


def parse(value: bytes) -> dict[str, Any]:
    """Read a label. Raises MalformedEventError, which quotes nothing of it, when it is not one."""
    try:
        label = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise MalformedEventError("not_json", "a label is one JSON object") from error
    return _checked(label)


def send(settings: Settings, label: dict[str, Any]) -> None:
    """Send a label and wait until Kafka has it."""
    producer = KafkaProducer(acks="all", **topics.client_options(settings))
    try:
        producer.send(topics.LABELS, key=label["label_id"].encode(), value=orjson.dumps(label), partition=0).get(timeout=30)
    finally:
        producer.close()


def _checked(label: Any) -> dict[str, Any]:
    if not isinstance(label, dict):
        raise MalformedEventError("not_object", "a label is one JSON object")
    words = {name: label.get(name, "") for name in ("label_id", "entity_kind", "entity_id", "verdict", "author", "note")}
    if not all(isinstance(word, str) and len(word) <= _LONGEST for word in words.values()) or not isinstance(
        label.get("time"), int | float
    ):
        raise MalformedEventError("wrong_type", f"a label has a time and words of at most {_LONGEST} characters: {', '.join(words)}")
    if not words["label_id"] or not words["entity_id"] or not words["author"]:
        raise MalformedEventError("missing_field", "a label names its label_id, entity_id and author")
    if words["entity_kind"] == LINK:
        if words["verdict"] != SPLIT or "/" not in words["entity_id"]:
            raise MalformedEventError("absurd", f"the label of a link says {SPLIT}, and names case and link, as in case-1/case-2")
    elif words["verdict"] not in VERDICTS or words["entity_kind"] not in KINDS:
        raise MalformedEventError("absurd", f"a label's verdict is one of {', '.join(VERDICTS)}; its entity_kind one of {', '.join(KINDS)}")
    return {**words, "time": float(label["time"])}
