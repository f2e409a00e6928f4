"""OTLP/HTTP JSON logs: each log record becomes one canonical event (opentelemetry-proto, `ExportLogsServiceRequest`).

The attributes of the record, over those of its resource, are canonical names already (OpenTelemetry GenAI, ECS). The time is the record's,
and the event id its `event.id`, else its span id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_OURS: Final = {
    "enduser.id": "account.id",
    "session.id": "gen_ai.conversation.id",
    "server.request.duration": "http.server.request.duration",
}
_MOST_DEPTH: Final = 8
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")


def records(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the canonical event of each log record of a request's body. What is not shaped like OTLP yields an empty event."""
    for resource_logs in _list(body, "resourceLogs"):
        shared = _attributes(_object(_object(resource_logs), "resource"))
        for scope_logs in _list(_object(resource_logs), "scopeLogs"):
            for record in _list(_object(scope_logs), "logRecords"):
                yield _event(shared, _object(record))


def _event(shared: dict[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    event = {**shared, **_attributes(record)}
    nanoseconds = record.get("timeUnixNano") or record.get("observedTimeUnixNano")
    if "timestamp" not in event and nanoseconds is not None:
        event["timestamp"] = _seconds(nanoseconds)
    if "event.id" not in event:
        event["event.id"] = record.get("spanId") or None
    return event


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    pairs = [(str(each.get("key")), each.get("value")) for each in _list(holder, "attributes") if isinstance(each, dict)]
    return {_OURS.get(key, key): _value(value) for key, value in pairs}


def _value(value: Any, depth: int = 0) -> Any:
    """Return an AnyValue as plain JSON. Its 64-bit integers are texts."""
    if not isinstance(value, dict) or depth > _MOST_DEPTH:
        return None
    if "intValue" in value:
        return _integer(value["intValue"])
    if "arrayValue" in value:
        return [_value(each, depth + 1) for each in _list(_object(value["arrayValue"]), "values")]
    if "kvlistValue" in value:
        pairs = _list(_object(value["kvlistValue"]), "values")
        return {str(each.get("key")): _value(each.get("value"), depth + 1) for each in pairs if isinstance(each, dict)}
    return next((value[kind] for kind in ("stringValue", "boolValue", "doubleValue") if kind in value), None)


def _integer(value: Any) -> Any:
    """Return a 64-bit integer that came as a text; anything else as it is."""
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


def _seconds(nanoseconds: Any) -> Any:
    whole = _integer(nanoseconds)
    return whole / 1e9 if isinstance(whole, int) else nanoseconds


def _object(value: Any, name: str | None = None) -> Mapping[str, Any]:
    found = value if name is None else value.get(name)
    return found if isinstance(found, dict) else {}


def _list(holder: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else []
