"""Replays of small worlds whose lines a test may change on the way: an upgrade, a proxy, one card for many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import orjson
import pytest

from streams.core.settings import Settings
from streams.demo.log import Log
from streams.demo.scene import Scene
from streams.demo.traffic import START
from streams.intake.collector import read_files
from streams.replay.run import Replay
from streams.schema.event import Event

Change = Callable[[Event], Event]


@pytest.fixture
def scene() -> Callable[[float], Scene]:
    """An empty world of so many seconds."""
    return lambda span: Scene(Log(np.random.default_rng(11)), START, span)


@pytest.fixture
def replay_of(tmp_path: Path) -> Callable[[Scene, Change], Replay]:
    """A run over a world's log, each line changed first."""

    def play(world: Scene, change: Change = lambda event: event) -> Replay:
        settings = Settings(mode="local", partitions=2, block_events=256)
        log = tmp_path / "events.jsonl"
        log.write_bytes(b"".join(_changed(world.log.lines(len(world.log)), change)))
        run = Replay(settings.partitions, settings.seal_key.get_secret_value().encode())
        run.feed(read_files([log], settings))
        return run

    return play


def _changed(lines: Iterable[bytes], change: Change) -> Iterable[bytes]:
    return (orjson.dumps(change(orjson.loads(line))) + b"\n" for line in lines)
