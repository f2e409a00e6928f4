"""A morning of the demonstration's traffic and what the pipeline makes of it, drawn once: tests read it and change nothing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.intake.collector import read_files
from streams.replay.run import Replay


@pytest.fixture(scope="session")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6,000 events of the smallest demonstration: a campaign and a reseller are alerted by then."""
    path: Path = tmp_path_factory.mktemp("morning") / "events.jsonl"
    path.write_bytes(b"\n".join(islice(demo_traffic(accounts=600, events=20_000).lines(), 6_000)))
    return path


@pytest.fixture(scope="session")
def replayed(morning: Path) -> Replay:
    settings = Settings(mode="local", partitions=2)
    replay = Replay(settings.partitions, settings.seal_key.get_secret_value().encode())
    replay.feed(read_files([morning], settings))
    return replay
