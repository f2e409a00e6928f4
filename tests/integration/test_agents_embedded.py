"""A real worker on the embedded broker, and without any."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from streams.testing.builders import embedded_broker
from streams.testing.durability import Trial, blocks_of_keys, kill, stop

pytestmark = pytest.mark.integration


@pytest.mark.timeout(180)
def test_a_worker_that_is_killed_counts_every_event_exactly_once(tmp_path: Path) -> None:
    blocks = blocks_of_keys(400)
    with embedded_broker() as bootstrap, Trial(bootstrap, tmp_path, checkpoint=1.0) as trial:
        worker = trial.start()
        trial.send(blocks[:100])
        trial.wait_until_acknowledged(50)
        sending = Thread(target=trial.send, args=(blocks[100:], 0.02))
        sending.start()
        time.sleep(2.5)
        kill(worker)
        worker = trial.start()
        sending.join()
        trial.wait_until_acknowledged(None)
        assert stop(worker) == 0
        assert trial.counted() == trial.expected()
        assert trial.left_out() == []
        assert trial.strays() == []


def test_a_worker_without_a_broker_says_so_and_ends(tmp_path: Path) -> None:
    environment = {**os.environ, "HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": "127.0.0.1:9", "HYDROMETER_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "streams", "worker", "accounts"]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("error: Kafka at 127.0.0.1:9 does not answer")
