"""When the chunks of a partition are written, and up to which offset its input may be acknowledged: a fuzzy checkpoint.

State changes all the time and is never stopped to be saved. Chunks are written one after another while blocks go on, so no two chunks
are of the same moment. That is enough, because each chunk knows the last block that it contains, and because an offset is acknowledged
only when every chunk that its block changed has been written since. See `docs/decisions/0002-fuzzy-checkpoint.md`.

Nothing here reads a clock or does I/O: times are passed in, in seconds of any clock that only goes forward.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

LARGEST_SHARE = 4
"""One step writes at most a quarter of the changed chunks, however late they are: never all at once ..."""
ALWAYS_FINE = 8
"""... but so few at once disturb nobody."""


class Checkpointer:
    """The checkpoint of one partition.

    The caller reports each block (`applied`), asks which chunks to write (`due`, or `everything`), says when it took their bytes
    (`began`) and when they are durable (`finished`), and acknowledges the offsets that `acknowledge` hands out.

    `dirty` is always what `Stage.dirty` returns: chunk -> offset of the block that first changed it since its bytes were last taken.
    """

    def __init__(self, seconds: float) -> None:
        """Aim to write each chunk within this time after its first change."""
        self._seconds = seconds
        self._changed: dict[str, float] = {}  # when a chunk was first seen changed
        self._writing: dict[str, int] = {}  # first change that the write in flight covers
        self._unacknowledged: deque[int] = deque()
        self._asked: float | None = None
        self._credit = 0.0

    @property
    def unacknowledged(self) -> int:
        """Count the applied blocks that would be read again after a crash."""
        return len(self._unacknowledged)

    def applied(self, offset: int) -> None:
        """Note that a block was applied (or found to be contained already, or set aside)."""
        self._unacknowledged.append(offset)

    def due(self, dirty: Mapping[str, int], now: float) -> list[str]:
        """Return the chunks to write now, the longest changed first, so that all of them are written in time at an even pace."""
        step = 0.0 if self._asked is None else now - self._asked
        self._asked = now
        self._changed = {chunk: self._changed.get(chunk, now) for chunk in dirty}
        waiting = self._in_turn(dirty)
        if not waiting:
            self._credit = 0.0
            return []
        most = max(math.ceil(len(waiting) / LARGEST_SHARE), ALWAYS_FINE)
        self._credit = min(self._credit + self._pace(waiting, now, step) * step, float(most))
        count = int(self._credit + 1e-9)
        self._credit -= count
        return waiting[:count]

    def everything(self, dirty: Mapping[str, int]) -> list[str]:
        """Return all changed chunks, the longest changed first: for a shutdown, or before a partition moves."""
        return self._in_turn(dirty)

    def began(self, dirty: Mapping[str, int], chunks: Iterable[str]) -> None:
        """Note that the bytes of these chunks are about to be taken. Call it before `Stage.dump` makes them clean."""
        for chunk in chunks:
            self._writing[chunk] = dirty[chunk]
            self._changed.pop(chunk, None)

    def finished(self, chunks: Iterable[str]) -> None:
        """Note that the bytes taken of these chunks are durable."""
        for chunk in chunks:
            del self._writing[chunk]

    def acknowledge(self, dirty: Mapping[str, int], sent_below: float = math.inf) -> list[int]:
        """Return, in order, the offsets that may now be acknowledged; each is returned once.

        `sent_below` is the first offset some of whose messages Kafka has not confirmed yet.
        """
        limit = min([sent_below, *dirty.values(), *self._writing.values()])
        free = []
        while self._unacknowledged and self._unacknowledged[0] < limit:
            free.append(self._unacknowledged.popleft())
        return free

    def age(self, now: float) -> float:
        """Return for how many seconds the longest waiting chunk has been changed and not written; 0 when there is none."""
        return now - min(self._changed.values(), default=now)

    def _in_turn(self, dirty: Mapping[str, int]) -> list[str]:
        return sorted(dirty, key=lambda chunk: (dirty[chunk], chunk))

    def _pace(self, waiting: list[str], now: float, step: float) -> float:
        """Return the chunks a second that the tightest deadline asks for."""
        left = (max(self._changed[chunk] + self._seconds - now, 0.0) + step for chunk in waiting)
        return max(((turn + 1) / time for turn, time in enumerate(left) if time > 0), default=0.0)
