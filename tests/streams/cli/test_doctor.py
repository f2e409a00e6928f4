"""What `hydrometer doctor` says of the lag, on a real broker."""

from __future__ import annotations

import pytest
from kafka import KafkaProducer

from streams.cli import doctor
from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.schema import topics
from streams.testing.builders import embedded_broker


def test_a_group_that_never_acknowledged_anything_is_named_once_its_topic_has_records() -> None:
    with embedded_broker() as bootstrap:
        settings = Settings(mode="local", kafka=bootstrap, partitions=2)
        topics.ensure(settings)
        assert doctor._lag(settings).startswith("records waiting: collect has not read yet")
        producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
        producer.send(topics.REQUESTS, b"a block", partition=1).get(30)
        producer.close()
        with pytest.raises(HydrometerError, match="never acknowledged anything: accounts, store: start `hydrometer worker accounts store`"):
            doctor._lag(settings)


def test_more_records_than_a_moment_ago_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = iter([10, 500])
    monkeypatch.setattr(doctor, "LAG_SECONDS", 0.0)
    monkeypatch.setattr(topics, "lag", lambda _settings, group: {"requests": {0: next(waiting) if group == "hydrometer-store" else 0}})
    monkeypatch.setattr(topics, "records", lambda _settings, *names: dict.fromkeys(names, 1))
    with pytest.raises(HydrometerError, match="more records wait for store than 0 s ago"):
        doctor._lag(Settings(mode="local"))
