"""How a command ends: in an exit code, and one line when a person has to do something."""

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

USAGE = 2
"""Something must be set, installed or started first; the one line on standard error says what."""
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

_INSIST = 0.1
"""Seconds until somebody who was told to end, and went on, is told again."""


def exit_code(action: Callable[[], object]) -> int:
    """Run a command and return its exit code: 0, 2 after one line on standard error, 130 after Ctrl-C, 143 after SIGTERM.

    Both signals unwind the stack, so that every context manager closes what it opened. SIGTERM is said again as long as nobody ends:
    Python drops an exception that a signal raises within a weak reference's callback or `__del__`, which imports run many of. Any
    other exception is our bug, and leaves with its traceback.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        action()
    except HydrometerError as error:
        echo(f"error: {' '.join(str(error).split())}", err=True)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `hydrometer ... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        if signal.getsignal(signal.SIGALRM) is _insist:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, before)
    return 0


def serve_until_told(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that serves for ever; Ctrl-C and SIGTERM cancel it, so that it can deliver what it holds and close.

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
        raise SystemExit(TERMINATED) from None


class _Terminated(SystemExit):
    """SIGTERM, on its way up the stack."""


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGALRM, _insist)
    signal.setitimer(signal.ITIMER_REAL, _INSIST, _INSIST)
    raise _Terminated(TERMINATED)


def _insist(_signal: int, _frame: FrameType | None) -> None:
    """Raise again, unless what runs is what closes because of it: then it, or what came of it, is the exception being handled."""
    handled = sys.exception()
    while handled is not None:
        if isinstance(handled, _Terminated):
            return
        handled = handled.__context__
    raise _Terminated(TERMINATED)
