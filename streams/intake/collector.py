"""From log lines to `requests` blocks: parse, refuse what is wrong, sketch, redact, cut into blocks by account. No broker here.

`Collector` is the pure core of every input. A line is one of:

* refused: it becomes a dead letter with a reason, and the fuse counts it;
* `no_request`: its format knows that it is not a call of a model (a tool's call, another span of a trace). It is counted and dropped;
* `duplicate`: the same account sent the same event id with the same time among the last 65,536 of its partition. It is counted and
  dropped. (Callers may choose ids, and some back-ends repeat them: neither may hide a request.) Beyond that memory, or after a restart of
  `collect`, the readers of the topic drop a repetition (`streams.stages.repeats`);
* accepted: the parsed event waits for its partition's block. Its text never leaves this process.
"""

from __future__ import annotations

import gc
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from streams.core.errors import FuseBlownError, MalformedEventError
from streams.core.settings import Settings
from streams.intake.clock import AHEAD, LARGEST_CORRECTION_SECONDS, FileClock, event_time
from streams.intake.dead_letter_limit import Fuse
from streams.intake.dead_letters import letter
from streams.intake.files import LogPath, UnreadableInputError, chunks_of, named_files
from streams.intake.formats.registry import AUTO, advisor, reader
from streams.intake.forwarded import trusted
from streams.privacy.indicators import IndicatorMatcher
from streams.privacy.normalise import Normaliser
from streams.privacy.sketch import Sketcher, load_corpus
from streams.schema.blocks import Block
from streams.schema.dead_letters import DeadLetter
from streams.schema.event import MAX_LINE_BYTES, MAX_TEXT_BYTES, Event, check
from streams.schema.layouts import REQUESTS
from streams.schema.topics import MAX_RECORD_BYTES, partition_of

FILE_BLOCK_EVENTS: Final = 1024
FILE_BLOCK_SECONDS: Final = 600.0
"""Limits of a block read from a file, in events and seconds of event time."""
LATE_AFTER_SECONDS: Final = 60.0
MAX_REMEMBERED_IDS: Final = 1 << 16
"""Event ids kept per partition, to recognise duplicates."""
MAX_PENDING_BYTES: Final = 8 * 1024 * 1024
"""A block with this many bytes of lines is closed early, so that long prompts cannot fill the memory."""

OVERSIZE: Final = frozenset({"too_large"})
"""Reasons that the fuse does not count: any caller can write a huge prompt, and must not be able to stop `collect` by it."""

_ADVISED: Final = frozenset({"missing_field", "wrong_type", "bad_timestamp", "negative", "absurd"})
"""Reasons about a field of the gateway's, which a look at its format explains."""
_CUT: Final = frozenset({"missing_field", "not_json", "truncated", "bad_utf8"})
"""What a line that was cut may lack."""
_RECORD_OVERHEAD_BYTES = 64 * 1024  # headers and framing of a record


def collect_garbage_rarely() -> None:
    """Let Python's garbage collector look for cycles every 50,000 objects instead of every 700, in the whole process.

    Parsed events have no cycles: reference counting frees them.
    """
    gc.set_threshold(50_000)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep the garbage collector from walking through a line of a million values again and again while they are read."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class OutgoingBlock(NamedTuple):
    """A closed block, ready for the topic `requests`."""

    partition: int
    content: bytes | Block
    events: int
    ids: tuple[int, ...] = ()
    """Hashes of its event ids, for `Collector.forget` when the block could not be delivered."""

    @property
    def data(self) -> bytes:
        """Return the block's bytes, as they are sent."""
        return self.content.packed if isinstance(self.content, Block) else self.content


@dataclass
class Ingested:
    """Result of ingesting a chunk of lines: full blocks, dead letters, and counts."""

    outgoing: list[OutgoingBlock] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    accepted: int = 0
    late: int = 0
    """Accepted events more than LATE_AFTER_SECONDS behind the newest of their partition."""
    corrected: int = 0
    """Accepted events whose clock was hours ahead: they count at their arrival."""
    newest: float = -math.inf
    """Newest time of an accepted event as its log says, seconds since 1970; -inf without one."""
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass
class _Open:
    """The block of a partition that is still filling."""

    events: list[Event] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    size: int = 0
    since: float = 0.0
    """Arrival of its first event; for a file, the newest event time then (which an unordered file does not move)."""


