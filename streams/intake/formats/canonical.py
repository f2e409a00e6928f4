"""The canonical event itself: flat JSON with OpenTelemetry GenAI and ECS names (`streams/schema/event.py`), or the same names nested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from streams.intake.formats.format import Entry, Format
from streams.schema.event import NAMES, Event

_PREFIXES: Final = frozenset(".".join(steps[:place]) for name in NAMES for steps in [name.split(".")] for place in range(1, len(steps)))


def _recognise(entry: Entry) -> bool:
    if "event.id" in entry:
        return "account.id" in entry
    return isinstance(event := entry.get("event"), dict) and "id" in event and isinstance(entry.get("account"), dict)


def _to_canonical(entry: Entry) -> tuple[Event]:
    if "timestamp" in entry and "event.id" in entry:
        return (entry,)
    event = dict(_flat(entry, ""))
    if "timestamp" not in event and "@timestamp" in entry:  # as Elastic's shippers write it
        event["timestamp"] = entry["@timestamp"]
    return (event,)


def _flat(entry: Entry, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the canonical names of nested objects, which ECS writes as `{"event": {"id": ...}}`."""
    for key, value in entry.items():
        name = f"{prefix}{key}"
        if name in NAMES and not (type(value) is dict and name in _PREFIXES):
            yield name, value
        elif type(value) is dict and name in _PREFIXES:
            yield from _flat(value, f"{name}.")
        elif not prefix:
            yield name, value


FORMAT: Final = Format("canonical", "Canonical event (OpenTelemetry GenAI and ECS names)", _recognise, _to_canonical)
