"""Contender: the same job in a plain loop of confluent-kafka (librdkafka), 1,000 records at a time."""

from __future__ import annotations

from confluent_kafka import Consumer
from job import TOPIC, Job
from meter import arguments


def main() -> None:
    """Handle every record of the topic, then report."""
    bootstrap, meter = arguments()
    job = Job()
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "bench-loop", "auto.offset.reset": "earliest", "session.timeout.ms": 6_000}
    )
    consumer.subscribe([TOPIC])
    done = False
    while not done:
        for record in consumer.consume(1_000, 1.0):
            value = record.value()
            if record.error() is None and value is not None:
                job.handle(value)
                done = meter.count(1)
    meter.report()
    consumer.close()


if __name__ == "__main__":
    main()
