"""Detects a stalled consumer: records wait, and the position does not move. The worker must then be restarted.

Faust consumers can stall silently (faust-streaming #175). Pure: times are arguments, in seconds of any monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class _Standstill:
    position: int
    since: float
    idle: bool


class StallDetector:
    """Tracks since when each partition has not moved although records wait."""

    def __init__(self, stall_seconds: float) -> None:
        """Start empty. stall_seconds: time without progress from which a partition counts as stalled."""
        self._stall_seconds = stall_seconds
        self._standstills: dict[str, _Standstill] = {}

    def stalled(self, progress: dict[str, tuple[int, int]], now: float) -> list[str]:
        """Return the names of the stalled partitions, sorted.

        Args:
            progress: Position (last record processed) and lag (records waiting) of each partition by name. An absent partition is dropped:
                this worker no longer owns it.
            now: Seconds of a monotonic clock.
        """
        self._standstills = {name: self._updated(name, *state, now) for name, state in progress.items()}
        return sorted(name for name, standstill in self._standstills.items() if now - standstill.since >= self._stall_seconds)

    def _updated(self, name: str, position: int, lag: int, now: float) -> _Standstill:
        before = self._standstills.get(name)
        if before is None or before.idle or lag <= 0 or position != before.position:
            return _Standstill(position, now, idle=lag <= 0)
        return before
