"""OpenTelemetry GenAI: logs and spans in OTLP's JSON (`ExportLogsServiceRequest`, `ExportTraceServiceRequest`), an event a record.

The attributes of a record, over those of its scope and resource, are canonical names already (OpenTelemetry GenAI, ECS); names of earlier
conventions are taken too. The time is the record's own, or a span's start; the event id its `event.id`, else its span id. Of a trace's
spans, those without a model are not requests. Fields that a collector put in the body of a record, as an object or a text of JSON, are
read from there. A log record may also carry the line of another gateway, in its body (the Collector's file log) or as its attributes
(Envoy's access log): it is read as that gateway's, over what the record says itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from streams.intake.formats.format import UNKNOWN, Entry, Format, Source, digest, messages, parsed, texts
from streams.schema.event import NAMES, Event

_CANONICAL_NAMES: Final = {
    "enduser.id": "account.id",
    "session.id": "gen_ai.conversation.id",
    "server.request.duration": "http.server.request.duration",
    "gen_ai.system": "gen_ai.provider.name",
    "gen_ai.usage.prompt_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.completion_tokens": "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.input.messages": "prompt",
    "gen_ai.system_instructions": "system_prompt",
    "gen_ai.tool.definitions": "tool_hash",
}
_ONLY_OTHERS: Final = frozenset({"prompt", "system_prompt", "tool_hash"})
"""Fields that the conventions know under other names alone."""
CONVENTIONS: Final = NAMES | _CANONICAL_NAMES.keys()
"""Names of attributes that are read here."""
_CONVERTED: Final = {"gen_ai.input.messages": messages, "gen_ai.system_instructions": texts, "gen_ai.tool.definitions": digest}
_JSON_TEXTS: Final = frozenset({"gen_ai.system_instructions", "gen_ai.tool.definitions"})
_MODEL_FIELDS: Final = frozenset({"gen_ai.request.model", "gen_ai.response.model", "gen_ai.operation.name", "gen_ai.usage.input_tokens"})
_OTHER_OPERATIONS: Final = ("execute_tool", "invoke_agent", "create_agent", "invoke_workflow")  # a tuple: a trace's value may be unhashable
MAX_OTLP_DEPTH_LEVELS: Final = 8
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_NANOSECONDS: Final = re.compile(r"[0-9]{1,20}")
_SERVER_ERROR_STATUS: Final = 500
_ERROR: Final = "error.type"
"""The conventions' name for a failure: an HTTP status, or the name of an error."""
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")
_SPAN_FAILED: Final = (2, "STATUS_CODE_ERROR")


Carried = Callable[[Entry, Entry], Iterable[Event] | None]
"""From the fields of a record, and those that its resource and scope add, to the events of the gateway that named them so.

None where no other gateway did."""


def _recognise(entry: Entry) -> bool:
    return "resourceLogs" in entry or "resourceSpans" in entry


def events(entry: Entry, carried: Carried) -> Iterator[Event]:
    """Yield the events of an export. carried: reads the fields of a record that another gateway named."""
    for resource_logs, shared in _scopes(entry, "resourceLogs", "scopeLogs"):
        for record in _list(resource_logs, "logRecords"):
            yield from _of_record(shared, _object(record), carried)
    for scope_spans, shared in _scopes(entry, "resourceSpans", "scopeSpans"):
        for span in _list(scope_spans, "spans"):
            for event in _of_span(shared, _object(span), carried):
                if not _MODEL_FIELDS.isdisjoint(event) and event.get("gen_ai.operation.name") not in _OTHER_OPERATIONS:
                    yield event


class _Shared(NamedTuple):
    """What all records of a scope have in common."""

    attributes: Entry
    event: Event


def _scopes(entry: Entry, resources: str, scopes: str) -> Iterator[tuple[Entry, _Shared]]:
    """Yield each scope of each resource, with the attributes that all of its records share."""
    for resource in _list(entry, resources):
        of_resource = dict(_pairs(_object(_object(resource), "resource")))
        for scope in _list(_object(resource), scopes):
            attributes = {**of_resource, **dict(_pairs(_object(_object(scope), "scope")))}
            yield _object(scope), _Shared(attributes, _named(attributes.items()))


def _of_record(shared: _Shared, record: Entry, carried: Carried) -> Iterator[Event]:
    body, attributes = _body(record), dict(_pairs(record))
    event = {**shared.event, **_named(body.items()), **_named(attributes.items())}
    when = next((value for name in ("timeUnixNano", "observedTimeUnixNano") if (value := record.get(name)) not in (None, "0", 0)), None)
    return _over(_completed(event, record, when, attributes.get(_ERROR)), carried({**body, **attributes}, shared.attributes))


def _over(event: Event, others: Iterable[Event] | None) -> Iterator[Event]:
    """Yield the events of another gateway over what the record itself says, or that alone."""
    if others is None:
        yield event
    else:
        yield from ({**event, **other} for other in others)


