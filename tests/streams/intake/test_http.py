"""Events over HTTP: what 200 promises, and when it is not given."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from google.rpc.status_pb2 import Status
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.intake import bodies
from streams.intake.connections import Connections
from streams.intake.fair_thread import FairThread
from streams.intake.http import Intake, Limits
from streams.schema import topics
from streams.schema.event import Event
from streams.testing.builders import event_ids_of

TOKEN = {"Authorization": "Bearer development-only-intake-token"}
MARKER = "xylophone quokka manifesto"


def line(number: int, **changes: Any) -> bytes:
    return json.dumps({"timestamp": time.time(), "event.id": f"e{number}", "account.id": "a1", **changes}).encode()


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with EmbeddedBroker() as running:
        topics.ensure(Settings(mode="local", kafka=running.bootstrap, partitions=1))
        yield running.bootstrap


@asynccontextmanager
async def intake(kafka: str, limits: Limits | None = None, **changes: Any) -> AsyncIterator[TestClient[Any, Any]]:
    served = Intake(Settings(mode="local", kafka=kafka, partitions=1, **changes), limits=limits)
    server = TestServer(served.app())
    await server.start_server(**bodies.SERVER)
    async with TestClient(server) as client:
        yield client


def delivered(kafka: str) -> list[str]:
    """Return the ids of all events in the topic, in order."""
    return [event_id or "" for event_id in event_ids_of(kafka)]


async def test_two_hundred_means_that_the_broker_has_it(broker: str) -> None:
    async with intake(broker) as client:
        first = line(101)
        body = b"\n".join([first, b"wrong", line(102, prompt=MARKER), first])
        answer = await client.post("/v1/events", data=body, headers=TOKEN)
        assert answer.status == 200
        told = await answer.json()
        assert (told["accepted"], told["rejected"]) == (2, {"not_json": 1, "duplicate": 1})
        found = await asyncio.to_thread(delivered, broker)
        assert found.count("e101") == found.count("e102") == 1


async def test_a_body_of_lines_that_ask_no_model_is_no_fault_of_its_sender(broker: str) -> None:
    tool = b'{"start_time":"2026-11-02T09:00:00Z","response_code":200,"account.id":"a","x-request-id":"t","mcp.method.name":"tools/call"}'
    async with intake(broker) as client:
        answer = await client.post("/v1/events", data=tool, headers=TOKEN)
        assert (answer.status, await answer.json()) == (200, {"accepted": 0, "rejected": {"no_request": 1}})
        assert (await client.post("/v1/events", data=tool + b"\nwrong", headers=TOKEN)).status == 400


def bedrock(request: str) -> bytes:
    """Return a line of Bedrock's invocation log as CloudWatch Logs gives it to a subscription."""
    entry = {
        "schemaType": "ModelInvocationLog",
        "timestamp": datetime.now(UTC).isoformat(),
        "requestId": request,
        "operation": "Converse",
        "modelId": "large",
        "identity": {"arn": "arn:aws:sts::1:assumed-role/app/ada"},
        "input": {"inputBodyJson": {"messages": [{"role": "user", "content": [{"text": MARKER}]}]}, "inputTokenCount": 3},
        "output": {"outputTokenCount": 7},
    }
    event = {"id": "1", "timestamp": 1, "message": json.dumps(entry)}
    return gzip.compress(json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [event]}).encode())


class Delivery(TypedDict):
    """What a client of the tests is given to send."""

    json: object
    headers: dict[str, str]


def firehose(*contents: bytes, token: str = "development-only-intake-token") -> Delivery:  # noqa: S107
    records = [{"data": b64encode(content).decode()} for content in contents]
    return {
        "json": {"requestId": "ed4acda5", "timestamp": 1578090901599, "records": records},
        "headers": {"X-Amz-Firehose-Access-Key": token, "X-Amz-Firehose-Request-Id": "ed4acda5", "X-Amz-Firehose-Protocol-Version": "1.0"},
    }


