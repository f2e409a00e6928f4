"""A fuzzy checkpoint: when the chunks of a partition are written, and up to which offset its input may be acknowledged.

Processing never stops for a checkpoint. Chunks are written one after another while blocks are applied, so any two chunks are of different
moments. That is sufficient, because each chunk contains the offset of its last block, and because an offset is acknowledged only after
every chunk that its block changed has been written. See `docs/decisions/0002-fuzzy-checkpoint.md`.

This module reads no clock and does no I/O: times are arguments, in seconds of any monotonic clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

MAX_STEP_SHARE = 0.25
"""Share of the changed chunks that one step writes at most, however late they are."""
MIN_STEP_CHUNKS = 8
"""Chunks that one step may always write, whatever their share."""


class Checkpointer:
    """The checkpoint of one partition.

    The caller reports each block (`applied`), asks which chunks to write (`due`, or `everything`), reports when their bytes are taken
    (`began`) and when they are durable (`finished`), and acknowledges the offsets that `acknowledge` returns.

    `dirty` is always the result of `Stage.dirty`: chunk -> offset of the block that first changed it since its bytes were last taken.
    """

    def __init__(self, seconds: float) -> None:
        """Start without changes. seconds: time from a chunk's first change to its write, as a goal."""
        self._seconds = seconds
        self._changed: dict[str, float] = {}  # time of the first observation of a chunk's change
        self._writing: dict[str, int] = {}  # offset of the first change in the write in flight
        self._unacknowledged: deque[int] = deque()
        self._asked: float | None = None
        self._credit = 0.0

    def applied(self, offset: int) -> None:
        """Record that a block was applied, skipped as already contained, or rejected."""
        self._unacknowledged.append(offset)

    def due(self, dirty: Mapping[str, int], now: float) -> list[str]:
        """Return the chunks to write now, oldest change first, so that all of them are written in time and at an even pace."""
        step = 0.0 if self._asked is None else now - self._asked
        self._asked = now
        self._changed = {chunk: self._changed.get(chunk, now) for chunk in dirty}
        waiting = self._in_turn(dirty)
        if not waiting:
            self._credit = 0.0
            return []
        most = max(math.ceil(len(waiting) * MAX_STEP_SHARE), MIN_STEP_CHUNKS)
        self._credit = min(self._credit + self._pace(waiting, now, step) * step, float(most))
        count = int(self._credit + 1e-9)
        self._credit -= count
        return waiting[:count]

    def everything(self, dirty: Mapping[str, int]) -> list[str]:
        """Return all changed chunks, oldest change first: for a shutdown, or before a partition moves."""
        return self._in_turn(dirty)

    def began(self, dirty: Mapping[str, int], chunks: Iterable[str]) -> None:
        """Record that the bytes of these chunks are about to be taken. Call it before `Stage.dump` makes them clean."""
        for chunk in chunks:
            self._writing[chunk] = dirty[chunk]
            self._changed.pop(chunk, None)

    def finished(self, chunks: Iterable[str]) -> None:
        """Record that the bytes taken of these chunks are durable."""
        for chunk in chunks:
            del self._writing[chunk]

    def acknowledge(self, dirty: Mapping[str, int], sent_below: float = math.inf) -> list[int]:
        """Return, in order, the offsets that may now be acknowledged; each is returned once.

        Args:
            dirty: Changed chunks, as `Stage.dirty` returns them.
            sent_below: First offset with a message that Kafka has not confirmed yet; infinity if all are confirmed.
        """
        limit = min([sent_below, *dirty.values(), *self._writing.values()])
        free = []
        while self._unacknowledged and self._unacknowledged[0] < limit:
            free.append(self._unacknowledged.popleft())
        return free

    def age(self, now: float) -> float:
        """Return the seconds since the oldest unwritten change; 0 when no chunk has changed."""
        return now - min(self._changed.values(), default=now)

    def _in_turn(self, dirty: Mapping[str, int]) -> list[str]:
        return sorted(dirty, key=lambda chunk: (dirty[chunk], chunk))

    def _pace(self, waiting: list[str], now: float, step: float) -> float:
        """Return the chunks per second that the tightest deadline requires."""
        left = (max(self._changed[chunk] + self._seconds - now, 0.0) + step for chunk in waiting)
        return max(((turn + 1) / time for turn, time in enumerate(left) if time > 0), default=0.0)
