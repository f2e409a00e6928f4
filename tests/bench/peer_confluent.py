"""Peer: a plain loop of confluent-kafka (librdkafka), as many records at a time as a tenth of a second brings, at most 10,000."""

from __future__ import annotations

from confluent_kafka import Consumer
from job import Job
from peer_sink import FETCH, Sink, arguments

RECORDS = 10_000
WAIT_SECONDS = 0.1


def main() -> None:
    """Handle every record of the topic, until killed."""
    to, job = arguments(), Job()
    sink = Sink(to)
    consumer = Consumer({"bootstrap.servers": to.bootstrap, "group.id": to.table, "auto.offset.reset": "earliest", **FETCH})
    consumer.subscribe([to.topic])
    while True:
        for record in consumer.consume(RECORDS, WAIT_SECONDS):
            value = record.value()
            if record.error() is None and value is not None:
                sink.put(job.row(value))


if __name__ == "__main__":
    main()
