"""A producer that waits for a broker that is away: Faust's own drops what it could not deliver within its request time-out.

Records keep their sequence numbers however often they are sent, so a batch whose answer was lost is not there twice.
Memory stays bounded: a full batch of a partition makes the sender wait, and while nothing is confirmed nothing more is read.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, Final, cast

import aiokafka
import faust
from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import Producer

PATIENCE_MS: Final = 10**12
"""Thirty years: a sender waits for room in a full batch until the broker is back, or the process ends."""

ANSWER_SECONDS: Final = 5.0
"""Time within which a broker that is there says which topics it has."""


class _Patient(aiokafka.AIOKafkaProducer):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._request_timeout_ms = PATIENCE_MS  # only of the wait for room: requests have their own, given to the sender above
        self._message_accumulator._batch_ttl = math.inf  # noqa: SLF001 - aiokafka has no setting for it


class _Producer(Producer):
    @property
    def _producer_type(self) -> type[aiokafka.AIOKafkaProducer]:
        return _Patient


class _NumberingProducer(_Producer):
    def _settings_extra(self) -> Mapping[str, object]:
        return {"acks": "all", "enable_idempotence": True}


def wait_for_brokers(app: faust.App, *, numbered: bool) -> None:
    """Make an app's producer keep what it could not deliver until the broker is back.

    numbered: whether records have sequence numbers; the embedded broker knows none.
    """
    app.transport.Producer = _NumberingProducer if numbered else _Producer  # type: ignore[misc]  # of this one transport


async def answers(app: faust.App) -> bool:
    """Return whether a broker answers this app's producer within ANSWER_SECONDS."""
    producer = cast("Producer", app.producer)._producer  # noqa: SLF001 - Faust never asks a broker
    if producer is None:  # not started yet: its start says what is wrong
        return True
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await producer.client.fetch_all_metadata()
    except (KafkaError, TimeoutError):
        return False
    return True
