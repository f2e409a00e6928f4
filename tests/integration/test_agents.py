"""Workers on Apache Kafka: killed, joined, left alone. Each event counts exactly once, and no message is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from streams.devserver.kafka import ApacheKafka
from streams.testing.durability import Trial, blocks_of_keys, kill, stop

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """Tables in RocksDB on a broker of its own: the names of topics and groups are fixed."""
    with ApacheKafka(tmp_path / "kafka") as kafka, Trial(kafka.bootstrap, tmp_path, mode="production") as trial:
        yield trial


def test_a_worker_killed_twice_counts_each_of_20_000_events_once(trial: Trial) -> None:
    sending = Thread(target=trial.send, args=(blocks_of_keys(1_000), 0.05))
    worker = trial.start()
    sending.start()
    for acknowledged in (200, 500):
        trial.wait_until_acknowledged(acknowledged)
        kill(worker)
        worker = trial.start()
    sending.join()
    trial.wait_until_acknowledged(None)
    assert stop(worker) == 0
    assert trial.counted() == trial.expected()
    assert trial.left_out() == []


def test_partitions_move_between_two_workers_and_no_event_is_lost_or_doubled(trial: Trial) -> None:
    sending = Thread(target=trial.send, args=(blocks_of_keys(1_000), 0.06))
    first = trial.start("first")
    sending.start()
    trial.wait_until_acknowledged(100)
    second = trial.start("second")
    trial.wait_until_acknowledged(400)
    kill(first)
    trial.wait_until_acknowledged(600)
    first = trial.start("first")
    sending.join()
    trial.wait_until_acknowledged(None)
    assert [stop(first), stop(second)] == [0, 0]
    assert trial.counted() == trial.expected()
    assert trial.left_out() == []
