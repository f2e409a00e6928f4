"""A bug in a stage, in a real worker on the embedded broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.kafka import progress
from streams.schema import topics
from streams.testing.builders import embedded_broker
from streams.testing.durability import AGENT, BUG, Trial

pytestmark = pytest.mark.slow


@pytest.mark.timeout(120)
def test_a_bug_of_ours_stops_the_worker_and_its_block_is_never_acknowledged(tmp_path: Path) -> None:
    with embedded_broker() as bootstrap, Trial(bootstrap, tmp_path, checkpoint=1.0) as trial:
        worker = trial.start()
        trial.send([(number % 4, ["a"]) for number in range(8)])
        trial.wait_until_acknowledged(None)
        trial.send([(0, ["b"]), (0, [BUG]), (0, ["c"])])
        assert worker.wait(60) == 1
        assert "ZeroDivisionError: the bug of this trial" in (tmp_path / "one.log").read_text()
        assert progress.lag(trial.settings, topics.group_of(AGENT))[topics.REQUESTS][0] >= 2
