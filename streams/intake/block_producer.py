"""Delivers blocks to Kafka: a block is delivered once all in-sync replicas have it; until then the sender keeps its events.

`BlockProducer` blocks its thread; the asynchronous inputs call it in a thread of its own.
"""

from __future__ import annotations

import asyncio
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
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from tenacity import AsyncRetrying, retry_if_result, wait_exponential

from streams.core.errors import BrokerUnavailableError, FuseBlownError
from streams.core.output import console
from streams.core.settings import Settings
from streams.intake.clock import FileClock
from streams.intake.collector import Collector, Ingested, OutgoingBlock, read_files
from streams.intake.files import LogPath, UnreadableInputError, live_chunks, named_files, size_bytes
from streams.intake.formats.registry import AUTO
from streams.intake.refusals import log_new_kinds
from streams.schema import topics
from streams.schema.dead_letters import DeadLetter
from streams.telemetry.metrics import METRICS, Metric

DELIVERY_SECONDS: Final = 30.0
"""Time-out of a delivery: after it the blocks count as lost, and are sent again or refused."""
MAX_IN_FLIGHT_BLOCKS: Final = 64
"""Blocks read from a file and not yet acknowledged by the broker."""

RETRY_SECONDS: Final = 1.0
MAX_RETRY_SECONDS: Final = 30.0
"""Pauses between deliveries that Kafka does not take: the first, and the longest."""
PAUSE_SECONDS: Final = 60.0
"""Pause of a source after its fuse has blown."""

_PAUSED_SOURCES: Final[set[str]] = set()
_log = logging.getLogger(__name__)

OutgoingRecord = OutgoingBlock | DeadLetter


class BlockProducer:
    """Sends blocks to `requests` and dead letters to `dead-letters`, each acknowledged by all in-sync replicas."""

    def __init__(self, settings: Settings, source: str, timeout: float = DELIVERY_SECONDS) -> None:
        """Connect at the first delivery. source: the input's name, a header of every block. timeout: of a delivery, in seconds."""
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

    def deliver(self, records: Sequence[OutgoingRecord]) -> list[OutgoingRecord]:
        """Send records, wait, and return those that the broker did not acknowledge within the timeout."""
        deadline = time.monotonic() + self._timeout
        try:
            sent = [(record, self._send(record)) for record in records]
        except KafkaError as error:
            self._give_up(error)
            return list(records)
        lost: list[OutgoingRecord] = []
        for record, future in sent:
            try:
                future.get(timeout=max(0.001, deadline - time.monotonic()))
            except KafkaError as error:
                lost.append(record)
                last = error
        if lost:
            self._give_up(last)
        self._count([record for record, _ in sent if record not in lost])
        return lost

    def insist(self, records: Sequence[OutgoingRecord]) -> None:
        """Deliver records; send lost ones again, once. Raises BrokerUnavailableError when the second try fails, too."""
        lost = self.deliver(records)
        if lost and self.deliver(lost):
            raise BrokerUnavailableError(
                f"Kafka at {self._settings.kafka} accepts no blocks: start it, or set HYDROMETER_KAFKA, then run the same command again"
            )

    def close(self) -> None:
        """Close the connection, if it is open. Everything delivered was acknowledged before."""
        if self._producer is not None:
            self._producer.close(timeout=5)
            self._producer = None

    def _send(self, record: OutgoingRecord) -> Any:
        producer = self._producer = self._producer or self._connect()
        if isinstance(record, OutgoingBlock):
            return producer.send(topics.REQUESTS, record.data, partition=record.partition, headers=self._headers)
        return producer.send(topics.DEAD_LETTERS, record.line, headers=record.headers())

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
        """Drop the connection: an idempotent producer that lost a record must not continue its sequence numbers."""
        _log.warning("Kafka did not acknowledge a delivery (%s); it is tried again on a new connection", type(error).__name__)
        if self._producer is not None:
            with suppress(KafkaError):  # every record in flight has expired by now
                self._producer.close(timeout=1)
            self._producer = None

    def _count(self, records: Sequence[OutgoingRecord]) -> None:
        for topic, count in Counter(
            topics.REQUESTS if isinstance(record, OutgoingBlock) else topics.DEAD_LETTERS for record in records
        ).items():
            METRICS.add(Metric.BLOCKS_SENT, count, topic=topic)


async def deliver_until_taken(producer: BlockProducer, records: Sequence[OutgoingRecord]) -> None:
    """Deliver, and try again until the broker has every record: for sources that keep what is not read yet."""
    left = list(records)

    async def deliver() -> bool:
        nonlocal left
        left = await asyncio.to_thread(producer.deliver, left)
        return bool(left)

    await AsyncRetrying(retry=retry_if_result(bool), wait=wait_exponential(multiplier=RETRY_SECONDS, max=MAX_RETRY_SECONDS))(deliver)