async def test_firehose_delivers_bedrocks_log_and_reads_its_request_in_the_answer(broker: str) -> None:
    control = {
        "messageType": "CONTROL_MESSAGE",
        "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE: Checking health"}],
    }
    async with intake(broker) as client:
        answer = await client.post("/v1/firehose", **firehose(bedrock("f1"), bedrock("f2"), line(903) + b"\n" + line(904)))
        assert (answer.status, (await answer.json())["requestId"]) == (200, "ed4acda5")
        assert answer.content_type == "application/json"
        answer = await client.post("/v1/firehose", **firehose(gzip.compress(json.dumps(control).encode())))
        assert answer.status == 200, "a question whether we are there is no log"
        found = await asyncio.to_thread(delivered, broker)
        assert {"f1", "f2", "e903", "e904"} <= {*found}


async def test_firehose_is_refused_in_words_that_it_shows(broker: str) -> None:
    async with intake(broker, Limits(body_events=2)) as client:
        for status, words, sent in (
            (401, "HYDROMETER_INTAKE_TOKEN", firehose(line(1), token="wrong")),
            (400, "account.id is missing", firehose(b'{"timestamp": 1, "event.id": "x"}')),
            (400, "delivery of Amazon Data Firehose", Delivery(json={"records": [{"data": "no base64"}]}, headers=firehose()["headers"])),
            (413, "at most 2 events", firehose(line(1), line(2), line(3))),
        ):
            answer = await client.post("/v1/firehose", **sent)
            refusal = await answer.json()
            assert (answer.status, refusal["requestId"]) == (status, "ed4acda5")
            assert words in refusal["errorMessage"]


async def test_a_gzip_body_is_read_and_a_broken_one_refused(broker: str) -> None:
    packed = {**TOKEN, "Content-Encoding": "gzip"}
    async with intake(broker) as client:
        answer = await client.post("/v1/events", data=gzip.compress(line(201)), headers=packed)
        assert await answer.json() == {"accepted": 1, "rejected": {}}
        answer = await client.post("/v1/events", data=b"no gzip at all", headers=packed)
        assert answer.status == 400


async def test_many_callers_share_a_delivery(broker: str) -> None:
    async with intake(broker) as client:
        answers = await asyncio.gather(*[client.post("/v1/events", data=line(300 + number), headers=TOKEN) for number in range(50)])
        assert [answer.status for answer in answers] == [200] * 50
    found = await asyncio.to_thread(delivered, broker)
    assert {f"e{300 + number}" for number in range(50)} <= set(found)


async def test_otlp_logs_become_events_and_refusals_are_told_in_its_way(broker: str) -> None:
    attributes = [{"key": "account.id", "value": {"stringValue": "a1"}}]
    good = {"timeUnixNano": str(time.time_ns()), "spanId": "s401", "attributes": attributes}
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [good, {"spanId": "s402"}]}]}]}
    async with intake(broker) as client:
        answer = await client.post("/v1/logs", json=body, headers=TOKEN)
        told = (await answer.json())["partialSuccess"]
        assert told["rejectedLogRecords"] == "1"
        assert told["errorMessage"].startswith(
            "missing_field: 1 (timestamp is missing; OpenTelemetry GenAI logs and spans (OTLP JSON) has it in"
        )
        assert (await client.post("/v1/logs", data=b"protobuf", headers=TOKEN)).status == 400
    assert "s401" in await asyncio.to_thread(delivered, broker)


async def test_the_stock_exporters_of_opentelemetry_deliver_logs_and_spans(broker: str) -> None:
    """The SDK's exporters at their defaults (protobuf), and packed."""
    async with intake(broker) as client:
        logs = OTLPLogExporter(str(client.make_url("/v1/logs")), headers=TOKEN, compression=Compression.Gzip)
        spans = OTLPSpanExporter(str(client.make_url("/v1/traces")), headers=TOKEN)
        assert await asyncio.to_thread(exported, logs, spans) == (LogRecordExportResult.SUCCESS, SpanExportResult.SUCCESS)
    found = await asyncio.to_thread(delivered, broker)
    assert "log-411" in found
    assert len(found) == len(set(found)) >= 2


