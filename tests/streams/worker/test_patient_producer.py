"""A producer whose broker is away keeps what it has."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

from streams.core.settings import SECRETS, Settings
from streams.worker.app import make_app
from streams.worker.patient_producer import answers


def test_a_batch_never_expires_and_keeps_its_number_when_it_is_sent_again(tmp_path: Path) -> None:
    async def made() -> Any:
        secrets = {name: f"only-for-this-test-{name}" for name in SECRETS}
        app: Any = make_app(Settings.model_validate({"state_dir": tmp_path, "kafka": "127.0.0.1:1", **secrets}), "accounts")
        producer = app.producer._new_producer()
        await producer.stop()
        return producer

    producer = asyncio.run(made())
    assert producer._message_accumulator._batch_ttl == math.inf
    assert producer._txn_manager is not None, "records have sequence numbers"
    assert producer._sender._request_timeout_ms == 60_000, "one request is still given up after a minute"


def test_a_broker_that_is_away_does_not_answer_and_is_asked_for_seconds_only(tmp_path: Path) -> None:
    async def asked() -> bool:
        app: Any = make_app(Settings(mode="local", state_dir=tmp_path, kafka="127.0.0.1:1"), "accounts")
        app.producer._producer = app.producer._new_producer()
        async with asyncio.timeout(10.0):
            answered = await answers(app)
        await app.producer._producer.stop()
        return answered

    assert asyncio.run(asked()) is False