def count(ingested: Ingested, source: str) -> None:
    """Add the result of ingesting lines to the metrics, and new kinds of refusals to the log.

    source: `file`, `stdin`, `http`, a caller's name or `requests-raw`.
    """
    METRICS.add(Metric.EVENTS_ACCEPTED, ingested.accepted, source=source)
    METRICS.add(Metric.EVENTS_LATE, ingested.late, source=source)
    METRICS.add(Metric.EVENTS_CORRECTED, ingested.corrected, source=source)
    if ingested.accepted and source != "file":  # a file's times are those of its own period
        METRICS.set(Metric.CLOCK_SKEW, ingested.newest - time.time(), source=source)
    for reason, lines in ingested.rejected.items():
        METRICS.add(Metric.EVENTS_REJECTED, lines, source=source, reason=reason)
    log_new_kinds(ingested.dead, source)


def report_paused(source: str, *, paused: bool) -> None:
    """Set the metric of the paging alert: whether a fuse has paused any source of this process."""
    (_PAUSED_SOURCES.add if paused else _PAUSED_SOURCES.discard)(source)
    METRICS.set(Metric.FUSE_BLOWN, float(bool(_PAUSED_SOURCES)))


def send_files(paths: Sequence[LogPath], settings: Settings, log_format: str = AUTO, known_corpus: Path | None = None) -> Counter[str]:
    """Send files to Kafka, with progress on a terminal; return the number of lines `accepted`, and rejected by reason.

    Raises SettingsError, FuseBlownError (after the lines before it were delivered), BrokerUnavailableError.
    """
    collector = Collector(settings, log_format, known_corpus)
    with BlockProducer(settings, "file") as producer, _progress(paths) as advance:
        waiting: list[OutgoingRecord] = []

        def on_ingested(ingested: Ingested, done: int) -> None:
            count(ingested, "file")
            waiting.extend(ingested.dead)
            advance(done)

        with _blown_fuse_shown():
            try:
                for block in read_files(paths, settings, log_format, collector=collector, on_ingested=on_ingested):
                    waiting.append(block)
                    if len(waiting) >= MAX_IN_FLIGHT_BLOCKS:
                        producer.insist(waiting)
                        waiting.clear()
            except FuseBlownError:
                producer.insist(waiting)
                raise
            producer.insist(waiting)
    return Counter({"accepted": collector.accepted, **collector.rejected})


def send_stream(
    stream: BinaryIO, settings: Settings, log_format: str = AUTO, known_corpus: Path | None = None, *, backfill: bool = False
) -> Counter[str]:
    """Send lines from a stream (standard input) as they arrive, until it ends; return the counts as `send_files` does.

    A line's arrival is now, or, with `backfill`, the clock of the stream itself, as of a file. Raises as `send_files`.
    """
    collector = Collector(settings, log_format, known_corpus)
    clock = FileClock(settings.future_skew_seconds, settings.past_skew_seconds) if backfill else None
    line = 0
    with BlockProducer(settings, "stdin") as producer, _blown_fuse_shown():
        try:
            for lines in live_chunks(stream, settings.block_seconds):
                now = time.time()
                ingested = collector.add(lines, "stdin", clock or now, range(line + 1, line + len(lines) + 1))
                line += len(lines)
                count(ingested, "stdin")
                producer.insist([*ingested.dead, *ingested.outgoing, *([] if clock else collector.due(now))])
        except UnreadableInputError as error:
            ingested = collector.broken("stdin", f"line {line}", str(error))
            count(ingested, "stdin")
            producer.insist(ingested.dead)
        except FuseBlownError:
            producer.insist(collector.flush())
            raise
        producer.insist(collector.flush())
        collector.fuse.check()
    return Counter({"accepted": collector.accepted, **collector.rejected})


@contextmanager
def _blown_fuse_shown() -> Iterator[None]:
    """Set the metric of the paging alert while the fuse is blown."""
    report_paused("file", paused=False)
    try:
        yield
    except FuseBlownError:
        report_paused("file", paused=True)
        raise


@contextmanager
def _progress(paths: Sequence[LogPath]) -> Iterator[Callable[[int], None]]:
    """Show progress when standard error is a terminal. Yields a function that takes the bytes read of the current file."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    total = sum(size_bytes(path) for path in named_files(paths))
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=total)
        last = [0]

        def advance(done: int) -> None:
            progress.advance(task, done - last[0] if done >= last[0] else done)  # a smaller number is the next file
            last[0] = done

        yield advance
