"""From log lines to `requests` blocks: parse, refuse what is wrong, sketch, redact, cut into blocks by account. No broker here.

`Collector` is the pure core of every way in (`streams/intake/`). What happens to a line:

* refused: a dead letter with a reason, counted by the fuse; the next line goes on;
* `no_request`: a format says that the line is not a call of a model (a tool's step, a trace's other spans). It is counted and dropped;
* `duplicate`: the same account sent the same event id with the same time among the last 65,536 of its partition. It is counted and
  dropped. (Callers may choose ids, and some back-ends repeat them: neither may hide a request.) Beyond that memory, or across a restart of
  `collect`, a repetition cannot be told and counts again;
* accepted: it waits, parsed, for its partition's block. Its text never gets further than this process.
"""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from streams.core.errors import FuseBlownError, MalformedEventError
from streams.core.settings import Settings
from streams.intake.clock import FileClock, near
from streams.intake.dead_letter_limit import Fuse
from streams.intake.dead_letters import DeadLetter, letter
from streams.intake.files import UnreadableInputError, check_files, chunks_of
from streams.intake.formats.registry import AUTO, advice, reader
from streams.intake.forwarded import trusted
from streams.privacy.normalise import Normaliser
from streams.privacy.sketch import Sketcher, load_corpus
from streams.schema.blocks import REQUESTS
from streams.schema.event import MAX_TEXT_BYTES, Event, check
from streams.schema.topics import MAX_RECORD_BYTES, partition_of

FILE_BLOCK_EVENTS: Final = 1024
FILE_BLOCK_SECONDS: Final = 600.0
"""Most events of a block read from a file, and most seconds of event time: no clock closes it, and a backtest's alerts should stand near
the time they would have had."""
LATE_SECONDS: Final = 60.0
REMEMBERED_IDS: Final = 1 << 16
"""Event ids a partition, for telling duplicates."""
PENDING_BYTES: Final = 8 * 1024 * 1024
"""Bytes of lines after which a block is closed early, so that long prompts cannot fill the memory."""

OVERSIZE: Final = frozenset({"too_large"})
"""Reasons that the fuse does not count: any caller can write a huge prompt, and none shall be able to stop `collect` with it."""

_ROOM = 64 * 1024  # what a record needs beside its block


def collect_garbage_rarely() -> None:
    """Let Python look for cycles every 50,000 objects instead of every 700, in the whole process.

    Parsed events are trees, which go as soon as nobody names them. Looking through those that wait for their block finds nothing, again
    and again, and took 9 % of the time of `collect`.
    """
    gc.set_threshold(50_000)


class Outgoing(NamedTuple):
    """A closed block, ready for the topic `requests`."""

    partition: int
    data: bytes
    events: int
    ids: tuple[int, ...] = ()
    """What `Collector.forget` needs when the block could not be delivered."""


@dataclass
class Step:
    """What came of some lines: blocks that are full, dead letters, and the counts."""

    outgoing: list[Outgoing] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    accepted: int = 0
    late: int = 0
    """Accepted events over LATE_SECONDS behind the newest of their partition."""
    newest: float = -math.inf
    """Newest time of an accepted event, seconds since 1970."""
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass
class _Open:
    """The block of a partition that is still filling."""

    events: list[Event] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    size: int = 0
    since: float = 0.0
    """When its first event arrived; of a file, the newest event time then (in a file without order that does not move)."""


class _Read(NamedTuple):
    event: Event
    time: float


class _Refused(NamedTuple):
    error: MalformedEventError
    account: str | None = None
    event: Event | None = None
    """The event, when it is one of several of its line."""


Arrival = float | FileClock | Sequence[float]
"""When lines arrived, epoch s: all of them, each, or by the clock of their file."""
Line = bytes | Event
"""A line of a log, or one canonical event of a shipment: those share what they have in common."""
_EVENT_BYTES: Final = 1024
"""What an event of a shipment counts for in its block: its length is not known."""
_Outcome = _Read | _Refused | None


