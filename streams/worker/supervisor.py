"""Runs the agents of one process: starts them, ticks them, watches them, and stops them in order."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import signal
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final, Protocol, cast

import faust
from faust.transport.consumer import Consumer
from faust.types import TP

from streams.clickhouse.health import REPORT_INTERVAL_SECONDS, Publish, reporting
from streams.core.errors import HydrometerError
from streams.schema import topics
from streams.telemetry.metrics import METRICS, Metric, Registry
from streams.worker.failure import Failure
from streams.worker.stall_detector import Watch

log = logging.getLogger(__name__)

TICK: Final = 1.0
"""Seconds between two looks for chunks or batches that are due."""
PATIENCE: Final = 120.0
"""Seconds without progress, with records waiting, after which the worker gives up and lets its supervisor start it anew."""
STOPS_WITHIN: Final = 30.0


class StalledError(HydrometerError):
    """The worker makes no progress although records wait. It ends, to be started anew."""


class Agent(Protocol):
    """What the worker needs of an engine."""

    app: faust.App
    failure: Failure

    async def tick(self) -> None:
        """Do what is due. Called about once a second."""

    async def leave(self) -> None:
        """Make durable what can be, and take nothing more."""

    def positions(self) -> dict[TP, int]:
        """Return the last record processed (-1: none yet) of each partition that should make progress."""

    def report(self, metrics: Registry) -> None:
        """Bring the metrics up to date."""


class Worker:
    """One process: some agents, each with its Faust app, in one event loop."""

    def __init__(self, agents: Sequence[Agent], publish: Publish | None = None, patience: float = PATIENCE) -> None:
        """Run these agents; hand the metrics to `publish` every ten seconds."""
        self._agents = agents
        self._publish = publish
        self._patience = patience
        self._watch = Watch(patience)
        self._looks: dict[str, int] = {}

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, then write everything and leave.

        Raises what stopped it otherwise: an error of ours, an app of Faust's that crashed, StalledError.
        """
        with reporting(self._publish) if self._publish is not None else nullcontext():
            await self._until_told()

    async def _until_told(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tasks = [asyncio.ensure_future(work) for work in self._work()]
        ended = asyncio.ensure_future(stop.wait())
        try:
            done, _ = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                task.result()
            await self._leave()
        finally:
            for task in (*tasks, ended):
                task.cancel()
            faulthandler.cancel_dump_traceback_later()
            await self._stop()

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        each = [work(agent) for agent in self._agents for work in (self._start, self._fail, self._tick)]
        return [*each, self._report()]

    async def _start(self, agent: Agent) -> None:
        await agent.app.start()
        await agent.app.wait_until_stopped()
        if agent.app.crash_reason is not None:
            raise agent.app.crash_reason
        raise StalledError(f"{agent.app.conf.id} ended by itself; see its log")

    async def _fail(self, agent: Agent) -> None:
        raise await agent.failure.wait()

    async def _tick(self, agent: Agent) -> None:
        while True:
            await asyncio.sleep(TICK)
            await agent.tick()

    async def _report(self) -> None:
        while True:
            faulthandler.dump_traceback_later(self._patience, exit=True)  # from a thread: a stage that never returns blocks this loop too
            await asyncio.sleep(REPORT_INTERVAL_SECONDS)  # between two looks at lag and liveness, too
            places: dict[str, tuple[int, int]] = {}
            with METRICS.renewing_partitions():
                for agent in self._agents:
                    agent.report(METRICS)
                    places |= await self._places(agent)
            if stalled := self._watch.look(places, time.monotonic()):
                raise StalledError(f"no progress although records wait: {', '.join(stalled)}; the supervisor should start the worker anew")

    async def _places(self, agent: Agent) -> dict[str, tuple[int, int]]:
        """Return position and lag of each partition of an agent, and of its consumer itself: it should answer, and not rebalance."""
        app, name = agent.app, agent.app.conf.id
        lags = await _lags(app, agent.positions()) if app.consumer_generation_id >= 0 and not app.rebalancing else None
        self._looks[name] = self._looks.get(name, 0) + (lags is not None)
        for place, (position, lag) in (lags or {}).items():
            labels: dict[str, str | int] = {
                "agent": name.removeprefix(f"{topics.APP}-"),
                "topic": place.topic,
                "partition": place.partition,
            }
            METRICS.set(Metric.LAG, lag, **labels)
            METRICS.set(Metric.POSITION, position, **labels)
        found = {f"{name} {place.topic}/{place.partition}": state for place, state in (lags or {}).items()}
        return {**found, f"{name} consumer": (self._looks[name], 1)}

    async def _leave(self) -> None:
        log.info("leaving: everything is written first")
        await asyncio.gather(*(agent.leave() for agent in self._agents if agent.app.started))

    async def _stop(self) -> None:
        stops = [asyncio.ensure_future(agent.app.stop()) for agent in self._agents]
        _, late = await asyncio.wait(stops, timeout=STOPS_WITHIN)
        if late:
            log.warning("%d of %d apps did not stop within %.0f s: ending by force", len(late), len(stops), STOPS_WITHIN)
            faulthandler.dump_traceback_later(1.0, exit=True)  # their threads would keep the process


async def _lags(app: faust.App, positions: Mapping[TP, int]) -> dict[TP, tuple[int, int]] | None:
    """Return position and waiting records of each partition, or None when the consumer does not answer."""
    try:
        async with asyncio.timeout(REPORT_INTERVAL_SECONDS):
            ends = await app.consumer.highwaters(*positions) if positions else {}
            firsts = await app.consumer.earliest_offsets(*positions) if positions else {}
    except TimeoutError:
        return None
    known = cast("Consumer", app.consumer)._committed_offset  # noqa: SLF001 - where reading began, when nothing has been processed since
    begun = {place: max(position + 1, known.get(place) or 0, firsts.get(place) or 0) for place, position in positions.items()}
    return {place: (positions[place], (ends[place] or 0) - begun[place]) for place in positions}
