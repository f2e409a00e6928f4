"""Processes that are started while Kafka is away, as after a power cut: they wait for it, and go on by themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from kafka import KafkaProducer

from streams.core.settings import SECRETS, Settings
from streams.devserver.kafka import ApacheKafka
from streams.devserver.process import stop
from streams.kafka import progress
from streams.schema import topics

pytestmark = pytest.mark.integration

COMMANDS = {"worker": ["worker", "accounts"], "collect": ["collect", "--topic"]}


@pytest.mark.timeout(240)
def test_a_process_that_is_started_before_kafka_waits_for_it_and_works(tmp_path: Path) -> None:
    with ApacheKafka(tmp_path / "kafka") as kafka:
        port, settings = kafka.port, _settings(kafka.bootstrap, tmp_path)
        topics.ensure(settings)
    with ExitStack() as stack:
        logs = {name: tmp_path / f"{name}.log" for name in COMMANDS}
        children = {name: _start(command, settings, logs[name]) for name, command in COMMANDS.items()}
        for child in children.values():
            stack.callback(stop, child)
        _wait(lambda: all("does not answer" in log.read_text() and "waiting for it" in log.read_text() for log in logs.values()))
        assert [child.poll() for child in children.values()] == [None, None]
        stack.enter_context(ApacheKafka(tmp_path / "kafka", port))
        producer = KafkaProducer(**topics.client_options(settings))
        event = {"timestamp": time.time(), "event.id": "e1", "account.id": "a1"}
        producer.send(topics.REQUESTS_RAW, json.dumps(event).encode()).get(30)
        producer.close()
        _wait(lambda: any(topics.ends(settings, [topics.REQUESTS]).values()))
        ends = topics.ends(settings, [topics.REQUESTS])
        _wait(lambda: progress.passed(settings, topics.group_of(topics.ACCOUNTS_AGENT), ends))
        assert [child.poll() for child in children.values()] == [None, None]


def _settings(bootstrap: str, folder: Path) -> Settings:
    secrets = {name: f"only-for-this-test-{name}" for name in SECRETS}
    return Settings.model_validate(
        {
            "kafka": bootstrap,
            "state_dir": folder / "state",
            "replication": 1,
            "partitions": 2,
            "signing_key": "only-for-this-test-signing_key",
            **secrets,
        }
    )


def _start(command: list[str], settings: Settings, log: Path) -> subprocess.Popen[bytes]:
    values = {"KAFKA": settings.kafka, "STATE_DIR": settings.state_dir, "REPLICATION": 1, "PARTITIONS": 2, "METRICS_PORT": 0}
    values |= {"SIGNING_KEY": "only-for-this-test-signing_key"} | {name.upper(): f"only-for-this-test-{name}" for name in SECRETS}
    environment = os.environ | {f"HYDROMETER_{name}": str(value) for name, value in values.items()}
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-m", "streams", *command], env=environment, stdout=output, stderr=output)


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not until():
        assert time.monotonic() < end, "nothing happened for 90 s"
        time.sleep(0.5)