class _Read(NamedTuple):
    event: Event
    time: float
    """As its log says."""
    corrected: float | None = None
    """When it counts instead."""

    @property
    def counts_at(self) -> float:
        return self.time if self.corrected is None else self.corrected


class _Refused(NamedTuple):
    error: MalformedEventError
    account: str | None = None
    event: Event | None = None
    """The event, when it is one of several of its line."""


Arrival = float | FileClock | Sequence[float]
"""Arrival of lines in epoch seconds: one for all, one each, or the clock of their file."""
Line = bytes | Event
"""A line of a log, or one canonical event of a shipment, whose events share their common attributes."""
_EVENT_BYTES: Final = 1024
"""Assumed size of an event of a shipment in its block: its length is unknown."""
_Outcome = _Read | _Refused | None


class Collector:
    """Turns lines into blocks. One per process; not thread-safe."""

    def __init__(self, settings: Settings, log_format: str = AUTO, known_corpus: Path | None = None, *, backfill: bool = False) -> None:
        """Read keys, limits and partitions from the settings.

        Raises SettingsError for an unknown format or an unreadable corpus, IndicatorsError for indicators that cannot be read.

        With `backfill` a live event may be as old as the oldest log.
        """
        corpus = load_corpus(known_corpus) if known_corpus else None
        sketcher = Sketcher(settings.sketch_key.get_secret_value().encode(), corpus)
        shared_key = settings.shared_sketch_key.get_secret_value().encode() if settings.shared_sketch_key else b""
        matcher = IndicatorMatcher(settings.indicators, shared_key) if settings.indicators else None
        self._normaliser = Normaliser(settings.pseudonym_key.get_secret_value().encode(), sketcher, matcher)
        before = settings.pseudonym_key_previous
        self._rotations = (
            [self._normaliser.rotation(before.get_secret_value().encode()) for _ in range(settings.partitions)] if before else []
        )
        self.formats: Counter[str] = Counter()
        self._events = reader(log_format, lambda entry: trusted(entry, settings.trusted_hops), self.formats)
        self._advice = advisor(log_format)
        self._settings = settings
        self._open = [_Open() for _ in range(settings.partitions)]
        self._newest = [-math.inf] * settings.partitions
        self._seen: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(settings.partitions)]
        self._backfill = backfill
        self.fuse = Fuse.of(settings)
        self.accepted = 0
        self.rejected: Counter[str] = Counter()

    def add(
        self, lines: Sequence[Line], source: str, arrival: Arrival, positions: Sequence[object] | None = None, fuse: Fuse | None = None
    ) -> Ingested:
        """Ingest lines that arrived at `arrival`, or the next lines of a file, or canonical events.

        Blank lines are skipped. The call in which the fuse blows returns the result up to that line, and ignores the lines after it.

        Args:
            lines: Raw lines or canonical events.
            source: Name of the input, for dead letters.
            arrival: Epoch seconds of all lines or of each, or the file's clock.
            positions: Position of each line in its source, for its dead letter (default: 1, 2, 3...).
            fuse: The fuse of the source (default: the collector's).

        Raises:
            FuseBlownError: The fuse had blown before.
        """
        fuse = fuse or self.fuse
        fuse.check()
        with _without_garbage_collection():
            read = [(index, outcome) for index, line in enumerate(lines) for outcome in self._read(line)]
        indices = [index for index, _ in read]
        when = [arrival[index] for index in indices] if isinstance(arrival, Sequence) else arrival
        ingested = Ingested()
        for index, outcome in zip(indices, self._corrected([outcome for _, outcome in read], when), strict=True):
            line = lines[index]
            if outcome is None:
                ingested.rejected["no_request"] += 1
                continue
            if isinstance(outcome, _Read):
                size = len(line) if isinstance(line, bytes) else _EVENT_BYTES
                self._accept(outcome, size, arrival[index] if isinstance(arrival, Sequence) else arrival, ingested)
                if fuse.count():
                    break
                continue
            error, account, event = outcome
            ingested.rejected[error.reason] += 1
            ingested.dead.append(letter(error, line if event is None else event, source, str(positions[index] if positions else index + 1)))
            if error.reason not in OVERSIZE and fuse.count(error, account):
                break
        self.accepted += ingested.accepted
        self.rejected += ingested.rejected
        return ingested

    def due(self, now: float) -> list[OutgoingBlock]:
        """Close the blocks whose first event has waited for `block_seconds`. Only for live sources. now: epoch seconds."""
        old = now - self._settings.block_seconds
        return [
            outgoing
            for partition, block in enumerate(self._open)
            if block.events and block.since <= old
            for outgoing in self._close(partition)
        ]

    def flush(self) -> list[OutgoingBlock]:
        """Close every block that is not empty."""
        return [outgoing for partition, block in enumerate(self._open) if block.events for outgoing in self._close(partition)]

    def broken(self, source: str, position: str, why: str) -> Ingested:
        """Record an input that broke off as a dead letter; `why` is a sentence for it."""
        error = MalformedEventError("unreadable_input", why)
        self.rejected[error.reason] += 1
        return Ingested(dead=[letter(error, b"", source, position)], rejected=Counter([error.reason]))

    def forget(self, lost: OutgoingBlock) -> None:
        """Forget the event ids of a block that was not delivered: its events are sent again, and must not count as duplicates."""
        if self._rotations:
            self._rotations[lost.partition].forget()
        seen = self._seen[lost.partition]
        for event_id in lost.ids:
            seen.pop(event_id, None)

    def _read(self, line: Line) -> list[_Outcome]:
        """Return the outcome of each event of a line: none for a blank line, None for a line that is not a request."""
        if isinstance(line, dict):
            return [self._advised(self._checked(line, long=True), line)]
        if not line or line.isspace():
            return []
        if len(line) > MAX_LINE_BYTES:
            return [_cut_short(outcome) for outcome in self._outcomes(line)]
        return self._outcomes(line)

    def _outcomes(self, line: bytes) -> list[_Outcome]:
        try:
            events = self._events(line)
        except MalformedEventError as error:
            return [_Refused(error)]
        long = len(line) > MAX_TEXT_BYTES
        if len(events) == 1:
            return [self._advised(self._checked(events[0], long=long), line)]
        return [self._checked(event, long=long) for event in events] or [None]

    def _checked(self, event: Event, *, long: bool) -> _Outcome:
        try:
            return _Read(event, check(event, long=long))
        except MalformedEventError as error:
            return _Refused(error, _account(event), event)

    def _advised(self, outcome: _Outcome, line: Line) -> _Outcome:
        """Return the outcome of a line that is one event: a refusal says where the field is in its format, or which format it rather is."""
        if not isinstance(outcome, _Refused):
            return outcome
        error = outcome.error
        better = self._advice(line, error) if error.reason in _ADVISED else None
        return _Refused(MalformedEventError(error.reason, f"{error.detail}; {better}") if better else error, outcome.account)

    def _corrected(self, outcomes: list[_Outcome], arrival: Arrival) -> list[_Outcome]:
        """Let each event that is hours ahead count at its arrival, and replace the outcome of one that is days off by a refusal."""
        ahead, behind = self._settings.future_skew_seconds, self._settings.past_skew_seconds
        read = [(index, event_read) for index, event_read in enumerate(outcomes) if isinstance(event_read, _Read)]
        if isinstance(arrival, FileClock):
            times = arrival.event_times([event_read.time for _, event_read in read])
        else:
            arrivals = arrival if isinstance(arrival, Sequence) else [arrival] * len(outcomes)
            oldest = math.inf if self._backfill else behind
            times = [event_time(event_read.time, arrivals[index], ahead, oldest) for index, event_read in read]
        for (index, event_read), time in zip(read, times, strict=True):
            if isinstance(time, str):
                error = MalformedEventError(time, _wrong_time(time, behind, in_file=isinstance(arrival, FileClock)))
                outcomes[index] = _Refused(error, _account(event_read.event), event_read.event)
            elif time != event_read.time:
                outcomes[index] = event_read._replace(corrected=time)
        return outcomes

    def _accept(self, read: _Read, size: int, arrival: float | FileClock, ingested: Ingested) -> None:
        account, event_id = read.event["account.id"], read.event["event.id"]
        partition = partition_of(account, self._settings.partitions)
        known, seen = hash((account, event_id, read.time)), self._seen[partition]
        if known in seen:
            ingested.rejected["duplicate"] += 1
            return
        seen[known] = None
        if len(seen) > MAX_REMEMBERED_IDS:
            seen.popitem(last=False)
        from_file = isinstance(arrival, FileClock)
        time = read.counts_at
        newest = max(self._newest[partition], time)
        if from_file and self._open[partition].events and newest - self._open[partition].since >= FILE_BLOCK_SECONDS:
            ingested.outgoing += self._close(partition)
        block = self._open[partition]
        if not block.events:
            block.since = newest if isinstance(arrival, FileClock) else arrival
        block.events.append(read.event)
        block.times.append(time)
        block.ids.append(known)
        block.size += size
        ingested.accepted += 1
        ingested.late += time < self._newest[partition] - LATE_AFTER_SECONDS
        ingested.corrected += time != read.time
        self._newest[partition] = newest
        ingested.newest = max(ingested.newest, read.time)
        full = min(self._settings.block_events, FILE_BLOCK_EVENTS) if from_file else self._settings.block_events
        if len(block.events) >= full or block.size >= MAX_PENDING_BYTES:
            ingested.outgoing += self._close(partition)

    def _close(self, partition: int) -> list[OutgoingBlock]:
        block, self._open[partition] = self._open[partition], _Open()
        return self._encoded(partition, block)

    def _encoded(self, partition: int, block: _Open) -> list[OutgoingBlock]:
        """Encode a block; split it in two when it exceeds the size of a record."""
        aliases = self._rotations[partition].pairs(block.events, max(block.times)) if self._rotations else ()
        content = REQUESTS.block_with_aliases(self._normaliser.columns(block.events, block.times), aliases)
        count = len(block.events)
        if count == 1 or content.packs_within(MAX_RECORD_BYTES - _RECORD_OVERHEAD_BYTES):
            return [OutgoingBlock(partition, content, count, tuple(block.ids))]
        halves = (slice(None, count // 2), slice(count // 2, None))
        return [
            outgoing
            for half in halves
            for outgoing in self._encoded(partition, _Open(block.events[half], block.times[half], block.ids[half]))
        ]


def _cut_short(outcome: _Outcome) -> _Outcome:
    """Say of a line that was cut, when it cannot be read for it, that it was too large: a caller's strings made it so."""
    if isinstance(outcome, _Refused) and outcome.error.reason in _CUT:
        return outcome._replace(error=MalformedEventError("too_large", f"of a line over {MAX_LINE_BYTES} bytes: {outcome.error.detail}"))
    return outcome


def _wrong_time(reason: str, behind_seconds: float, *, in_file: bool) -> str:
    """Return why the time of an event is not believed, and what helps."""
    if reason == AHEAD:
        return f"timestamp is more than {LARGEST_CORRECTION_SECONDS:.0f} s after {'the lines around it' if in_file else 'its arrival'}"
    if in_file:
        return f"timestamp is more than {behind_seconds:.0f} s before earlier lines, or of another century: sort the log by time"
    return f"timestamp is more than {behind_seconds:.0f} s before its arrival, or of another century: an old log takes --backfill"


def _account(event: Event) -> str | None:
    account = event.get("account.id")
    return account if isinstance(account, str) else None


def read_files(
    paths: Sequence[LogPath],
    settings: Settings,
    log_format: str = AUTO,
    *,
    collector: Collector | None = None,
    on_ingested: Callable[[Ingested, int], None] = lambda _step, _done: None,
) -> Iterator[OutgoingBlock]:
    """Read files, and folders of them, in the given order, and yield their blocks: the same files always give the same blocks.

    Pass a collector to read its counters (`accepted`, `rejected`) later. `on_ingested` is called with each result (and dead letters) and
    the bytes read of the current file. A file that breaks off (a cut gzip, a failing disk) becomes a dead letter of reason
    `unreadable_input`; the next file goes on. Raises SettingsError before anything is read when a file cannot be opened, FuseBlownError
    after the blocks before it.
    """
    files = named_files(paths)
    collector = collector or Collector(settings, log_format)
    try:
        for path in files:
            for ingested, done in _steps(collector, path, settings):
                on_ingested(ingested, done)
                yield from ingested.outgoing
    except FuseBlownError:  # the events accepted before are delivered
        yield from collector.flush()
        raise
    yield from collector.flush()
    collector.fuse.check()


def _steps(collector: Collector, path: LogPath, settings: Settings) -> Iterator[tuple[Ingested, int]]:
    """Yield the result of each chunk of a file, and the bytes read so far."""
    clock, line, done = FileClock(settings.future_skew_seconds, settings.past_skew_seconds), 0, 0
    try:
        for chunk in chunks_of(path):
            line, done = chunk.first + len(chunk.lines), chunk.done
            yield collector.add(chunk.lines, str(path), clock, range(chunk.first, line)), done
    except UnreadableInputError as error:
        yield collector.broken(str(path), f"line {line}", str(error)), done
