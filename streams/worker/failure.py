"""An internal error stops the worker before any affected offset is acknowledged."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)


class Failure:
    """The first error of an agent. `with failure: ...` records an error and re-raises it.

    Faust restarts an agent after an exception behind the event that caused it, so the event would be skipped. Therefore agents record the
    error here and apply nothing after it, and the worker stops.
    """

    def __init__(self) -> None:
        """Start without an error."""
        self.error: BaseException | None = None
        self._happened = asyncio.Event()

    def __enter__(self) -> Self:
        """Enter, unless an error was recorded.

        Raises:
            CancelledError: If an error was recorded before.
        """
        if self.error is not None:
            raise asyncio.CancelledError from self.error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Record an error. A cancellation does not count as one: Faust cancels agents when it stops."""
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self.record(error)

    def record(self, error: BaseException) -> None:
        """Record an error that happened outside of `with failure`."""
        if self.error is None:
            log.error("%s: %s", type(error).__name__, error)
            self.error = error
            self._happened.set()

    async def wait(self) -> BaseException:
        """Wait for the first error, and return it."""
        await self._happened.wait()
        assert self.error is not None  # noqa: S101 - set together
        return self.error
