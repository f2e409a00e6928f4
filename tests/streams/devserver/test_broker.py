"""The embedded broker speaks Kafka's protocol, and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.core.errors import MissingToolError
from streams.devserver.broker import BrokerError, EmbeddedBroker
from streams.testing.builders import embedded_broker


def test_what_is_sent_is_read() -> None:
    with embedded_broker() as bootstrap:
        producer = KafkaProducer(bootstrap_servers=bootstrap)
        sent = producer.send("greetings", b"hello").get(timeout=10)
        producer.close()
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=10_000)
        consumer.assign([TopicPartition("greetings", sent.partition)])
        assert next(consumer).value == b"hello"
        consumer.close()


def test_it_ends_with_its_context() -> None:
    with EmbeddedBroker() as broker:
        child = broker._child
        assert child
        assert child.poll() is None
    assert child.poll() is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", broker.port)) != 0


def test_it_listens_on_loopback_only() -> None:
    with EmbeddedBroker() as broker:
        assert f"0100007F:{broker.port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


def test_two_brokers_do_not_meet() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as two:
        assert one.port != two.port


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} is in use"):
            EmbeddedBroker(port).start()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match=r"hydrometer\[local\]"):
        EmbeddedBroker().start()