class Collector:
    """Turns lines into blocks. One for a process; not for several threads at once."""

    def __init__(self, settings: Settings, log_format: str = AUTO, known_corpus: Path | None = None, *, backfill: bool = False) -> None:
        """Take keys, limits and partitions from the settings. Raises SettingsError for an unknown format or unreadable corpus.

        With `backfill` a live event may be as old as the oldest log.
        """
        corpus = load_corpus(known_corpus) if known_corpus else None
        sketcher = Sketcher(settings.sketch_key.get_secret_value().encode(), corpus)
        self._normaliser = Normaliser(settings.pseudonym_key.get_secret_value().encode(), sketcher)
        self._events = reader(log_format, lambda entry: trusted(entry, settings.trusted_hops))
        self._format = log_format
        self._settings = settings
        self._open = [_Open() for _ in range(settings.partitions)]
        self._newest = [-math.inf] * settings.partitions
        self._seen: list[dict[int, None]] = [{} for _ in range(settings.partitions)]
        self._backfill = backfill
        self.fuse = Fuse(settings.fuse_window, settings.fuse_share, settings.fuse_run, skip=settings.fuse_skip)
        self.accepted = 0
        self.rejected: Counter[str] = Counter()

    def add(
        self, lines: Sequence[Line], source: str, arrival: Arrival, positions: Sequence[object] | None = None, fuse: Fuse | None = None
    ) -> Step:
        """Take lines that arrived at `arrival`, or the next lines of a file, in the order of its clock; or canonical events.

        `positions` say where each line stood, for its dead letter (default: 1, 2, 3...). Blank lines are skipped. `fuse` is that of the
        source (default: the collector's). Raises FuseBlownError when it had blown before; the call in which it blows returns what came
        before, and takes no line after.
        """
        fuse = fuse or self.fuse
        fuse.check()
        read = [(place, outcome) for place, line in enumerate(lines) for outcome in self._read(line)]
        places = [place for place, _ in read]
        when = [arrival[place] for place in places] if isinstance(arrival, Sequence) else arrival
        step = Step()
        for place, outcome in zip(places, self._believed([outcome for _, outcome in read], when), strict=True):
            line = lines[place]
            if outcome is None:
                step.rejected["no_request"] += 1
                continue
            if isinstance(outcome, _Read):
                size = len(line) if isinstance(line, bytes) else _EVENT_BYTES
                self._accept(outcome, size, arrival[place] if isinstance(arrival, Sequence) else arrival, step)
                if fuse.count():
                    break
                continue
            error, account, event = outcome
            step.rejected[error.reason] += 1
            step.dead.append(letter(error, line if event is None else event, source, str(positions[place] if positions else place + 1)))
            if error.reason not in OVERSIZE and fuse.count(error, account):
                break
        self.accepted += step.accepted
        self.rejected += step.rejected
        return step

    def due(self, now: float) -> list[Outgoing]:
        """Close the blocks whose first event has waited for `block_seconds`. Only for live sources."""
        old = now - self._settings.block_seconds
        return [each for place, block in enumerate(self._open) if block.events and block.since <= old for each in self._close(place)]

    def flush(self) -> list[Outgoing]:
        """Close every block that holds an event."""
        return [each for place, block in enumerate(self._open) if block.events for each in self._close(place)]

    def broken(self, source: str, position: str, why: str) -> Step:
        """Take note of an input that broke off."""
        error = MalformedEventError("unreadable_input", why)
        self.rejected[error.reason] += 1
        return Step(dead=[letter(error, b"", source, position)], rejected=Counter([error.reason]))

    def forget(self, lost: Outgoing) -> None:
        """Forget the event ids of a block that was not delivered: its events will be sent again, and are no duplicates then."""
        seen = self._seen[lost.partition]
        for each in lost.ids:
            seen.pop(each, None)

    def _read(self, line: Line) -> list[_Outcome]:
        """Return what became of each event of a line: nothing of a blank one, None for one that is not a request."""
        if isinstance(line, dict):
            return [self._checked(line, long=True)]
        if not line or line.isspace():
            return []
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

    def _advised(self, outcome: _Outcome, line: bytes) -> _Outcome:
        """Return the outcome of a line that is one event: a refusal says in which format the line rather is."""
        if not isinstance(outcome, _Refused):
            return outcome
        error = outcome.error
        better = advice(line, self._format) if error.reason == "missing_field" else None
        return _Refused(MalformedEventError(error.reason, f"{error.detail}; {better}") if better else error, outcome.account)

    def _believed(self, found: list[_Outcome], arrival: Arrival) -> list[_Outcome]:
        """Refuse each event whose time is not believed, and no other."""
        skew = self._settings.allowed_skew_seconds
        past = math.inf if self._backfill else skew
        read = [(place, each) for place, each in enumerate(found) if isinstance(each, _Read)]
        if isinstance(arrival, FileClock):
            good = arrival.believed([each.time for _, each in read])
        else:
            arrivals = arrival if isinstance(arrival, Sequence) else [arrival] * len(found)
            good = [near(each.time, arrivals[place], skew, past) for place, each in read]
        error = MalformedEventError("time_skew", f"timestamp is more than {skew:.0f} s from its arrival, or of another century")
        for (place, each), believed in zip(read, good, strict=True):
            if not believed:
                found[place] = _Refused(error, _account(each.event), each.event)
        return found

    def _accept(self, read: _Read, size: int, arrival: float | FileClock, step: Step) -> None:
        account, event_id = read.event["account.id"], read.event["event.id"]
        place = partition_of(account, self._settings.partitions)
        known, seen = hash((account, event_id, read.time)), self._seen[place]
        if known in seen:
            step.rejected["duplicate"] += 1
            return
        seen[known] = None
        if len(seen) > REMEMBERED_IDS:
            del seen[next(iter(seen))]
        from_file = isinstance(arrival, FileClock)
        newest = max(self._newest[place], read.time)
        if from_file and self._open[place].events and newest - self._open[place].since >= FILE_BLOCK_SECONDS:
            step.outgoing += self._close(place)
        block = self._open[place]
        if not block.events:
            block.since = newest if isinstance(arrival, FileClock) else arrival
        block.events.append(read.event)
        block.times.append(read.time)
        block.ids.append(known)
        block.size += size
        step.accepted += 1
        step.late += read.time < self._newest[place] - LATE_SECONDS
        self._newest[place] = newest
        step.newest = max(step.newest, read.time)
        full = min(self._settings.block_events, FILE_BLOCK_EVENTS) if from_file else self._settings.block_events
        if len(block.events) >= full or block.size >= PENDING_BYTES:
            step.outgoing += self._close(place)

    def _close(self, place: int) -> list[Outgoing]:
        block, self._open[place] = self._open[place], _Open()
        return self._encoded(place, block)

    def _encoded(self, place: int, block: _Open) -> list[Outgoing]:
        """Encode a block; one that no record could hold goes as two."""
        data = REQUESTS.encode(self._normaliser.columns(block.events, block.times))
        count = len(block.events)
        if len(data) <= MAX_RECORD_BYTES - _ROOM or count == 1:
            return [Outgoing(place, data, count, tuple(block.ids))]
        halves = (slice(None, count // 2), slice(count // 2, None))
        return [each for half in halves for each in self._encoded(place, _Open(block.events[half], block.times[half], block.ids[half]))]


def _account(event: Event) -> str | None:
    found = event.get("account.id")
    return found if isinstance(found, str) else None


def read_files(
    paths: Sequence[Path],
    settings: Settings,
    log_format: str = AUTO,
    *,
    collector: Collector | None = None,
    on_step: Callable[[Step, int], None] = lambda _step, _done: None,
) -> Iterator[Outgoing]:
    """Read files one after the other, in the order given, and yield their blocks: the same files always give the same blocks.

    Pass a collector of your own to read its counters (`accepted`, `rejected`). `on_step` sees each step, with its dead letters, and how
    many bytes of the current file were read. A file that breaks off (a cut gzip, a failing disk) is a dead letter of reason
    `unreadable_input`; the next file goes on. Raises SettingsError before anything is read when a file cannot be opened, FuseBlownError
    after the blocks before it.
    """
    check_files(paths)
    collector = collector or Collector(settings, log_format)
    try:
        for path in paths:
            for step, done in _steps(collector, path, settings):
                on_step(step, done)
                yield from step.outgoing
    except FuseBlownError:  # what was accepted before is good
        yield from collector.flush()
        raise
    yield from collector.flush()
    collector.fuse.check()


def _steps(collector: Collector, path: Path, settings: Settings) -> Iterator[tuple[Step, int]]:
    """Yield what comes of each chunk of a file, and the bytes that were read so far."""
    clock, line, done = FileClock(settings.allowed_skew_seconds), 0, 0
    try:
        for chunk in chunks_of(path):
            line, done = chunk.first + len(chunk.lines), chunk.done
            yield collector.add(chunk.lines, str(path), clock, range(chunk.first, line)), done
    except UnreadableInputError as error:
        yield collector.broken(str(path), f"line {line}", str(error)), done
