"""The dead-letter fuse of one source: a wrong format must not drain a day of logs into dead letters.

It detects an operator's mistake, which affects the lines of many accounts. The lines of one account never blow it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, NamedTuple, Self

from streams.core.errors import FuseBlownError, MalformedEventError
from streams.core.settings import Settings


class _Line(NamedTuple):
    """A refused line: its account (None if unreadable) and the reason."""

    account: str | None
    detail: str


class Fuse:
    """Counts refused lines; blows when they are too many in a window or in a row, without the account that has most of them."""

    def __init__(self, window: int, share: float, run: int, *, skip: bool = False) -> None:
        """Allow a `share` (0..1) of the last `window` lines, and fewer than `run` lines in a row; with `skip`, allow everything."""
        self._window, self._share, self._run, self._skip = window, share, run, skip
        self.reset()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a source's fuse with the limits of the settings."""
        return cls(settings.fuse_window, settings.fuse_share, settings.fuse_run, skip=settings.fuse_skip)

    def reset(self) -> None:
        """Reset all counts, as after a pause."""
        self._recent: deque[_Line | None] = deque(maxlen=self._window)
        self._accounts: Counter[str | None] = Counter()
        self._details: Counter[str] = Counter()
        self._refused = 0
        self._in_row = 0
        self._in_row_accounts: Counter[str | None] = Counter()
        self._why = ""

    def count(self, error: MalformedEventError | None = None, account: str | None = None) -> bool:
        """Count one line; return whether the fuse is blown now. It stays blown until it is reset.

        Args:
            error: The reason of the refusal; None when the line was accepted.
            account: The line's account; None when it cannot be read.
        """
        if len(self._recent) == self._window and (oldest := self._recent[0]) is not None:
            self._refused -= 1
            _decrement(self._accounts, oldest.account)
            _decrement(self._details, oldest.detail)
        self._recent.append(_Line(account, f"{error.reason}: {error.detail}") if error else None)
        if error is None:
            self._in_row = 0
            self._in_row_accounts.clear()
        else:
            self._refused += 1
            self._in_row += 1
            self._details[f"{error.reason}: {error.detail}"] += 1
            self._accounts[account] += 1
            self._in_row_accounts[account] += 1
        if self._refused and not self._skip:
            self._check_limits()
        return bool(self._why)

    def _check_limits(self) -> None:
        if self._in_row >= self._run and self._in_row - _most(self._in_row_accounts) >= self._run:
            self._blow(f"{self._in_row} lines in a row were refused")
            return
        allowed = self._share * self._window
        full = len(self._recent) == self._window and self._refused > allowed
        if full and self._refused - _most(self._accounts) > allowed:
            self._blow(f"{self._refused} of the last {self._window} lines were refused")

    def _blow(self, why: str) -> None:
        if not self._why:
            detail, lines = self._details.most_common(1)[0]
            self._why = f"{why}, {lines} of them as {detail}"

    @property
    def blown(self) -> bool:
        """Whether the fuse has blown."""
        return bool(self._why)

    def check(self) -> None:
        """Raise FuseBlownError while the fuse is blown."""
        if self._why:
            raise FuseBlownError(
                f"{self._why}: set the right --format, then send the lines again, or set HYDROMETER_FUSE_SKIP=true to set them aside"
            )


def _most(accounts: Counter[str | None]) -> int:
    """Return the number of lines of the known account that has most."""
    return max((lines for account, lines in accounts.items() if account is not None), default=0)


def _decrement(counts: Counter[Any], key: object) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
