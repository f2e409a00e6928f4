"""From blocks to Kafka: a block is delivered when all replicas have it, and until then somebody still holds its events.

`Shipper` blocks its thread; the asynchronous ways in call it in a thread of its own (`streams/intake/`).
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from streams.core.errors import BrokerUnavailableError, FuseBlownError
from streams.core.settings import Settings
from streams.intake.clock import FileClock
from streams.intake.collector import Collector, Outgoing, Step, read_files
from streams.intake.dead_letters import DeadLetter
from streams.intake.files import UnreadableInputError, live_chunks
from streams.intake.formats.registry import AUTO
from streams.schema import topics
from streams.telemetry.metrics import METRICS, Metric

DELIVERY_SECONDS: Final = 30.0
"""How long a delivery may take before its blocks count as lost, and are sent again or refused."""
IN_FLIGHT: Final = 64
"""Blocks that a file may be ahead of the broker."""

PAUSE_SECONDS: Final = 60.0
"""How long a source rests after its fuse has blown."""

_PAUSED: Final[set[str]] = set()
_log = logging.getLogger(__name__)

Parcel = Outgoing | DeadLetter


class Shipper:
    """Sends blocks to `requests` and dead letters to `dead-letters`, each acknowledged by all in-sync replicas."""

    def __init__(self, settings: Settings, source: str, timeout: float = DELIVERY_SECONDS) -> None:
        """Connect when the first parcel is delivered. `source` names the way in, on every block; `timeout` is in seconds."""
        self._settings = settings
        self._headers = [("source", source.encode())]
        self._timeout = timeout
        self._producer: KafkaProducer | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def deliver(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Send parcels, wait, and return those that the broker did not acknowledge within the timeout."""
        deadline = time.monotonic() + self._timeout
        try:
            sent = [(each, self._send(each)) for each in parcels]
        except KafkaError as error:
            self._give_up(error)
            return list(parcels)
        lost: list[Parcel] = []
        for parcel, future in sent:
            try:
                future.get(timeout=max(0.001, deadline - time.monotonic()))
            except KafkaError as error:
                lost.append(parcel)
                last = error
        if lost:
            self._give_up(last)
        self._count([each for each, _ in sent if each not in lost])
        return lost

    def insist(self, parcels: Sequence[Parcel]) -> None:
        """Deliver parcels, sending again what got lost, once. Raises BrokerUnavailableError when the broker still takes no more."""
        lost = self.deliver(parcels)
        if lost and self.deliver(lost):
            raise BrokerUnavailableError(
                f"Kafka at {self._settings.kafka} takes no blocks: start it, or set HYDROMETER_KAFKA, then run the same again"
            )

    def close(self) -> None:
        """Close the connection, if there is one. Everything delivered was acknowledged before."""
        if self._producer is not None:
            self._producer.close(timeout=5)
            self._producer = None

    def _send(self, parcel: Parcel) -> Any:
        producer = self._producer = self._producer or self._connect()
        if isinstance(parcel, Outgoing):
            return producer.send(topics.REQUESTS, parcel.data, partition=parcel.partition, headers=self._headers)
        return producer.send(topics.DEAD_LETTERS, parcel.line, headers=parcel.headers())

    def _connect(self) -> KafkaProducer:
        return KafkaProducer(
            **topics.client_options(self._settings),
            client_id="hydrometer-collect",
            acks="all",
            linger_ms=5,
            max_request_size=topics.MAX_RECORD_BYTES,
            max_block_ms=int(self._timeout * 1000),
            delivery_timeout_ms=int(self._timeout * 800),  # a record expires before we stop waiting for it
            request_timeout_ms=int(self._timeout * 400),
            bootstrap_timeout_ms=int(self._timeout * 1000),
        )

    def _give_up(self, error: KafkaError) -> None:
        """Drop the connection: an idempotent producer that lost a record must not go on with its numbering."""
        _log.warning("Kafka did not take a delivery (%s); it will be tried on a new connection", type(error).__name__)
        if self._producer is not None:
            with suppress(KafkaError):  # all that was under way has expired by now
                self._producer.close(timeout=1)
            self._producer = None

    def _count(self, parcels: Sequence[Parcel]) -> None:
        for topic, count in Counter(topics.REQUESTS if isinstance(each, Outgoing) else topics.DEAD_LETTERS for each in parcels).items():
            METRICS.add(Metric.BLOCKS_SENT, count, topic=topic)


