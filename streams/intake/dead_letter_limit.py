"""The dead-letter fuse: a wrong format must not drain a day of logs into dead letters."""

from __future__ import annotations

from collections import deque

from streams.core.errors import FuseBlownError


class Fuse:
    """Counts refused lines, and blows when there are too many: of the last ones, or in a row."""

    def __init__(self, window: int, share: float, run: int) -> None:
        """Allow `share` of the last `window` lines, and fewer than `run` lines in a row."""
        self._recent: deque[bool] = deque(maxlen=window)
        self._window = window
        self._share = share
        self._run = run
        self._refused = 0
        self._in_row = 0
        self._why = ""

    def count(self, *, refused: bool) -> bool:
        """Count one line, and tell whether the fuse is now blown. It stays blown."""
        if len(self._recent) == self._window and self._recent[0]:
            self._refused -= 1
        self._recent.append(refused)
        self._refused += refused
        self._in_row = self._in_row + 1 if refused else 0
        if self._in_row >= self._run:
            self._why = f"{self._in_row} lines in a row were refused"
        elif len(self._recent) == self._window and self._refused > self._share * self._window:
            self._why = f"{self._refused} of the last {self._window} lines were refused"
        return bool(self._why)

    @property
    def blown(self) -> bool:
        """Tell whether the fuse has blown."""
        return bool(self._why)

    def check(self) -> None:
        """Raise FuseBlownError once the fuse has blown."""
        if self._why:
            message = f"collect stopped: {self._why}; look at their reasons in dead-letters, set the right --format, and start again"
            raise FuseBlownError(message)
