"""The store agent between the embedded broker and a local ClickHouse that goes away: rows arrive once each, nothing is dropped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from clickhouse_driver import Client
from kafka import KafkaProducer

from streams.cases.labels import make
from streams.clickhouse import migrate
from streams.core.settings import Settings
from streams.devserver.process import local_server
from streams.kafka import progress
from streams.schema import topics
from streams.schema.signatures import Signatures
from streams.testing.builders import embedded_broker
from streams.testing.durability import stop

USER, PASSWORD = "hydrometer", "only-for-tests"


def send(settings: Settings, producer: KafkaProducer, numbers: range) -> None:
    signatures = Signatures.of_author(settings)
    for number in numbers:
        label = make("account", f"a-{number}", "benign", "test", at=1_780_000_000.0 + number)
        key, value = label.label_id.encode(), msgspec.structs.replace(label, signer=signatures.analyst).encode()
        producer.send(topics.LABELS, value, key=key, headers=signatures.sign(topics.LABELS, key, value), partition=0).get(30)


def labels(client: Client) -> int:
    [[count]] = client.execute("SELECT count() FROM hydrometer.labels")
    return int(count)


def wait_for(client: Client, count: int) -> None:
    give_up = time.monotonic() + 60
    while labels(client) < count and time.monotonic() < give_up:
        time.sleep(0.5)
    assert labels(client) == count


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_while_clickhouse_is_away_nothing_is_acknowledged_and_afterwards_each_row_is_there_once(tmp_path: Path) -> None:
    with embedded_broker() as bootstrap:
        with local_server(tmp_path / "ch", user=USER, password=PASSWORD) as first:
            given = {"mode": "local", "kafka": bootstrap, "clickhouse_port": first.port, "clickhouse_password": PASSWORD}
            settings = Settings.model_validate({**given, "state_dir": tmp_path / "state"})
            topics.ensure(settings)
            migrate.run(settings)
            producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
            env = {"HYDROMETER_KAFKA": bootstrap, "HYDROMETER_CLICKHOUSE_PORT": str(first.port), "HYDROMETER_MODE": "local"}
            env |= {"HYDROMETER_CLICKHOUSE_PASSWORD": PASSWORD, "HYDROMETER_STATE_DIR": str(tmp_path / "state")}
            with (tmp_path / "worker.log").open("wb") as log:
                command = [sys.executable, "-m", "streams", "worker", "store"]
                worker = subprocess.Popen(command, env={**os.environ, **env}, stdout=log, stderr=log)
            try:
                send(settings, producer, range(50))
                client = Client("127.0.0.1", first.port, user=USER, password=PASSWORD)
                wait_for(client, 50)
                client.disconnect()
            except BaseException:
                worker.kill()
                raise
        try:
            send(settings, producer, range(50, 120))
            time.sleep(7)
            assert progress.lag(settings, topics.group_of(topics.STORE_AGENT))[topics.LABELS][0] >= 69
            with local_server(tmp_path / "ch", user=USER, password=PASSWORD, native_port=first.port) as again:
                client = Client("127.0.0.1", again.port, user=USER, password=PASSWORD)
                wait_for(client, 120)
                assert stop(worker) == 0
                client.disconnect()
        finally:
            worker.kill()
            producer.close()
