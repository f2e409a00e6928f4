"""Topics on a real Apache Kafka, through both of our clients."""

from __future__ import annotations

import os

import pytest
from aiokafka import AIOKafkaConsumer
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from streams.core.errors import SettingsError
from streams.core.settings import Settings
from streams.devserver.kafka import ApacheKafka
from streams.kafka import progress
from streams.schema import topics

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def settings(apache_kafka: ApacheKafka) -> Settings:
    settings = Settings(mode="local", kafka=apache_kafka.bootstrap)
    topics.ensure(settings)
    return settings


def test_a_second_run_finds_every_topic_present(settings: Settings) -> None:
    assert set(topics.ensure(settings).values()) == {"present"}


def test_another_number_of_partitions_is_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="has 4 partitions, the settings say 8: set HYDROMETER_PARTITIONS=4"):
        topics.ensure(Settings(mode="local", kafka=settings.kafka, partitions=8))


def test_the_broker_keeps_labels_for_ever_and_takes_large_blocks(settings: Settings) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka)
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topics.LABELS)])
    admin.close()
    configs = str(found)
    assert "compact" in configs
    assert str(topics.MAX_RECORD_BYTES) in configs


async def test_a_block_of_five_megabytes_travels_and_lag_counts_what_is_not_acknowledged(settings: Settings) -> None:
    block = os.urandom(5_000_000)
    producer = KafkaProducer(**topics.client_options(settings), max_request_size=topics.MAX_RECORD_BYTES)
    for partition in (0, 1):
        producer.send(topics.REQUESTS, block, partition=partition)
    producer.close()
    consumer = AIOKafkaConsumer(
        topics.REQUESTS, bootstrap_servers=settings.kafka, group_id="test", auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    records = [await consumer.getone(), await consumer.getone()]
    assert [record.value for record in records] == [block, block]
    await consumer.commit()
    await consumer.stop()

    producer = KafkaProducer(**topics.client_options(settings))
    producer.send(topics.REQUESTS, b"one more", partition=1)
    producer.close()
    behind = progress.lag(settings, "test")[topics.REQUESTS]
    assert (behind[0], behind[1]) == (0, 1)
