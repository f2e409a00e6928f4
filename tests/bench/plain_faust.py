"""Contender: a Faust agent as its documentation shows it, one event a message."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile

import faust
from faust.types import StreamT
from job import TOPIC, Job
from meter import Meter, arguments

PARTITIONS = 4


def make(bootstrap: str, directory: str, meter: Meter, done: asyncio.Event) -> faust.App:
    """Return an app whose agent handles every event of the topic."""
    app = faust.App(
        "bench-plain",
        broker=f"kafka://{bootstrap}",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        store="memory://",
        datadir=directory,
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
    )
    topic = app.topic(TOPIC, value_serializer="raw", key_serializer="raw")
    job = Job()

    @app.agent(topic, name="plain")
    async def plain(events: StreamT[bytes]) -> None:
        async for event in events:
            job.handle(event)
            if meter.count(1):
                done.set()

    return app


async def _run() -> None:
    bootstrap, meter = arguments()
    done = asyncio.Event()
    with tempfile.TemporaryDirectory() as directory:
        app = make(bootstrap, directory, meter, done)
        running = asyncio.ensure_future(app.start())
        await done.wait()
        meter.report()
        await app.stop()
        running.cancel()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(_run())
    os._exit(0)  # Faust leaves threads behind that would hold the benchmark up
