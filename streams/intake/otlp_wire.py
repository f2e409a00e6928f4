"""OTLP/HTTP on the wire: bodies in, answers out, in JSON and in protobuf, which stock exporters and the Collector send by default.

A body in protobuf becomes what the same request is in OTLP's JSON, so that one format (`formats/otlp.py`) reads both: names in
lowerCamelCase, 64-bit integers as text, trace and span ids in hexadecimal. Only the fields that the format reads are taken: a third of
the time of protobuf's own `MessageToDict`. Answers are written in the encoding of the request.
Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp and the messages of the package opentelemetry-proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError, Message
from google.rpc.code_pb2 import INVALID_ARGUMENT, UNAVAILABLE
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_MAX_DEPTH_LEVELS: Final = 8
"""Nested values up to this level are read, as the format does; deeper ones are unknown."""

_SCALARS: Final = {"string_value": "stringValue", "double_value": "doubleValue", "bool_value": "boolValue"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Signal:
    """What one OTLP path takes and answers. refused: the field of `partialSuccess` that counts refused records."""

    read: Callable[[bytes], Json | None]
    """Returns a protobuf body as its JSON would be; None when the bytes are no such request."""
    refused: str
    answer: type[Message]


def answered(signal: Signal, encoding: str, refused: int, reasons: str) -> bytes:
    """Return the answer of 200 in JSON or PROTOBUF: empty when nothing was refused, else how many records and why."""
    answer: Json = {"partialSuccess": {signal.refused: str(refused), "errorMessage": reasons}} if refused else {}
    return orjson.dumps(answer) if encoding == JSON else _bytes(ParseDict(answer, signal.answer()))


def failed(encoding: str, http_status: int, message: str) -> bytes:
    """Return the `google.rpc.Status` that an answer of 4xx or 5xx holds, in JSON or PROTOBUF."""
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
    return {
        "resourceLogs": [
            {
                **_holder("resource", resource_part.resource),
                "scopeLogs": [
                    {**_holder("scope", scope.scope), "logRecords": [_record(record) for record in scope.log_records]}
                    for scope in resource_part.scope_logs
                ],
            }
            for resource_part in request.resource_logs
        ]
    }


def _spans(body: bytes) -> Json | None:
    """Return an `ExportTraceServiceRequest` in its JSON form; None when the bytes are invalid."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return None
    return {
        "resourceSpans": [
            {
                **_holder("resource", resource_part.resource),
                "scopeSpans": [
                    {**_holder("scope", scope.scope), "spans": [_span(span) for span in scope.spans]} for scope in resource_part.scope_spans
                ],
            }
            for resource_part in request.resource_spans
        ]
    }


def _record(record: LogRecord) -> Json:
    return {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(record.observed_time_unix_nano),
        "spanId": record.span_id.hex(),
        "body": _value(record.body, 0),
        "attributes": _attributes(record.attributes),
    }


def _span(span: Span) -> Json:
    return {
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "spanId": span.span_id.hex(),
        "status": {"code": int(span.status.code)},
        "attributes": _attributes(span.attributes),
    }


def _holder(name: str, holder: Resource | InstrumentationScope) -> Json:
    return {name: {"attributes": _attributes(holder.attributes)}}


def _attributes(pairs: Iterable[KeyValue], depth: int = 0) -> list[Json]:
    return [{"key": pair.key, "value": _value(pair.value, depth)} for pair in pairs]


def _value(value: AnyValue, depth: int) -> Json | None:
    """Return an AnyValue as OTLP's JSON has it; None for bytes, for no value, and for what lies too deep."""
    kind = value.WhichOneof("value")
    if kind in _SCALARS:
        return {_SCALARS[kind]: getattr(value, kind)}
    if kind == "int_value":
        return {"intValue": str(value.int_value)}
    if kind == "array_value" and depth < _MAX_DEPTH_LEVELS:
        return {"arrayValue": {"values": [_value(item, depth + 1) for item in value.array_value.values]}}
    if kind == "kvlist_value" and depth < _MAX_DEPTH_LEVELS:
        return {"kvlistValue": {"values": _attributes(value.kvlist_value.values, depth + 1)}}
    return None


SIGNALS: Final[Mapping[str, Signal]] = {
    "/v1/logs": Signal(_logs, "rejectedLogRecords", ExportLogsServiceResponse),
    "/v1/traces": Signal(_spans, "rejectedSpans", ExportTraceServiceResponse),
}
"""The paths of OTLP/HTTP that are served, and what each takes."""
