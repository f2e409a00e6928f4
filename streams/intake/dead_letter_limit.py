"""The dead-letter fuse of one source: a wrong format must not drain a day of logs into dead letters.

It is for what an operator gets wrong, which shows in everybody's lines. One account's lines never blow it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, NamedTuple

from streams.core.errors import FuseBlownError, MalformedEventError


class _Line(NamedTuple):
    """A refused line: whose, and why."""

    account: str | None
    detail: str


class Fuse:
    """Counts refused lines, and blows when there are too many: of the last ones, or in a row. The loudest account's do not count."""

    def __init__(self, window: int, share: float, run: int, *, skip: bool = False) -> None:
        """Allow `share` of the last `window` lines, and fewer than `run` lines in a row; with `skip`, allow everything."""
        self._window, self._share, self._run, self._skip = window, share, run, skip
        self.reset()

    def reset(self) -> None:
        """Start anew, as after a pause."""
        self._recent: deque[_Line | None] = deque(maxlen=self._window)
        self._accounts: Counter[str | None] = Counter()
        self._details: Counter[str] = Counter()
        self._refused = 0
        self._in_row = 0
        self._in_row_accounts: Counter[str | None] = Counter()
        self._why = ""

    def count(self, error: MalformedEventError | None = None, account: str | None = None) -> bool:
        """Count one line, and tell whether the fuse is now blown. It stays blown until it is reset.

        Args:
            error: Why the line was refused; None when it was accepted.
            account: Whose line it is; None when that cannot be read.
        """
        if len(self._recent) == self._window and (oldest := self._recent[0]) is not None:
            self._refused -= 1
            _take(self._accounts, oldest.account)
            _take(self._details, oldest.detail)
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
            self._judge()
        return bool(self._why)

    def _judge(self) -> None:
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
        """Tell whether the fuse has blown."""
        return bool(self._why)

    def check(self) -> None:
        """Raise FuseBlownError while the fuse is blown."""
        if self._why:
            raise FuseBlownError(
                f"{self._why}: set the right --format, then send the same again, or set HYDROMETER_FUSE_SKIP=true to set such lines aside"
            )


def _most(accounts: Counter[str | None]) -> int:
    """Return the lines of the loudest account that is known."""
    return max((lines for account, lines in accounts.items() if account is not None), default=0)


def _take(counts: Counter[Any], key: object) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