def _of_span(shared: _Shared, span: Entry, carried: Carried) -> Iterator[Event]:
    attributes = dict(_pairs(span))
    event = {**shared.event, **_named(attributes.items())}
    began, ended = _seconds(span.get("startTimeUnixNano")), _seconds(span.get("endTimeUnixNano"))
    if isinstance(began, float) and isinstance(ended, float) and ended >= began:
        event.setdefault("http.server.request.duration", ended - began)
    event.setdefault("event.id", None)
    completed = _completed(event, span, span.get("startTimeUnixNano"), attributes.get(_ERROR))
    if _object(span, "status").get("code") in _SPAN_FAILED:
        completed.setdefault("http.response.status_code", _SERVER_ERROR_STATUS)
    return _over(completed, carried(attributes, shared.attributes))


def _completed(event: Event, record: Entry, nanoseconds: Any, error: Any) -> Event:
    if "timestamp" not in event and nanoseconds is not None:
        event["timestamp"] = _seconds(nanoseconds)
    if error not in UNKNOWN:
        event.setdefault("http.response.status_code", int(error) if _STATUS.fullmatch(str(error)) else _SERVER_ERROR_STATUS)
    if event.get("event.id") is None and "spanId" in record:
        event["event.id"] = record["spanId"] or None  # None: a caller's, and none
    return event


def _body(record: Entry) -> Entry:
    """Return the fields of a body: of an object, or of a text of JSON, as collectors that read log files write it."""
    value = _value(record.get("body"))
    fields = parsed(value) if isinstance(value, str) else value
    return fields if isinstance(fields, dict) else {}


def _pairs(holder: Entry) -> Iterator[tuple[str, Any]]:
    return ((str(pair.get("key", "")), _value(pair.get("value"))) for pair in _list(holder, "attributes") if isinstance(pair, dict))


def _named(pairs: Iterable[tuple[str, Any]]) -> Event:
    fields: Event = {}
    for key, value in pairs:
        if value in UNKNOWN:
            if key == "event.id":
                fields[key] = None  # a caller's, and none
            continue
        name = _CANONICAL_NAMES.get(key, key)
        if key in _CONVERTED:
            whole = (parsed(value) or value) if key in _JSON_TEXTS and isinstance(value, str) else value
            fields[name] = _CONVERTED[key](whole)
        elif name in NAMES:
            fields[name] = value
    return fields


def _value(value: Any, depth: int = 0) -> Any:
    """Return an AnyValue as plain JSON. Its 64-bit integers are texts."""
    if not isinstance(value, dict) or depth > MAX_OTLP_DEPTH_LEVELS:
        return None
    if "intValue" in value:
        return _integer(value["intValue"])
    if "arrayValue" in value:
        return [_value(pair, depth + 1) for pair in _list(_object(value["arrayValue"]), "values")]
    if "kvlistValue" in value:
        pairs = _list(_object(value["kvlistValue"]), "values")
        return {str(pair.get("key", "")): _value(pair.get("value"), depth + 1) for pair in pairs if isinstance(pair, dict)}
    return next((value[kind] for kind in ("stringValue", "boolValue", "doubleValue") if kind in value), None)


def _integer(value: Any) -> Any:
    """Return a 64-bit integer from its text; anything else unchanged."""
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


def _seconds(nanoseconds: Any) -> Any:
    whole = int(nanoseconds) if isinstance(nanoseconds, str) and _NANOSECONDS.fullmatch(nanoseconds) else nanoseconds
    return whole / 1e9 if type(whole) is int else nanoseconds


def _object(value: Any, name: str | None = None) -> Entry:
    item = value if name is None else value.get(name)
    return item if isinstance(item, dict) else {}


def _list(holder: Entry, name: str) -> Iterable[Any]:
    """Return a list of a holder; of a body in protobuf it is an iterator that makes one record at a time."""
    found = holder.get(name)
    return found if isinstance(found, list | Iterator) else []


def _sources() -> dict[str, Source]:
    """Return where each field is that has another name too: attributes have canonical names."""
    names: dict[str, list[str]] = {field: [field] for field in ("account.id", "event.id")}
    for attribute, field in _CANONICAL_NAMES.items():
        names.setdefault(field, [] if field in _ONLY_OTHERS else [field]).append(attribute)
    words = {field: "the attribute " + " or ".join(f"`{name}`" for name in attributes) for field, attributes in names.items()}
    words["event.id"] += ", else the span's id"
    words["http.response.status_code"] = f"the attribute `http.response.status_code` or `{_ERROR}`, or a span's status"
    words["timestamp"] = "`timeUnixNano`, else `observedTimeUnixNano`, or the start of a span"
    return {field: Source(text, lambda _entry: None) for field, text in words.items()}


FORMAT: Final = Format(
    "otlp",
    "OpenTelemetry GenAI logs and spans (OTLP JSON)",
    _recognise,
    lambda entry: events(entry, lambda _fields, _shared: None),
    _sources(),
)
