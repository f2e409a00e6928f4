"""Runs the agents of one process: starts them, ticks them, watches them, and stops them in order."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Final, Protocol, cast

import faust
from aiokafka.errors import KafkaConnectionError
from faust.transport.consumer import Consumer
from faust.types import TP

from streams.clickhouse.health import REPORT_INTERVAL_SECONDS, Publish, reporting
from streams.core.errors import BrokerUnavailableError, HydrometerError
from streams.kafka.empty_offsets import EMPTY
from streams.schema import topics
from streams.telemetry.metrics import METRICS, Metric, Registry
from streams.worker.failure import Failure
from streams.worker.patient_producer import answers
from streams.worker.stall_detector import StallDetector

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
"""Time between two checks for chunks or batches that are due."""
STALL_SECONDS: Final = 120.0
"""Time without progress, while records wait, after which the worker ends so that its supervisor restarts it."""
MAX_LEAVE_SECONDS: Final = 6.0
"""Time for writing all state at a stop; what is not durable by then is not acknowledged either, and is read again."""
MAX_STOP_SECONDS: Final = 2.0
"""Time for the consumers to leave their groups, after which the process ends anyway."""


class StalledError(HydrometerError):
    """The worker makes no progress although records wait. It ends, so that its supervisor restarts it."""


class Agent(Protocol):
    """The interface of an engine to the worker."""

    app: faust.App
    failure: Failure

    async def tick(self) -> None:
        """Write what is due. Called about once a second."""

    async def leave(self) -> None:
        """Write all state, and apply no more records."""

    def positions(self) -> dict[TP, int]:
        """Return the last record processed (-1: none yet) of each partition that should make progress."""

    def report(self, metrics: Registry) -> None:
        """Update the metrics."""


class Worker:
    """One process: some agents, each with its Faust app, in one event loop."""

    def __init__(self, agents: Sequence[Agent], publish: Publish | None = None, stall_seconds: float = STALL_SECONDS) -> None:
        """Run these agents; hand the metrics to `publish` every ten seconds."""
        self._agents = agents
        self._publish = publish
        self._stall_seconds = stall_seconds
        self._stall_detector = StallDetector(stall_seconds)
        self._looks: dict[str, int] = {}
        self._is_kafka_away = False
        for agent in agents:
            agent.app.on_partitions_assigned.connect(partial(_count_rebalance, agent.app), weak=False)

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, then write all state and leave.

        Raises:
            StalledError: If a partition makes no progress although records wait. The error of a crashed Faust app or of an agent is raised
                too.
        """
        with reporting(self._publish) if self._publish is not None else nullcontext():
            await self._until_stopped()

    async def _until_stopped(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tasks = [asyncio.ensure_future(work) for work in self._work()]
        ended = asyncio.ensure_future(stop.wait())
        code = 1
        try:
            done, _ = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                task.result()
            await self._leave()
            code = 0
        finally:
            for task in (*tasks, ended):
                task.cancel()
            faulthandler.cancel_dump_traceback_later()
            await self._stop(code)

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        loops = [work(agent) for agent in self._agents for work in (self._start, self._fail, self._tick)]
        return [*loops, self._report()]

    async def _start(self, agent: Agent) -> None:
        try:
            await agent.app.start()
        except KafkaConnectionError as error:
            brokers = ", ".join(str(broker) for broker in agent.app.conf.broker)
            raise BrokerUnavailableError(f"Kafka at {brokers} does not answer: start it, or set HYDROMETER_KAFKA") from error
        await agent.app.wait_until_stopped()
        if agent.app.crash_reason is not None:
            raise agent.app.crash_reason
        raise StalledError(f"{agent.app.conf.id} ended by itself; see its log")

    async def _fail(self, agent: Agent) -> None:
        raise await agent.failure.wait()

    async def _tick(self, agent: Agent) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await agent.tick()

    async def _report(self) -> None:
        while True:
            faulthandler.dump_traceback_later(self._stall_seconds, exit=True)  # in a thread: a stage that hangs blocks this loop too
            await asyncio.sleep(REPORT_INTERVAL_SECONDS)  # also between two checks of lag and liveness
            progress: dict[str, tuple[int, int]] = {}
            lines: list[str] = []
            with METRICS.renewing_partitions():
                for agent in self._agents:
                    agent.report(METRICS)
                    lags = await self._lags(agent)
                    progress |= self._progress(agent, lags)
                    lines.append(progress_line(topics.agent_of(agent.app.conf.id), lags))
            log.info("progress: %s", "Kafka does not answer: waiting for it" if self._is_kafka_away else "; ".join(lines))
            if stalled := self._stall_detector.stalled(progress, time.monotonic()):
                raise StalledError(f"no progress although records wait: {', '.join(stalled)}; the supervisor should restart the worker")

    async def _lags(self, agent: Agent) -> dict[TP, tuple[int, int]] | None:
        """Return position and lag of each partition of an agent; None while its consumer does not answer, or rebalances.

        A consumer that does not answer may wait for Kafka: then the broker is asked first, until it answers again.
        """
        app = agent.app
        self._is_kafka_away = self._is_kafka_away and not await answers(app)
        asks = app.consumer_generation_id >= 0 and not app.rebalancing and not self._is_kafka_away
        lags = await _lags(app, agent.positions()) if asks else None
        self._is_kafka_away = lags is None and (self._is_kafka_away or not await answers(app))
        METRICS.set(Metric.LAG_UNKNOWN, float(lags is None), agent=topics.agent_of(app.conf.id))
        return lags

    def _progress(self, agent: Agent, lags: Mapping[TP, tuple[int, int]] | None) -> dict[str, tuple[int, int]]:
        """Return position and lag of each partition of an agent, and of its consumer, which must answer and not rebalance for long.

        Who waits for Kafka makes no progress, and is not stalled: ending it would not bring the broker back.
        """
        name = agent.app.conf.id
        self._looks[name] = self._looks.get(name, 0) + (lags is not None or self._is_kafka_away)
        for tp, (position, lag) in (lags or {}).items():
            labels: dict[str, str | int] = {
                "agent": topics.agent_of(name),
                "topic": tp.topic,
                "partition": tp.partition,
            }
            METRICS.set(Metric.LAG, lag, **labels)
            METRICS.set(Metric.POSITION, position, **labels)
        progress = {f"{name} {tp.topic}/{tp.partition}": state for tp, state in (lags or {}).items()}
        return {**progress, f"{name} consumer": (self._looks[name], 1)}

    async def _leave(self) -> None:
        log.info("leaving: writing all state first")
        leaving = [asyncio.ensure_future(agent.leave()) for agent in self._agents if agent.app.started]
        _, late = await asyncio.wait(leaving, timeout=MAX_LEAVE_SECONDS) if leaving else ((), ())
        if late:
            log.warning("not all state was written within %.0f s: its blocks are read again", MAX_LEAVE_SECONDS)
        for task in leaving:
            if not task.cancel():
                task.result()

    async def _stop(self, code: int) -> None:
        stops = [asyncio.ensure_future(agent.app.stop()) for agent in self._agents]
        _, late = await asyncio.wait(stops, timeout=MAX_STOP_SECONDS)
        if late:
            log.warning("%d of %d apps did not stop within %.0f s: ending by force", len(late), len(stops), MAX_STOP_SECONDS)
            force = threading.Timer(1.0, os._exit, [code])  # their threads would keep the process alive
            force.daemon = True
            force.start()


async def _count_rebalance(app: faust.App, *_: Any, **__: Any) -> None:
    METRICS.add(Metric.REBALANCES, agent=topics.agent_of(app.conf.id))


def progress_line(agent: str, lags: Mapping[TP, tuple[int, int]] | None) -> str:
    """Return in a few words how far an agent is.

    >>> progress_line("accounts", {TP("requests", 0): (41, 3), TP("requests", 1): (7, 0)})
    'accounts: 2 partitions, 3 records wait'
    >>> progress_line("accounts", None)
    'accounts: unknown, its consumer does not answer or rebalances'
    """
    if lags is None:
        return f"{agent}: unknown, its consumer does not answer or rebalances"
    return f"{agent}: {len(lags)} partitions, {sum(waiting for _, waiting in lags.values())} records wait"


async def _lags(app: faust.App, positions: Mapping[TP, int]) -> dict[TP, tuple[int, int]] | None:
    """Return position and waiting records of each partition, or None when the consumer does not answer.

    The end of a transaction takes an offset and is no record: where one is the last, an offset is left to read, and nothing waits.
    """
    try:
        async with asyncio.timeout(REPORT_INTERVAL_SECONDS):
            ends = await app.consumer.highwaters(*positions) if positions else {}
            firsts = await app.consumer.earliest_offsets(*positions) if positions else {}
    except TimeoutError:
        return None
    known = cast("Consumer", app.consumer)._committed_offset  # noqa: SLF001 - start of reading, where no record was processed since
    starts = {tp: max(position + 1, known.get(tp) or 0, firsts.get(tp) or 0) for tp, position in positions.items()}
    return {tp: (positions[tp], max(0, (ends[tp] or 0) - EMPTY.behind(*tp, start))) for tp, start in starts.items()}