async def test_a_stock_exporter_reads_that_everything_of_it_was_refused(broker: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without an account the whole export is refused with 400, and the exporter does not send it again."""
    async with intake(broker) as client:
        spans = OTLPSpanExporter(str(client.make_url("/v1/traces")), headers=TOKEN)
        assert await asyncio.to_thread(spans.export, [a_span({})]) == SpanExportResult.FAILURE
    assert "missing_field: 1 (" in caplog.text


async def test_protobuf_that_is_none_is_a_status_in_protobuf(broker: str) -> None:
    headers = {**TOKEN, "Content-Type": "application/x-protobuf"}
    async with intake(broker) as client:
        answer = await client.post("/v1/logs", data=b"\xff\xff", headers=headers)
        assert answer.status == 400
        assert Status.FromString(await answer.read()).message == "the body must be an OTLP export request in application/x-protobuf"


def a_span(attributes: Event) -> Any:
    span: Any = TracerProvider().get_tracer("gateway").start_span("chat", attributes={"gen_ai.request.model": "m", **attributes})
    span.end()
    return span


def exported(logs: OTLPLogExporter, spans: OTLPSpanExporter) -> tuple[LogRecordExportResult, SpanExportResult]:
    attributes = {"event.id": "log-411", "account.id": "a1", "gen_ai.request.model": "m"}
    record = ReadableLogRecord(LogRecord(timestamp=time.time_ns(), attributes=attributes), resource=Resource.create())
    return logs.export([record]), spans.export([a_span({"account.id": "a1"})])


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "\udcff"}])
async def test_without_the_token_nothing_is_read(headers: dict[str, str]) -> None:
    async with intake("127.0.0.1:1") as client:
        assert (await client.post("/v1/events", data=line(1), headers=headers)).status == 401
        assert (await client.post("/v1/logs", data=b"{}", headers=headers)).status == 401


async def test_a_body_over_the_limit_is_refused_packed_or_not() -> None:
    async with intake("127.0.0.1:1", Limits(body_bytes=1000)) as client:
        assert (await client.post("/v1/events", data=b"x" * 1001, headers=TOKEN)).status == 413
        bomb = gzip.compress(b"x" * 1_000_000)
        answer = await client.post("/v1/events", data=bomb, headers={**TOKEN, "Content-Encoding": "gzip"})
        assert answer.status == 413


async def test_who_sends_too_fast_is_told_when_to_come_back(broker: str) -> None:
    async with intake(broker, Limits(events_per_second=0.1, burst_events=2)) as client:
        body = b"\n".join([line(501), line(502), line(503)])
        assert (await client.post("/v1/events", data=body, headers=TOKEN)).status == 200
        answer = await client.post("/v1/events", data=body, headers=TOKEN)
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 20


async def test_a_body_that_is_refused_is_charged_by_its_bytes(broker: str) -> None:
    async with intake(broker, Limits(events_per_second=0.1, burst_events=2, body_events=9)) as client:
        for body, status in ((b"[" * 1_024, 400), (b"x\n" * 1_024, 413), (line(504), 429)):
            assert (await client.post("/v1/events", data=body, headers=TOKEN)).status == status


async def test_without_a_broker_the_answer_is_503_and_the_same_batch_counts_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.intake.http.CALLER_WAIT_SECONDS", 0.5)
    running = EmbeddedBroker()
    with running:
        kafka = running.bootstrap
    async with intake(kafka) as client:
        answer = await client.post("/v1/events", data=line(601), headers=TOKEN)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert (await client.get("/healthz")).status == 503
        with EmbeddedBroker(int(kafka.rpartition(":")[2])):
            topics.ensure(Settings(mode="local", kafka=kafka, partitions=1))
            await asyncio.sleep(1.1)
            answer = await client.post("/v1/events", data=line(601), headers=TOKEN)
            assert await answer.json() == {"accepted": 1, "rejected": {}}
            assert await asyncio.to_thread(delivered, kafka) == ["e601"]


async def test_a_blown_fuse_answers_503_until_its_pause_is_over_and_serves_on(broker: str) -> None:
    async with intake(broker, fuse_run=3) as client:
        answer = await client.post("/v1/events", data=b"\n".join([line(701), *[b"wrong"] * 5]), headers=TOKEN)
        assert answer.status == 503
        assert "3 lines in a row" in await answer.text()
        answer = await client.post("/v1/events", data=line(702), headers=TOKEN)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
        assert (await client.get("/healthz")).status == 200
    assert "e701" in await asyncio.to_thread(delivered, broker)


async def test_a_body_of_which_nothing_is_accepted_is_a_bad_request_and_one_that_came_before_is_not(broker: str) -> None:
    async with intake(broker) as client:
        answer = await client.post("/v1/events", data=b"wrong\nwrong", headers=TOKEN)
        assert answer.status == 400
        assert await answer.json() == {
            "accepted": 0,
            "rejected": {"not_json": 2},
            "examples": [
                {
                    "count": 2,
                    "position": "1",
                    "reason": "not_json",
                    "detail": "the line is not JSON",
                    "shape": '{"length":5,"skeleton":""}',
                }
            ],
        }
        assert (await client.post("/v1/events", data=b"\n" * 1_000, headers=TOKEN)).status == 400
        first = line(801)
        assert [(await client.post("/v1/events", data=first, headers=TOKEN)).status for _ in range(2)] == [200, 200]


async def test_an_answer_names_the_field_that_is_missing_where_the_format_has_it_and_none_of_the_text(broker: str) -> None:
    envoy = {"start_time": time.time(), "response_code": 200, "gen_ai.request.model": MARKER, "duration": 7}
    async with intake(broker) as client:
        answer = await client.post("/v1/events", data=line(805) + b"\n" + json.dumps(envoy).encode(), headers=TOKEN)
        told = await answer.json()
        (example,) = told["examples"]
        assert (answer.status, example["count"], example["position"], example["reason"]) == (200, 1, "2", "missing_field")
        assert "Envoy AI Gateway (access log) has it in `event.id` or `x-request-id`" in example["detail"]
        assert '"duration":7' in example["shape"]
        assert MARKER not in json.dumps(told)


async def test_an_array_is_a_list_of_events_whatever_a_caller_wrote_into_them(broker: str) -> None:
    async with intake(broker) as client:
        array = b"[" + line(811) + b"," + line(812)[:-1] + b', "gen_ai.request.temperature": NaN}]'
        answer = await client.post("/v1/events", data=array, headers=TOKEN)
        assert await answer.json() == {"accepted": 2, "rejected": {}}


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * 50_000 + b"{}]",
        b"{}\n" * 50_001,
        b"\n" * 1_000_000,
        b"[" + b"[]," * 1_000_000 + b"[]]",
        b"[" + b'"",' * 2_000_001 + b'""]',
    ],
    ids=["items", "lines", "line feeds", "values", "strings"],
)
async def test_a_body_of_more_events_or_values_than_one_may_hold_is_too_large(body: bytes) -> None:
    async with intake("127.0.0.1:1") as client:
        assert (await client.post("/v1/events", data=body, headers=TOKEN)).status == 413


async def test_an_integer_beyond_64_bits_is_no_error_of_ours(broker: str) -> None:
    record = {"timeUnixNano": "1", "attributes": [{"key": "account.id", "value": {"intValue": "-9999999999999999999"}}]}
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    async with intake(broker) as client:
        assert (await client.post("/v1/logs", json=body, headers=TOKEN)).status == 400


async def test_a_shipment_of_more_records_than_a_body_may_hold_is_too_large() -> None:
    body: Event = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}] * 11}]}]}
    async with intake("127.0.0.1:1", Limits(body_events=10)) as client:
        assert (await client.post("/v1/logs", json=body, headers=TOKEN)).status == 413


async def test_more_bodies_than_there_is_room_for_are_told_to_come_back_and_slow_ones_end() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"x" * 900
        await asyncio.sleep(5)

    limits = Limits(open_bytes=2_000, body_seconds=0.5)
    async with intake("127.0.0.1:1", limits) as client:
        slow = asyncio.create_task(client.post("/v1/events", data=slowly(), headers=TOKEN))
        await asyncio.sleep(0.2)
        assert (await client.post("/v1/events", data=b"y" * 200, headers=TOKEN)).status == 503
        assert (await slow).status == 408
        assert (await client.get("/healthz")).status == 200


async def test_each_source_has_its_own_token_rate_and_fuse_and_new_ones_are_read_while_it_runs(broker: str, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("east first-token-of-16\n")
    limits = Limits(events_per_second=0.01, burst_events=5)
    async with intake(broker, limits, intake_tokens=tokens, fuse_run=3) as client:

        async def status(token: str, *lines: bytes) -> int:
            return (await client.post("/v1/events", data=b"\n".join(lines), headers={"Authorization": f"Bearer {token}"})).status

        assert await status("first-token-of-16", *[b"wrong"] * 4) == 503
        assert await status("first-token-of-16", line(821)) == 503, "east is paused"
        assert (await client.post("/v1/events", data=line(822), headers=TOKEN)).status == 200
        assert await status("other-token-of-16", line(823)) == 401
        tokens.write_text("west other-token-of-16\n# east is gone\n")
        await asyncio.sleep(1.1)
        assert await status("other-token-of-16", line(824)) == 200
        assert await status("first-token-of-16", line(825)) == 401
        assert await status("other-token-of-16", *[line(number) for number in range(830, 840)]) == 200
        assert await status("other-token-of-16", line(840)) == 429


async def test_a_connection_that_says_nothing_is_closed_and_there_are_only_so_many() -> None:
    served = Intake(Settings(mode="local", kafka="127.0.0.1:1", partitions=1))
    served.connections = Connections(most=3, header_seconds=0.5)
    runner = web.AppRunner(served.app(), **bodies.SERVER)
    await runner.setup()
    assert runner.server is not None
    listener = await served.connections.listen(runner.server, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()[:2]
    silent = [await asyncio.open_connection(host, port) for _ in range(5)]
    async with asyncio.timeout(5):
        for reader, writer in silent:
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
    listener.close()
    await runner.cleanup()


async def test_metrics_count_the_answers() -> None:
    async with intake("127.0.0.1:1") as client:
        await client.post("/v1/events", data=b"")
        text = await (await client.get("/metrics")).text()
        assert 'hydrometer_intake_answers_total{path="/v1/events",status="401"}' in text
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/nowhere")).status == 404


NEIGHBOUR = {"Authorization": "Bearer neighbour-token-of-16"}


@pytest.fixture
def neighbour(tmp_path: Path) -> Path:
    """A file of tokens with that of another source."""
    tokens = tmp_path / "tokens"
    tokens.write_text("neighbour neighbour-token-of-16\n")
    return tokens


async def test_open_bodies_of_one_source_leave_room_for_another(broker: str, neighbour: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 400
            await asyncio.sleep(0.01)
        await asyncio.sleep(60)

    async with intake(broker, Limits(open_bytes=4_000, body_seconds=5), intake_tokens=neighbour) as client:
        slow = [asyncio.create_task(client.post("/v1/events", data=endless(), headers=TOKEN)) for _ in range(4)]
        answers, _ = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
        assert {answer.result().status for answer in answers} == {503}
        assert (await client.post("/v1/events", data=line(901), headers=NEIGHBOUR)).status == 200
        for task in slow:
            task.cancel()


async def until_waiting(fair: FairThread, number: int) -> None:
    while fair.waiting < number:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)


async def test_bodies_are_read_in_turns_of_their_sources(broker: str, neighbour: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first body of a source is read, four more of it come, and then one of another: it is the second."""
    gate, order = threading.Event(), list[bytes]()

    def lines(body: bytes, most: int) -> list[bytes]:
        assert most == 50_000
        gate.wait()
        order.append(body[:1])
        return [body]

    monkeypatch.setattr("streams.intake.http._lines", lines)
    served = Intake(Settings(mode="local", kafka=broker, partitions=1, intake_tokens=neighbour))
    server = TestServer(served.app())
    await server.start_server(**bodies.SERVER)
    async with TestClient[Any, Any](server) as client:
        sent = [asyncio.create_task(client.post("/v1/events", data=line(910 + number), headers=TOKEN)) for number in range(5)]
        await until_waiting(served.parser, 4)
        sent.append(asyncio.create_task(client.post("/v1/events", data=b" " + line(920), headers=NEIGHBOUR)))
        await until_waiting(served.parser, 5)
        gate.set()
        assert [answer.status for answer in await asyncio.gather(*sent)] == [200] * 6
    assert order == [b"{", b" ", *[b"{"] * 4]


async def test_a_source_that_is_paused_or_in_debt_is_refused_before_its_body_is_read(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(events_per_second=0.1, burst_events=2)
    async with intake(broker, limits) as client:
        assert (await client.post("/v1/events", data=b"\n".join(map(line, range(930, 934))), headers=TOKEN)).status == 200
        monkeypatch.delattr("streams.intake.http._lines")
        assert (await client.post("/v1/events", data=line(934), headers=TOKEN)).status == 429
    monkeypatch.undo()
    async with intake(broker, fuse_run=3) as client:
        assert (await client.post("/v1/events", data=b"\n".join([b"wrong"] * 5), headers=TOKEN)).status == 503
        monkeypatch.delattr("streams.intake.http._lines")
        assert (await client.post("/v1/events", data=line(935), headers=TOKEN)).status == 503


@pytest.mark.parametrize("text", ["," * 2_000_001, '\\"[{:,' * 400_001], ids=["commas", "escaped"])
async def test_what_a_prompt_says_is_not_counted_as_values(broker: str, text: str) -> None:
    """One customer's prompt of two million commas does not take the other customers' events with it."""
    key = f"{len(text)}"
    attributes = [{"key": name, "value": {"stringValue": value}} for name, value in (("account.id", "a"), ("gen_ai.input.messages", text))]
    record = {"timeUnixNano": str(time.time_ns()), "spanId": f"l{key}", "attributes": attributes}
    async with intake(broker) as client:
        array = b"[" + line(int(key)) + b"," + line(int(key) + 1, prompt=text) + b"]"
        answer = await client.post("/v1/events", data=array, headers={**TOKEN, "Content-Type": "application/json"})
        assert (await answer.json())["accepted"] >= 1
        answer = await client.post("/v1/logs", json={"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}, headers=TOKEN)
        assert answer.status == 200


async def test_an_array_that_is_not_strict_json_is_cut_into_its_events(broker: str) -> None:
    async with intake(broker) as client:
        array = b" [" + line(941, prompt="}],[{") + b",\n" + line(942)[:-1] + b', "temperature": 1e400}]'
        answer = await client.post("/v1/events", data=array, headers=TOKEN)
        assert await answer.json() == {"accepted": 2, "rejected": {}}
        answer = await client.post("/v1/events", data=b"[" + b'{"a":1e400},' * 50_001 + b"{}]", headers=TOKEN)
        assert answer.status == 413