def count(step: Step, source: str) -> None:
    """Count what came of some lines, under the kind of their source (`file`, `stdin`, `http`, `requests-raw`)."""
    METRICS.add(Metric.EVENTS_ACCEPTED, step.accepted, source=source)
    METRICS.add(Metric.EVENTS_LATE, step.late, source=source)
    if step.accepted and source != "file":  # a file's time is its own
        METRICS.set(Metric.CLOCK_SKEW, step.newest - time.time(), source=source)
    for reason, lines in step.rejected.items():
        METRICS.add(Metric.EVENTS_REJECTED, lines, source=source, reason=reason)


def report_paused(source: str, *, paused: bool) -> None:
    """Set the metric that pages somebody: whether any source of this process is paused by its fuse."""
    (_PAUSED.add if paused else _PAUSED.discard)(source)
    METRICS.set(Metric.FUSE_BLOWN, float(bool(_PAUSED)))


def ship_files(paths: Sequence[Path], settings: Settings, log_format: str = AUTO, known_corpus: Path | None = None) -> Counter[str]:
    """Send files to Kafka, with progress on a terminal, and return how many lines were `accepted`, and rejected by reason.

    Raises SettingsError, FuseBlownError (after what came before was delivered), BrokerUnavailableError.
    """
    collector = Collector(settings, log_format, known_corpus)
    with Shipper(settings, "file") as shipper, _progress(paths) as advance:
        waiting: list[Parcel] = []

        def on_step(step: Step, done: int) -> None:
            count(step, "file")
            waiting.extend(step.dead)
            advance(done)

        with _blown_fuse_shown():
            try:
                for block in read_files(paths, settings, log_format, collector=collector, on_step=on_step):
                    waiting.append(block)
                    if len(waiting) >= IN_FLIGHT:
                        shipper.insist(waiting)
                        waiting.clear()
            except FuseBlownError:
                shipper.insist(waiting)
                raise
            shipper.insist(waiting)
    return Counter({"accepted": collector.accepted, **collector.rejected})


def ship_stream(
    stream: BinaryIO, settings: Settings, log_format: str = AUTO, known_corpus: Path | None = None, *, backfill: bool = False
) -> Counter[str]:
    """Send lines from a stream (standard input) as they come, until it ends; return the counts as `ship_files` does.

    Each line arrives now, or, with `backfill`, by the clock of the stream itself, as a file does. Raises as `ship_files`.
    """
    collector = Collector(settings, log_format, known_corpus)
    clock = FileClock(settings.allowed_skew_seconds) if backfill else None
    line = 0
    with Shipper(settings, "stdin") as shipper, _blown_fuse_shown():
        try:
            for lines in live_chunks(stream, settings.block_seconds):
                now = time.time()
                step = collector.add(lines, "stdin", clock or now, range(line + 1, line + len(lines) + 1))
                line += len(lines)
                count(step, "stdin")
                shipper.insist([*step.dead, *step.outgoing, *([] if clock else collector.due(now))])
        except UnreadableInputError as error:
            step = collector.broken("stdin", f"line {line}", str(error))
            count(step, "stdin")
            shipper.insist(step.dead)
        except FuseBlownError:
            shipper.insist(collector.flush())
            raise
        shipper.insist(collector.flush())
        collector.fuse.check()
    return Counter({"accepted": collector.accepted, **collector.rejected})


@contextmanager
def _blown_fuse_shown() -> Iterator[None]:
    """Set the metric that pages somebody."""
    report_paused("file", paused=False)
    try:
        yield
    except FuseBlownError:
        report_paused("file", paused=True)
        raise


@contextmanager
def _progress(paths: Sequence[Path]) -> Iterator[Callable[[int], None]]:
    """Show how much of the files has been read, when standard error is a terminal. Yields a function of the current file's bytes."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    total = sum(path.stat().st_size for path in paths if path.is_file())
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("reading", total=total)
        last = [0]

        def advance(done: int) -> None:
            shown.advance(task, done - last[0] if done >= last[0] else done)  # a smaller number is the next file
            last[0] = done

        yield advance
