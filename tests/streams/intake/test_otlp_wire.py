"""OTLP on the wire: protobuf's own JSON is the yardstick of our reading."""

from __future__ import annotations

import time
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from streams.intake.formats import otlp
from streams.intake.otlp_wire import JSON, PROTOBUF, SIGNALS, answered, failed, is_within

LOGS, TRACES = SIGNALS["/v1/logs"], SIGNALS["/v1/traces"]


def any_value(value: Any) -> AnyValue:
    made = AnyValue()
    if isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, int):
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, bytes):
        made.bytes_value = value
    elif isinstance(value, list):
        made.array_value.values.extend(map(any_value, value))
        made.array_value.SetInParent()
    elif isinstance(value, dict):
        made.kvlist_value.SetInParent()
        for name, item in value.items():
            made.kvlist_value.values.add(key=name, value=any_value(item))
    return made


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=6
)
NAMES = st.sampled_from(["account.id", "event.id", "gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.tool.definitions", "other"])


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4), VALUES, st.integers(0, 2**63))
def test_a_log_in_protobuf_is_the_event_that_it_is_in_protobufs_own_json(shared: Any, own: Any, body: Any, nanoseconds: int) -> None:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    for name, value in shared.items():
        logs.resource.attributes.add(key=name, value=any_value(value))
    record = logs.scope_logs.add().log_records.add(time_unix_nano=nanoseconds, body=any_value(body))
    for name, value in own.items():
        record.attributes.add(key=name, value=any_value(value))
    ours = LOGS.read(request.SerializeToString())
    assert ours is not None
    assert list(otlp.FORMAT.to_canonical(ours)) == list(otlp.FORMAT.to_canonical(MessageToDict(request)))


def test_a_span_has_its_id_in_hexadecimal_and_its_time_from_start_to_end() -> None:
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            span_id=bytes.fromhex("00f067aa0ba902b7"),
            start_time_unix_nano=1_790_000_000_000_000_000,
            end_time_unix_nano=1_790_000_002_000_000_000,
        )
    )
    span.attributes.add(key="gen_ai.request.model", value=any_value("m"))
    found = TRACES.read(request.SerializeToString())
    assert found is not None
    (event,) = otlp.FORMAT.to_canonical(found)
    assert event == {
        "event.id": "00f067aa0ba902b7", "gen_ai.request.model": "m", "http.server.request.duration": 2.0, "timestamp": 1_790_000_000.0,
    }  # fmt: skip


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x05", b'{"resourceLogs": []}'])
@pytest.mark.parametrize("signal", [LOGS, TRACES])
def test_bytes_that_are_no_request_are_none(signal: Any, body: bytes) -> None:
    assert signal.read(body) is None


def test_values_nested_deeper_than_the_format_reads_end_as_unknown() -> None:
    deep: Any = "bottom"
    for _ in range(20):
        deep = [deep]
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(body=any_value(deep))
    found = LOGS.read(request.SerializeToString())
    assert found is not None
    assert "bottom" not in str([record for logs in found["resourceLogs"] for scope in logs["scopeLogs"] for record in scope["logRecords"]])


def test_records_are_counted_before_they_are_made() -> None:
    most = 50_000
    request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord()] * most)])])
    body = request.SerializeToString()
    assert is_within(body, most)
    assert is_within(body, most - 20_100) is False
    started = time.thread_time()
    assert is_within(b"\x0a\x00" * 8_000_000, most) is False
    assert time.thread_time() - started < 1.0


@pytest.mark.parametrize("body", [b"\x0a\x7f", b"\x0f", b"\xff" * 20, b"words"])
def test_bytes_that_are_no_request_are_not_counted(body: bytes) -> None:
    assert is_within(body, 10) is None


def test_a_field_that_the_walk_cannot_pass_hides_no_records_behind_it() -> None:
    group = b"\x0b\x0c"  # wire types 3 and 4, which protobuf's parser passes over
    assert is_within(group + b"\x0a\x00" * 100_000, 10) is None


def test_of_one_record_no_more_values_are_read_than_there_is_room_for() -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    for number in range(3):
        record.attributes.add(key=str(number), value=any_value([""] * 40_000))
    found = LOGS.read(request.SerializeToString())
    assert found is not None
    (read,) = [record for logs in found["resourceLogs"] for scope in logs["scopeLogs"] for record in scope["logRecords"]]
    values = [each["value"] for each in read["attributes"]]
    assert [len(each["arrayValue"]["values"]) if each else 0 for each in values] == [40_000, 25_533, 0]


def test_an_answer_counts_what_was_refused_in_the_encoding_of_the_request() -> None:
    assert answered(LOGS, JSON, 0, "") == b"{}"
    assert answered(LOGS, PROTOBUF, 0, "") == b""
    assert answered(TRACES, JSON, 2, "missing_field: 2") == b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"missing_field: 2"}}'
    partial = ExportLogsServiceResponse.FromString(answered(LOGS, PROTOBUF, 2, "missing_field: 2")).partial_success
    assert (partial.rejected_log_records, partial.error_message) == (2, "missing_field: 2")


def test_a_failure_is_a_status_that_says_whether_to_send_again() -> None:
    assert failed(JSON, 400, "no request") == b'{"code":3,"message":"no request"}'
    assert Status.FromString(failed(PROTOBUF, 503, "the broker is behind")).code == 14
