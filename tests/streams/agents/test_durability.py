"""A real worker on the embedded broker: killed in the middle, it has counted every event exactly once in the end."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Thread

import pytest

from streams.agents.trial import Trial, blocks_of_keys, kill, stop
from streams.testing import embedded_broker


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
