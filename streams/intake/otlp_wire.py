"""OTLP/HTTP on the wire: bodies in, answers out, in JSON and in protobuf, which stock exporters and the Collector send by default.

A body in protobuf becomes what the same request is in OTLP's JSON, so that one format (`formats/otlp.py`) reads both: names in
lowerCamelCase, 64-bit integers as text, trace and span ids in hexadecimal. Only the fields that the format reads are taken: a third of
the time of protobuf's own `MessageToDict`. Answers are written in the encoding of the request.
Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp and the messages of the package opentelemetry-proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, TypeVar

import orjson
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError, Message
from google.rpc.code_pb2 import INVALID_ARGUMENT, UNAVAILABLE
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from streams.intake.formats.otlp import MAX_OTLP_DEPTH_LEVELS

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_MAX_ITEMS: Final = 65_536
"""Attributes and values that are read of one record, resource or scope. An empty one takes two bytes on the wire, hundreds in memory."""
_RECORD_PATH: Final = (0x0A, 0x12, 0x12)
"""Number and wire type of the fields down to a record: resource, scope, log record or span."""
_MAX_OTHER_FIELDS: Final = 20_000
"""Resources, scopes, schema addresses and unknown fields of a body."""
_VARINT_BITS: Final = 70
"""Of the longest number on the wire: ten bytes of seven bits each."""

_SCALARS: Final = {"string_value": "stringValue", "double_value": "doubleValue", "bool_value": "boolValue"}

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Signal:
    """What one OTLP path takes and answers. refused: the field of `partialSuccess` that counts refused records."""

    read: Callable[[bytes], Json | None]
    """Returns a protobuf body as its JSON would be, its lists as iterators; None when the bytes are no such request."""
    refused: str
    answer: type[Message]


def is_within(body: bytes, max_records: int) -> bool | None:
    """Return whether a protobuf body has so many records at most; None for bytes that are no request.

    protobuf's own parser makes an object of over a hundred bytes of each record, of two bytes on the wire if that is empty, before anybody
    can count them. So the fields down to the records are walked first (https://protobuf.dev/programming-guides/encoding).
    """
    steps = 0
    waiting: list[tuple[int, int, int]] = [(0, len(body), len(_RECORD_PATH))]
    try:
        while waiting:
            at, end, depth = waiting.pop()
            while at < end:
                steps += 1
                if steps > max_records + _MAX_OTHER_FIELDS:
                    return False
                field, start, at = _field(body, at)
                if depth > 1 and field == _RECORD_PATH[-depth]:
                    waiting.append((start, at, depth - 1))
    except (IndexError, ValueError):
        return None
    return True


def _field(body: bytes, at: int) -> tuple[int, int, int]:
    """Return a field's number with its wire type, where its content starts, and where it ends. Raises IndexError, ValueError."""
    tag, at = _varint(body, at)
    match tag & 7:
        case 0:
            return tag, at, _varint(body, at)[1]
        case 1:
            return tag, at, at + 8
        case 2:
            length, at = _varint(body, at)
            return tag, at, at + length
        case 5:
            return tag, at, at + 4
    raise ValueError(tag)


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < _VARINT_BITS:
        byte = body[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004  (the highest bit says that more follow)
            return value, at
    raise ValueError(at)


def answered(signal: Signal, encoding: str, refused: int, reasons: str) -> bytes:
    """Return the answer of 200 in this `encoding`, JSON or PROTOBUF: empty, or how many records were `refused`, with the `reasons`."""
    answer: Json = {"partialSuccess": {signal.refused: str(refused), "errorMessage": reasons}} if refused else {}
    return orjson.dumps(answer) if encoding == JSON else _bytes(ParseDict(answer, signal.answer()))


def failed(encoding: str, http_status: int, message: str) -> bytes:
    """Return the `google.rpc.Status` of an answer with this `http_status`, in JSON or PROTOBUF (`encoding`)."""
    again = http_status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    code = UNAVAILABLE if again else INVALID_ARGUMENT
    return orjson.dumps({"code": code, "message": message}) if encoding == JSON else _bytes(Status(code=code, message=message))


def _bytes(message: Message) -> bytes:
    written: bytes = message.SerializeToString()
    return written


def _logs(body: bytes) -> Json | None:
    """Return an `ExportLogsServiceRequest` in its JSON form; None when the bytes are invalid."""
    try:
        request = ExportLogsServiceRequest.FromString(body)
    except DecodeError:
        return None
    return {"resourceLogs": map(_resource_logs, request.resource_logs)}


def _spans(body: bytes) -> Json | None:
    """Return an `ExportTraceServiceRequest` in its JSON form; None when the bytes are invalid."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return None
    return {"resourceSpans": map(_resource_spans, request.resource_spans)}


def _resource_logs(logs: ResourceLogs) -> Json:
    return {"resource": _holder(logs.resource), "scopeLogs": map(_scope_logs, logs.scope_logs)}


def _scope_logs(scope: ScopeLogs) -> Json:
    return {"scope": _holder(scope.scope), "logRecords": map(_record, scope.log_records)}


def _resource_spans(traces: ResourceSpans) -> Json:
    return {"resource": _holder(traces.resource), "scopeSpans": map(_scope_spans, traces.scope_spans)}


def _scope_spans(scope: ScopeSpans) -> Json:
    return {"scope": _holder(scope.scope), "spans": map(_span, scope.spans)}


def _record(record: LogRecord) -> Json:
    room = _Room()
    return {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(record.observed_time_unix_nano),
        **({"spanId": record.span_id.hex()} if record.span_id else {}),  # no bytes: it has none
        "body": _value(record.body, room),
        "attributes": _attributes(record.attributes, room),
    }


def _span(span: Span) -> Json:
    return {
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "spanId": span.span_id.hex(),
        "status": {"code": int(span.status.code)},
        "attributes": _attributes(span.attributes, _Room()),
    }


def _holder(holder: Resource | InstrumentationScope) -> Json:
    return {"attributes": _attributes(holder.attributes, _Room())}


class _Room:
    """How many attributes and values may still be read."""

    def __init__(self) -> None:
        self._left = _MAX_ITEMS

    def take(self, items: Sequence[T]) -> Iterator[T]:
        """Return the first of these, as many as there is room for."""
        most, self._left = self._left, max(0, self._left - len(items))
        return islice(items, most)


def _attributes(pairs: Sequence[KeyValue], room: _Room, depth: int = 0) -> list[Json]:
    return [{"key": pair.key, "value": _value(pair.value, room, depth)} for pair in room.take(pairs)]


def _value(value: AnyValue, room: _Room, depth: int = 0) -> Json | None:
    """Return an AnyValue as OTLP's JSON has it; None for bytes, for no value, and for what lies too deep."""
    kind = value.WhichOneof("value")
    if kind in _SCALARS:
        return {_SCALARS[kind]: getattr(value, kind)}
    if kind == "int_value":
        return {"intValue": str(value.int_value)}
    if kind == "array_value" and depth < MAX_OTLP_DEPTH_LEVELS:
        return {"arrayValue": {"values": [_value(item, room, depth + 1) for item in room.take(value.array_value.values)]}}
    if kind == "kvlist_value" and depth < MAX_OTLP_DEPTH_LEVELS:
        return {"kvlistValue": {"values": _attributes(value.kvlist_value.values, room, depth + 1)}}
    return None


SIGNALS: Final[Mapping[str, Signal]] = {
    "/v1/logs": Signal(_logs, "rejectedLogRecords", ExportLogsServiceResponse),
    "/v1/traces": Signal(_spans, "rejectedSpans", ExportTraceServiceResponse),
}
"""The paths of OTLP/HTTP that are served, and what each takes."""
