"""CPU time of one contender: its own process, which the benchmark starts on one core, from the last warm-up record to the last record.

The process says `ready` when the warm-up is behind it; only then does the benchmark send the records that count. So fetching them, their
work, what is sent for them, and idle polling in between are inside the measurement; imports, and joining a group, are outside.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any


class Meter:
    """Counts events, and takes the time of those after the warm-up."""

    def __init__(self, warm_up: int, events: int) -> None:
        """`events` come after `warm_up` others."""
        self._warm_up = warm_up
        self._all = warm_up + events
        self._events = events
        self._seen = 0
        self._began = (0.0, 0.0)

    def count(self, events: int) -> bool:
        """Note that events have been handled; say whether these were the last."""
        before, self._seen = self._seen, self._seen + events
        if before < self._warm_up <= self._seen:
            self._began = (time.process_time(), time.monotonic())
            print("ready", flush=True)
        return self._seen >= self._all

    def report(self, **more: Any) -> None:
        """Print the result, as the process's last line."""
        cpu, wall = time.process_time() - self._began[0], time.monotonic() - self._began[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        found = {
            "events": self._events,
            "cpu_seconds": cpu,
            "wall_seconds": wall,
            "events_per_cpu_second": self._events / cpu,
            "peak_bytes": peak,
        }
        print(json.dumps(found | more), flush=True)


def arguments() -> tuple[str, Meter]:
    """Return what every contender is started with: the broker's address, and the meter (warm-up, events)."""
    bootstrap, warm_up, events = sys.argv[1:4]
    return bootstrap, Meter(int(warm_up), int(events))
