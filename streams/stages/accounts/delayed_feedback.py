"""Feedback that takes effect at a time of its own, so that it does not matter when it arrives.

Feedback arrives a second after what it is about. In live traffic that is a second of event time, while a backlog is read it is an hour, so
what the accounts are compared with would depend on the speed of reading. Therefore feedback takes effect FEEDBACK_DELAY_SECONDS of event
time after what it is about; a partition that reads a backlog is never so far ahead of its feedback (`streams.worker.pace`).

What waits is no state: a new owner of a partition reads the last feedback again (`streams.worker.engine`), and what has not taken effect by
then waits again.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

STEP_SECONDS: Final = 600.0
"""Feedback about the same ten minutes takes effect together: its moment differs with the order of blocks, by up to a block."""
FEEDBACK_DELAY_SECONDS: Final = 4 * STEP_SECONDS
"""Event time from the end of those ten minutes until it takes effect: two blocks of a file reach twenty minutes beyond one another."""
MAX_WAITING_STEPS: Final = 100
"""Steps that wait at most, of more the latest: the clock of a partition without traffic stands still, and nothing takes effect."""


def takes_effect(time: float) -> float:
    """Return when feedback about a time takes effect, epoch seconds of event time.

    >>> takes_effect(70.0), takes_effect(599.0), takes_effect(600.0)
    (3000.0, 3000.0, 3600.0)
    """
    return (time // STEP_SECONDS + 1) * STEP_SECONDS + FEEDBACK_DELAY_SECONDS


Key = TypeVar("Key")
Value = TypeVar("Value")


class DelayedFeedback(Generic[Key, Value]):
    """The newest value of each key, in steps of ten minutes.

    >>> waiting = DelayedFeedback[str, int]()
    >>> waiting.add("a", 70.0, 2)
    >>> waiting.add("a", 61.0, 1)  # about an earlier moment of the same ten minutes
    >>> waiting.due(2999.0), waiting.due(3000.0), waiting.due(3000.0)
    ({}, {'a': 2}, {})
    """

    def __init__(self) -> None:
        """Start empty."""
        self._steps: dict[float, dict[Key, tuple[float, Value]]] = {}
        self._first = float("inf")

    def add(self, key: Key, time: float, value: Value) -> None:
        """Let a value wait. time: of what it is about, epoch seconds; an unknown one is ignored."""
        if not time < float("inf"):
            return
        waiting = self._steps.setdefault(takes_effect(time), {})
        if key not in waiting or waiting[key][0] <= time:
            waiting[key] = (time, value)
        if len(self._steps) > MAX_WAITING_STEPS:
            del self._steps[min(self._steps)]
        self._first = min(self._steps)

    def due(self, clock: float) -> dict[Key, Value]:
        """Return the newest value of each key that takes effect now, once. clock: newest event time, epoch seconds."""
        newest: dict[Key, Value] = {}
        if clock < self._first:
            return newest
        for step in sorted(step for step in self._steps if step <= clock):
            newest |= {key: value for key, (_, value) in self._steps.pop(step).items()}
        self._first = min(self._steps, default=float("inf"))
        return newest
