"""The work of a test, counted rather than timed, since a busy machine changes no count: Python processes started and events replayed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MAX_PROCESSES: Final = 4
"""Python processes that a test may start unless it is marked `slow`: each takes one to two CPU seconds until it works."""
MAX_EVENTS: Final = 3_000
"""Events that a test may replay unless it is marked `slow`: a second or two."""
SLICES: Final = frozenset({"slow", "integration", "speed"})
"""Marks of tests that `make test` leaves out."""
_OURS = ("python", "hydrometer")


@dataclass
class WorkDone:
    """What was done so far."""

    processes: int = 0
    events: int = 0

    def since(self, before: WorkDone) -> WorkDone:
        """Return what was done since an earlier count."""
        return WorkDone(self.processes - before.processes, self.events - before.events)

    def copy(self) -> WorkDone:
        """Return the count as it is now."""
        return WorkDone(self.processes, self.events)

    def complaint(self) -> str:
        """Return why this is too much for a test that is not marked `slow`; nothing when it is not."""
        if self.processes <= MAX_PROCESSES and self.events <= MAX_EVENTS:
            return ""
        return (
            f"it starts {self.processes} Python processes (at most {MAX_PROCESSES}) and replays {self.events:,} events "
            f"(at most {MAX_EVENTS:,}): do less, share a fixture of the session, or mark it @pytest.mark.slow"
        )

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Leave out what is done meanwhile: a fixture of the session is made once for many tests."""
        before = self.copy()
        try:
            yield
        finally:
            self.processes, self.events = before.processes, before.events

    def count_processes(self) -> None:
        """Count every Python process that this one starts from now on."""

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event == "subprocess.Popen" and Path(os.fsdecode(arguments[0])).name.startswith(_OURS):
                self.processes += 1

        sys.addaudithook(hook)

    def count_events(self, feed: Callable[..., int]) -> Callable[..., int]:
        """Return `Replay.feed` with a count of the events that it carries."""

        def counted(*arguments: Any, **options: Any) -> int:
            events = feed(*arguments, **options)
            self.events += events
            return events

        return counted
