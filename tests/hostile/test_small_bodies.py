"""A body of a kilobyte that means a gigabyte: what its events share is held once, and others are answered meanwhile."""

from __future__ import annotations

import gzip
import json
import threading
import time
from pathlib import Path

import pytest

from streams.core.settings import Settings
from streams.schema import topics
from streams.testing.builders import embedded_broker
from streams.testing.processes import free_port, hydrometer, post, wait_for_health

pytestmark = pytest.mark.slow

TOKEN = "quokka-token-5d21c0"
EVENTS = 20_000
SHARED_BYTES = 60_000


def shipment() -> bytes:
    """Return 20,000 records that share a system prompt, a user agent and header names of 60 KB each: 3.6 GB, were they copied."""
    shared = {
        "account.id": "a",
        "system_prompt": "Be helpful. " * (SHARED_BYTES // 12),
        "prompt": "Write, step by step. " * (SHARED_BYTES // 21),
        "user_agent.original": "x/1 " * (SHARED_BYTES // 4),
    }
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in shared.items()]
    now = time.time_ns()
    records = [{"timeUnixNano": str(now + place), "spanId": str(place)} for place in range(EVENTS)]
    return json.dumps({"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": records}]}]}).encode()


def test_what_events_share_is_held_once_and_the_intake_answers_meanwhile(tmp_path: Path) -> None:
    with embedded_broker() as kafka:
        topics.ensure(Settings(mode="local", kafka=kafka, partitions=1))
        port = free_port()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Encoding": "gzip", "Content-Type": "application/json"}
        words = ("collect", "--http", f"127.0.0.1:{port}")
        with hydrometer(*words, log=tmp_path / "log", KAFKA=kafka, PARTITIONS="1", INTAKE_TOKEN=TOKEN) as collect:
            wait_for_health(port)
            before, answers = collect.peak_mb, list[int]()
            body = gzip.compress(shipment(), 9)
            sender = threading.Thread(target=lambda: answers.append(post(f"http://127.0.0.1:{port}/v1/logs", body, headers)))
            sender.start()
            slowest = 0.0
            while sender.is_alive():
                slowest = max(slowest, wait_for_health(port))
                time.sleep(0.05)
            assert answers == [200]
            assert slowest < 2.0
            assert collect.peak_mb - before < 200, "what events share was copied"
