"""Is the worker alive? Records wait, and the position does not move: then it must be restarted, however healthy it looks.

Faust consumers can stall silently (faust-streaming #175). Pure: times are passed in, in seconds of any clock that only goes forward.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class _Seen:
    position: int
    since: float
    idle: bool


class Watch:
    """Remembers since when each place has been standing still with work before it."""

    def __init__(self, patience: float) -> None:
        """Call a place stalled when it stands still for this many seconds."""
        self._patience = patience
        self._seen: dict[str, _Seen] = {}

    def look(self, places: dict[str, tuple[int, int]], now: float) -> list[str]:
        """Return the places that are stalled. `places` holds position (last processed) and lag (records waiting) of each.

        A place that is not mentioned is forgotten: its partition is somebody else's now.
        """
        self._seen = {place: self._after(place, *state, now) for place, state in places.items()}
        return sorted(place for place, seen in self._seen.items() if now - seen.since >= self._patience)

    def _after(self, place: str, position: int, lag: int, now: float) -> _Seen:
        before = self._seen.get(place)
        if before is None or before.idle or lag <= 0 or position != before.position:
            return _Seen(position, now, idle=lag <= 0)
        return before
