"""No customer of the API hides its requests, or stops anybody else's: a real `collect` reads what one may send."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from streams.core.settings import Settings
from streams.schema import topics
from streams.schema.blocks import decode
from streams.schema.layouts import REQUESTS
from streams.testing.builders import embedded_broker, records_of
from streams.testing.processes import Running, free_port, hydrometer, post, wait_for_health

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TOKEN = "quokka-token-5d21c0"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
EVASIONS = (
    b'"gen_ai.request.temperature": "0.7"',
    b'"gen_ai.request.stream": 1',
    b'"gen_ai.request.seed": "x"',
    b'"gen_ai.request.max_tokens": true',
    b'"prompt": [[1, 2, 3]]',
    b'"prompt": "\\ud800"',
    b'"prompt": ' + b"[" * 2_000 + b"]" * 2_000,
    b'"gen_ai.request.top_p": NaN',
    b'"gen_ai.request.top_p": 1e400',
    b'"prompt": "' + b"long " * 20_000 + b'"',
    b'"prompt": [{"role": "user", "content": [{"type": "image_url"}]}]',
    b'"user.id": 42',
    b'"event.id": ""',
    b'"event.id": "-", "gen_ai.response.finish_reasons": [null]',
)
"""Parameters of a wrong type or shape, as a customer chooses them."""


def line(event_id: str, account: str, more: bytes = b"", at: float | None = None) -> bytes:
    """Return an event; `more` is added as it is, JSON or not."""
    event = {"timestamp": time.time() if at is None else at, "event.id": event_id, "account.id": account, "gen_ai.usage.input_tokens": 7}
    return json.dumps(event).encode()[:-1] + (b", " + more if more else b"") + b"}"


def test_no_customer_hides_a_request_or_stops_anybody_else(tmp_path: Path) -> None:
    with embedded_broker() as kafka:
        topics.ensure(Settings(mode="local", kafka=kafka, partitions=1))
        port = free_port()
        settings: dict[str, Any] = {"KAFKA": kafka, "PARTITIONS": "1", "INTAKE_TOKEN": TOKEN}
        with hydrometer("collect", "--http", f"127.0.0.1:{port}", log=tmp_path / "log", **settings) as collect:
            wait_for_health(port)
            sent = Counter[str]()
            for part in range(12):
                evasions = [line(f"evader-{part}-{number}", "evader", EVASIONS[number % len(EVASIONS)]) for number in range(100)]
                sent["evader"] += send(port, evasions)
            late = b'{"prompt": "' + b"long " * 240_000 + b'", ' + line("late", "late")[1:]
            sent["late"] += send(port, [late])
            sent["one-id"] += send(port, [line("the-same", "one-id", at=time.time() - number) for number in range(100)])
            ahead = [line(f"ahead-{number}", "ahead", at=time.time() + 2 * 86_400 * (number == 50)) for number in range(100)]
            sent["ahead"] += send(port, ahead) - 1  # the record whose clock is wrong, and no other
            sent["somebody else"] += send(port, [line(f"else-{number}", "somebody else") for number in range(10)])
            still_runs(collect, port)
        found = Counter(account for record in records_of(kafka, topics.REQUESTS) for account in accounts_of(record.value))
        assert found == sent


def send(port: int, lines: list[bytes]) -> int:
    assert post(f"http://127.0.0.1:{port}/v1/events", b"\n".join(lines), HEADERS) == 200
    return len(lines)


def accounts_of(value: bytes) -> list[str | None]:
    return list(decode(value, REQUESTS).texts("account_id"))


def still_runs(collect: Running, port: int) -> None:
    assert collect.runs, collect.log.read_text()[-2_000:]
    assert wait_for_health(port) < 2.0
