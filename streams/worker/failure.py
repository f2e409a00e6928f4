"""How a bug of ours stops the worker: loudly, and before anything is acknowledged that it touched."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)


class Failure:
    """The first error that escaped from our code. `with failure: ...` notes it, and lets it pass.

    An agent whose function raises is restarted by Faust behind the event that made it raise: that event would be skipped. So the
    doorways note the error here, apply nothing after it, and whoever runs the worker stops it.
    """

    def __init__(self) -> None:
        """Start without an error."""
        self.error: BaseException | None = None
        self._happened = asyncio.Event()

    def __enter__(self) -> Self:
        """Refuse to go on after an error."""
        if self.error is not None:
            raise asyncio.CancelledError from self.error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Note an error on its way out. Being cancelled is none: Faust cancels agents when it stops."""
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self.note(error)

    def note(self, error: BaseException) -> None:
        """Report an error that happened elsewhere."""
        if self.error is None:
            log.error("%s: %s", type(error).__name__, error)
            self.error = error
            self._happened.set()

    async def wait(self) -> BaseException:
        """Return the first error, once there is one."""
        await self._happened.wait()
        assert self.error is not None  # noqa: S101 - set together
        return self.error
