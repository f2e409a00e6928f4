"""How a command ends: in an exit code, and one line when a person has to do something."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, NoReturn

from streams.errors import HydrometerError

USAGE = 2
"""Something must be set, installed or started first; the one line on standard error says what."""
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


def exit_code(action: Callable[[], object]) -> int:
    """Run a command and return its exit code: 0, 2 after one line on standard error, 130 after Ctrl-C, 143 after SIGTERM.

    Both signals unwind the stack, so that every context manager closes what it opened. Any other exception is our bug, and leaves
    with its traceback.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        action()
    except HydrometerError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201 - what a person reads
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `hydrometer ... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
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


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)
