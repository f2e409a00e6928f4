"""The longest wait of an idle fetch. Faust requests 1.5 s, and the embedded broker's answers are late in proportion."""

from __future__ import annotations

from typing import Any

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer

from streams.kafka.record_batches import tolerate_strangers

FETCH_WAIT_MS = 100
"""With Faust's own 1,500 ms each hop through the embedded broker takes 0.5 s, with this value 2 ms. Apache Kafka answers at once."""


class _Thread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - Faust has no setting for it
        return consumer


class _Consumer(Consumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


def read_promptly(app: faust.App) -> None:
    """Make an app's consumer receive new records within milliseconds from any broker, and read what strangers wrote."""
    tolerate_strangers()
    app.transport.Consumer = _Consumer  # type: ignore[misc]  # of this one transport
