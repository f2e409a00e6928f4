"""A real Apache Kafka, started once for all integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.devserver.kafka import ApacheKafka


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka
