"""Log files that grow: read as `tail -F` does, and read on after a restart where the broker had the last line.

A file is known by its device, its number (inode) and what it begins with, not by its name. So each way of rotating a log loses nothing:

* renamed (logrotate's default): the old file is read to its end, also after a restart, when it is found beside its successor; a file that
  came and went between the two is read whole;
* copied and truncated (`copytruncate`), or written anew: it is shorter, or begins otherwise, and is read from its beginning. What was
  written between the copy and the cut is lost by that way of rotating itself;
* removed and made again: as renamed, for as long as this process holds the old one open.

A line counts once the broker has it: only then the position moves. After a crash the last lines are sent again, and dropped as repetitions.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from streams.core.errors import FuseBlownError, SettingsError
from streams.core.private_file import write_private
from streams.core.settings import Settings
from streams.core.typed_json import read_json
from streams.intake.block_producer import PAUSE_SECONDS, BlockProducer, count, deliver_until_taken, report_paused
from streams.intake.collector import Collector, OutgoingBlock
from streams.intake.dead_letter_limit import Fuse
from streams.intake.files import PIECE_BYTES
from streams.intake.formats.registry import AUTO
from streams.intake.splitting import Lines
from streams.intake.unpacking import is_packed
from streams.schema.dead_letters import DeadLetter
from streams.schema.event import MAX_READ_BYTES

SOURCE: Final = "follow"
"""Name of the input in metrics and in the header of blocks."""
POSITIONS_FILE: Final = "followed_files.json"
"""In the folder of state: the positions, unless another file is named."""
IDENTITY_BYTES: Final = 1024
"""A file is recognised by a hash of at most its first 1,024 bytes."""
LINGER_SECONDS: Final = 5.0
"""A renamed file is read for as long after its last line: its writer may not have been told yet."""

_LINE_FEED: Final = re.compile(b"\n")
_log = logging.getLogger(__name__)


class Position(msgspec.Struct, frozen=True):
    """How far a file was read: everything before `offset` (bytes) is with the broker."""

    device: int
    inode: int
    offset: int
    head_bytes: int = 0
    head: str = ""
    """Hash of its first `head_bytes` bytes."""

    def is_of(self, descriptor: int) -> bool:
        """Tell whether an open file is the one that was read: not another of the same number, and neither cut nor written anew."""
        status = os.fstat(descriptor)
        same = (status.st_dev, status.st_ino) == (self.device, self.inode) and status.st_size >= self.offset
        return same and _hash(descriptor, self.head_bytes) == self.head


class Piece(NamedTuple):
    """Whole lines of a file, and its position once they are delivered."""

    lines: list[bytes]
    starts: list[int]
    """Offset of each line's first byte."""
    after: Position


class FollowedFile:
    """One log that grows. `read` returns its next lines, again and again the same ones until `accept` says that they are delivered."""

    def __init__(self, path: Path, position: Position | None = None, linger_seconds: float = LINGER_SECONDS) -> None:
        """Start where an earlier run ended, else at the beginning. The file need not exist yet."""
        self.path = path
        self.position = position
        self._linger_seconds = linger_seconds
        self._raw: BinaryIO | None = None
        self._quiet_since: float | None = None

    def read(self) -> Piece | None:
        """Return at most about a mebibyte of lines, None when there is no new one.

        Raises SettingsError for a file that is packed or not readable.
        """
        try:
            while raw := self._raw or self._open():
                position = self._checked(raw)
                if piece := _piece(raw, position):
                    self._quiet_since = None
                    return piece
                if not self._is_replaced(raw):
                    return None
                if rest := _piece(raw, position, ended=True):
                    return rest
                self._go_on(raw)
        except OSError as error:
            raise SettingsError(f"cannot read {self.path} ({error.strerror}): check the path and its permissions") from error
        return None

    def accept(self, piece: Piece) -> None:
        """Move behind the lines that `read` returned."""
        self.position = piece.after

    def close(self) -> None:
        """Close the file that is open, if one is."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def _open(self) -> BinaryIO | None:
        """Open the file that was read last, wherever it is now, else the one of our name; return None while there is none."""
        last = self.position
        for path in [self.path, *(_beside(self.path) if last else [])]:
            try:
                raw = path.open("rb", buffering=0)
            except FileNotFoundError:
                continue
            if last is None or last.is_of(raw.fileno()):
                return self._opened(raw, path, last)
            raw.close()
        if last is None or not self.path.exists():
            return None
        _log.warning("%s: the file that was read until byte %d is gone or was cut; the one there now is read", self.path, last.offset)
        self.position = None
        return self._open()

    def _opened(self, raw: BinaryIO, path: Path, position: Position | None) -> BinaryIO:
        if is_packed(os.pread(raw.fileno(), 6, 0)):
            raw.close()
            raise SettingsError(f"{path} is compressed or in UTF-16, and cannot be followed: send it with: hydrometer collect {path}")
        self._raw = raw
        if position is None:
            self.position = _start(raw)
        return raw

    def _checked(self, raw: BinaryIO) -> Position:
        """Return the position, at the beginning again where the file was cut or written anew."""
        position = self.position
        if position is None or not position.is_of(raw.fileno()):
            _log.info("%s was cut, or written anew: it is read from its beginning", self.path)
            position = self.position = _start(raw)
        return position

    def _is_replaced(self, raw: BinaryIO) -> bool:
        """Tell whether our name is another file's now, and this one has been silent for long enough."""
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return False
        own = os.fstat(raw.fileno())
        if (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino):
            return False
        now = time.monotonic()
        if self._quiet_since is None:
            self._quiet_since = now
        return now - self._quiet_since >= self._linger_seconds

    def _go_on(self, old: BinaryIO) -> None:
        """Open the file that came after this one: rotated itself meanwhile, or of our name."""
        status, self._quiet_since = os.fstat(old.fileno()), None
        self.close()
        later = [path for path in _beside(self.path) if _is_later(path, status)]
        for path in sorted(later, key=lambda path: path.stat().st_mtime_ns):
            raw = path.open("rb", buffering=0)
            if not is_packed(os.pread(raw.fileno(), 6, 0)):
                self._opened(raw, path, None)
                return
            raw.close()
            _log.warning("%s was rotated and packed before it was read: send it with: hydrometer collect %s", self.path, path)
        self.position = None


@dataclass(slots=True)
class _Source:
    """A followed file, and whether its fuse pauses it."""

    file: FollowedFile
    fuse: Fuse
    paused_until: float | None = None

    @property
    def name(self) -> str:
        return str(self.file.path)


