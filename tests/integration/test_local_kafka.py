"""Apache Kafka as `make kafka` runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.core.settings import Settings
from streams.devserver.kafka import ApacheKafka
from streams.schema import topics

pytestmark = pytest.mark.integration


def test_topics_are_still_there_after_a_restart(tmp_path: Path) -> None:
    with ApacheKafka(tmp_path) as kafka:
        topics.ensure(Settings(mode="local", kafka=kafka.bootstrap))
    with ApacheKafka(tmp_path) as kafka:
        assert set(topics.ensure(Settings(mode="local", kafka=kafka.bootstrap)).values()) == {"present"}


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_cleanly_and_leaves_nothing_behind(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    command = [sys.executable, "-u", "-m", "streams.devserver.kafka", "--port", "0", "--data", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert "answers on 127.0.0.1:" in first
    process.send_signal(sent)
    assert process.communicate(timeout=40)[0] == ""
    assert process.returncode == code
    assert not list(_processes_with(str(tmp_path)))


def _processes_with(word: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if word in line]
