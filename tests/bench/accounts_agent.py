"""Contender: the product's own `accounts` doorway. All is on: features, ticks, what is sent, checkpoints, acknowledgements."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from meter import Meter, arguments

from streams.core.settings import Settings
from streams.schema import topics
from streams.stages.stage import FeedbackStage, MakeStage, Message
from streams.telemetry.metrics import METRICS, Metric
from streams.worker.app import make_engine
from streams.worker.engine import Engine
from streams.worker.stages import makers
from streams.worker.supervisor import Worker

CHECKPOINT_SECONDS = 10.0
"""Six times as often as by default, so that even a run of seconds pays its share."""


class Metered:
    """A stage that tells the meter of every block; otherwise the stage that it was given."""

    def __init__(self, stage: FeedbackStage, meter: Meter, done: asyncio.Event, sent: Counter[str]) -> None:
        """Wrap a stage. `sent` counts messages and bytes by topic."""
        self._stage = stage
        self._meter = meter
        self._done = done
        self._sent = sent

    def apply(self, value: bytes, offset: int) -> list[Message]:
        """Apply a block, and count its events."""
        before = self._stage.counters()["events"]
        messages = self._stage.apply(value, offset)
        for message in messages:
            self._sent[message.topic] += 1
            self._sent[f"{message.topic} bytes"] += len(message.value)
        if self._meter.count(int(self._stage.counters()["events"] - before)):
            self._done.set()
        return messages

    def apply_feedback(self, value: bytes, offset: int) -> list[Message]:
        """Apply a verdict."""
        return self._stage.apply_feedback(value, offset)

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks to write."""
        return self._stage.dirty()

    def dump(self, chunk: str) -> bytes:
        """Return a chunk."""
        return self._stage.dump(chunk)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Take over chunks."""
        self._stage.load(chunks)

    def counters(self) -> Mapping[str, float]:
        """Return what the stage counted."""
        return self._stage.counters()


async def _run(bootstrap: str, meter: Meter, directory: str) -> None:
    settings = Settings(mode="local", kafka=bootstrap, state_dir=Path(directory), checkpoint_seconds=CHECKPOINT_SECONDS)
    done, sent = asyncio.Event(), Counter[str]()
    make: MakeStage = makers(settings)[topics.ACCOUNTS_AGENT]
    engine = make_engine(settings, topics.ACCOUNTS_AGENT, lambda place, archive: Metered(make(place, archive), meter, done, sent))  # type: ignore[arg-type]
    running = asyncio.ensure_future(Worker([engine]).run())
    await asyncio.wait([running, asyncio.ensure_future(done.wait())], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    await _confirmed(engine)
    stages = [partition.stage.counters() for partition in engine.partitions.values()]
    meter.report(
        sent=dict(sent),
        ticks=sum(each["ticks"] for each in stages),
        state_bytes_per_account=stages[0]["state_bytes_per_entity"],
        chunks_written=METRICS.value(Metric.CHUNKS_WRITTEN, agent=topics.ACCOUNTS_AGENT),
    )
    os.kill(os.getpid(), signal.SIGTERM)
    await running


async def _confirmed(engine: Engine) -> None:
    """Wait until the broker has everything that the blocks gave rise to."""
    async with engine._applying:
        for partition in engine.partitions.values():
            await partition.confirmed()


def main() -> None:
    """Handle every block of `requests`, then report."""
    bootstrap, meter = arguments()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_run(bootstrap, meter, directory))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    main()