async def follow(
    paths: Sequence[Path],
    settings: Settings,
    log_format: str = AUTO,
    known_corpus: Path | None = None,
    *,
    positions: Path,
    backfill: bool = False,
    pause_seconds: float = PAUSE_SECONDS,
) -> None:
    """Send what is appended to log files to Kafka, until cancelled.

    A blown fuse pauses its file alone; then the same lines are tried again. Without a broker the files wait where they are.

    Args:
        paths: Files of plain lines; one that does not exist yet is waited for.
        settings: Keys, limits, Kafka.
        log_format: Name of the format of their lines.
        known_corpus: Keyed hashes of benchmark prompts.
        positions: Where the position of each file is kept.
        backfill: Accept lines of any age: the first run over old logs.
        pause_seconds: Length of a pause.

    Raises:
        SettingsError: A file is packed or not readable, or the positions are no positions.
    """
    kept = load_positions(positions)
    sources = [_Source(FollowedFile(path, kept.get(_key(path))), Fuse.of(settings)) for path in paths]
    collector = Collector(settings, log_format, known_corpus, backfill=backfill)
    with BlockProducer(settings, SOURCE) as producer:
        try:
            while True:
                pieces = [(source, piece) for source in sources if (piece := _next(source)) is not None]
                accepted = await _deliver(producer, collector, pieces, pause_seconds)
                if accepted:
                    kept |= {_key(file.path): file.position for file in accepted if file.position}
                    save_positions(positions, kept)
                if not any(sum(map(len, piece.lines)) > PIECE_BYTES // 2 for _, piece in pieces):
                    await asyncio.sleep(settings.block_seconds)  # so that a slow log is not a block a line
        finally:
            for source in sources:
                source.file.close()


def load_positions(path: Path) -> dict[str, Position]:
    """Return the positions of an earlier run, by the file's absolute path; none where there was no run. Raises SettingsError."""
    try:
        return read_json(path.read_bytes(), dict[str, Position])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        reason = f"cannot read positions from {path} ({getattr(error, 'strerror', None) or 'they are damaged'})"
        raise SettingsError(f"{reason}: check it, or delete it to read the files from their beginning") from error


def save_positions(path: Path, positions: Mapping[str, Position]) -> None:
    """Keep positions. Raises SettingsError."""
    try:
        write_private(path, msgspec.json.encode(positions).decode())
    except OSError as error:
        raise SettingsError(f"cannot keep positions in {path} ({error.strerror}): name another file with --positions") from error


def _next(source: _Source) -> Piece | None:
    if source.paused_until is not None and time.monotonic() < source.paused_until:
        return None
    return source.file.read()


async def _deliver(
    producer: BlockProducer, collector: Collector, pieces: Sequence[tuple[_Source, Piece]], pause_seconds: float
) -> list[FollowedFile]:
    """Deliver the lines of a round; return the files whose lines the broker has now. A file whose fuse blows stays where it is."""
    dead: list[DeadLetter] = []
    blocks: list[OutgoingBlock] = []
    accepted: list[tuple[_Source, Piece]] = []
    for source, piece in pieces:
        if source.paused_until is not None:
            source.fuse.reset()
        step = collector.add(piece.lines, source.name, time.time(), [f"byte {start}" for start in piece.starts], source.fuse)
        count(step, SOURCE)
        blocks += step.outgoing
        if source.paused_until is None or not source.fuse.blown:  # while it is paused, its lines were set aside once
            dead += step.dead
        if not source.fuse.blown:
            accepted.append((source, piece))
            continue
        _pause(source, pause_seconds)
    await deliver_until_taken(producer, list(chain(dead, blocks, collector.flush())))
    for source, piece in accepted:
        source.file.accept(piece)
        if source.paused_until is not None:
            source.paused_until = None
            report_paused(source.name, paused=False)
    return [source.file for source, _ in accepted]


def _pause(source: _Source, seconds: float) -> None:
    """Leave a file where it is for a while; the first time, say why."""
    if source.paused_until is None:
        try:
            source.fuse.check()
        except FuseBlownError as error:
            _log.error("%s is paused: %s", source.name, error)
        report_paused(source.name, paused=True)
    source.paused_until = time.monotonic() + seconds


def _piece(raw: BinaryIO, position: Position, *, ended: bool = False) -> Piece | None:
    """Return the whole lines after a position, None without one.

    The last line of a file that `ended` needs no line feed. A line over the limit is cut there, and its rest is lines of their own.
    """
    descriptor, lines, starts = raw.fileno(), Lines(), [position.offset]
    whole: list[bytes] = []
    end = position.offset
    while not whole and end - position.offset <= MAX_READ_BYTES and (data := os.pread(descriptor, PIECE_BYTES, end)):
        starts += [end + match.end() for match in _LINE_FEED.finditer(data)]
        whole, end = lines.feed(data), end + len(data)
    if not whole and (ended or end - position.offset > MAX_READ_BYTES):
        whole, starts = lines.finish(), [position.offset, end]
    if not whole:
        return None
    head_bytes = min(starts[-1], IDENTITY_BYTES)
    status = os.fstat(descriptor)
    after = Position(status.st_dev, status.st_ino, starts[-1], head_bytes, _hash(descriptor, head_bytes))
    return Piece(whole, starts[:-1], after)


def _start(raw: BinaryIO) -> Position:
    status = os.fstat(raw.fileno())
    return Position(status.st_dev, status.st_ino, 0, 0, _hash(raw.fileno(), 0))


def _hash(descriptor: int, size: int) -> str:
    return hashlib.blake2b(os.pread(descriptor, size, 0), digest_size=8).hexdigest()


def _key(path: Path) -> str:
    return str(path.absolute())


def _beside(path: Path) -> list[Path]:
    """Return the files whose names go on after ours, as those of rotated logs do."""
    return [other for other in path.parent.glob(f"{_literal(path.name)}?*") if other.is_file()]


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _is_later(path: Path, old: os.stat_result) -> bool:
    status = path.stat()
    return (status.st_dev, status.st_ino) != (old.st_dev, old.st_ino) and status.st_mtime_ns > old.st_mtime_ns
