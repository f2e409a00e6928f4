"""How far a group has read, on the embedded broker. Ends of transactions are `tests/integration/test_ends_of_transactions.py`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from streams.core.settings import Settings
from streams.kafka import progress
from streams.kafka.log_range import open_consumer
from streams.schema import topics
from streams.testing.builders import embedded_broker

LABELS = TopicPartition(topics.LABELS, 0)


@pytest.fixture
def settings() -> Iterator[Settings]:
    """A broker with three labels."""
    with embedded_broker() as kafka:
        settings = Settings(mode="local", kafka=kafka, partitions=1)
        topics.ensure(settings)
        with closing(KafkaProducer(bootstrap_servers=kafka)) as producer:
            for value in (b"one", b"two", b"three"):
                producer.send(LABELS.topic, value, b"k", partition=0).get(timeout=60)
        yield settings


def acknowledge(settings: Settings, group: str, offset: int) -> None:
    with closing(open_consumer(settings, group)) as consumer:
        consumer.assign([LABELS])
        consumer.commit({LABELS: OffsetAndMetadata(offset, "", -1)})


def test_what_waits_is_counted_until_all_is_acknowledged(settings: Settings) -> None:
    for done, waiting in ((1, 2), (3, 0)):
        acknowledge(settings, "reader", done)
        assert progress.lag(settings, "reader") == {LABELS.topic: {0: waiting}}
        assert progress.passed(settings, "reader", {LABELS: 3}) is (waiting == 0)
    assert progress.passed(settings, "reader", {LABELS: 2})


def test_a_group_that_acknowledged_nothing_has_passed_nothing_but_the_beginning(settings: Settings) -> None:
    acknowledge(settings, "another", 1)  # a coordinator is there
    assert progress.lag(settings, "new") == {}
    assert not progress.passed(settings, "new", {LABELS: 1})
    assert progress.passed(settings, "new", {LABELS: 0})
    assert progress.passed(settings, "new", {})


def test_only_ranges_with_records_are_counted(settings: Settings) -> None:
    assert progress.waiting(settings, {LABELS: (1, 3)}) == {LABELS: 2}
    assert progress.waiting(settings, {LABELS: (3, 3)}) == {}
