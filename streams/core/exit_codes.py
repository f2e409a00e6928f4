"""Exit codes of commands, and one line on standard error when a person has to act."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, NoReturn

from streams.core.errors import HydrometerError
from streams.core.output import echo

USAGE_STATUS = 2
"""Something must be set, installed or started first; one line on standard error names it."""
INTERRUPTED_STATUS = 128 + signal.SIGINT
TERMINATED_STATUS = 128 + signal.SIGTERM

_REPEAT_SECONDS = 0.1
"""Time after which SIGTERM is raised again in code that ignored it."""


def exit_code(action: Callable[[], object]) -> int:
    """Run a command and return its exit code: 0, 2 after one line on standard error, 130 after Ctrl-C, 143 after SIGTERM.

    Both signals unwind the stack, so that every context manager closes its resources. SIGTERM is raised again until the process ends:
    Python drops an exception that a signal raises within a weak reference's callback or `__del__`, which imports run often. Any other
    exception is our bug, and ends the process with its traceback.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        action()
    except HydrometerError as error:
        echo(f"error: {' '.join(str(error).split())}", err=True)
        return USAGE_STATUS
    except KeyboardInterrupt:
        return INTERRUPTED_STATUS
    except BrokenPipeError:  # `hydrometer ... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        if signal.getsignal(signal.SIGALRM) is _raise_again:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, before)
    return 0


def serve_until_stopped(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that serves for ever; Ctrl-C and SIGTERM cancel it, so that it can deliver pending data and close.

    Raises KeyboardInterrupt or SystemExit then (for `exit_code`), and whatever the coroutine raises.
    """
    terminated = False

    async def run() -> None:
        task = asyncio.current_task()

        def stop() -> None:
            nonlocal terminated
            terminated = True
            if task is not None:
                task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        await work

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        if not terminated:
            raise
        raise SystemExit(TERMINATED_STATUS) from None


class _Terminated(SystemExit):
    """SIGTERM as an exception that unwinds the stack."""


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGALRM, _raise_again)
    signal.setitimer(signal.ITIMER_REAL, _REPEAT_SECONDS, _REPEAT_SECONDS)
    raise _Terminated(TERMINATED_STATUS)


def _raise_again(_signal: int, _frame: FrameType | None) -> None:
    """Raise again, unless the running code already handles the exception, or one that followed from it: it is closing."""
    handled = sys.exception()
    while handled is not None:
        if isinstance(handled, _Terminated):
            return
        handled = handled.__context__
    raise _Terminated(TERMINATED_STATUS)
