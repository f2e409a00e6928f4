"""Two keys side by side: while a key replaces another, `collect` tells readers which pseudonym a value had under the key before.

Only who sees a value can link its pseudonyms. A block of requests carries the pairs (new, before) of the values in it that link accounts,
each once an hour, and readers move what they keep under the old pseudonym to the new one. From then on nothing is stored under the old key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from streams.privacy.pseudonym import Pseudonym
from streams.schema.blocks import MAX_ALIASES
from streams.schema.event import Event

LINKED_FIELDS: Final = ("payment.hash", "client.address", "tool_hash")
"""Fields whose pseudonyms are kept as links of accounts. The others only tell values of one account apart."""
ALIAS_INTERVAL_SECONDS: Final = 3_600.0
"""Event time after which a pair is sent again: a reader may have missed it."""
MAX_REMEMBERED_PAIRS: Final = 1 << 16


class Rotation:
    """The pairs of one partition's blocks."""

    def __init__(self, now: dict[str, Pseudonym], before: dict[str, Pseudonym]) -> None:
        """Take the pseudonym function of each linked field, under the key and under the key before."""
        self._now, self._before = now, before
        self._sent: dict[int, float] = {}

    def pairs(self, events: Sequence[Event], time: float) -> list[tuple[int, int]]:
        """Return the pairs that a block of these events has to carry. time: of its newest event, epoch seconds."""
        pairs: list[tuple[int, int]] = []
        for new, old in self._pairs(events):
            if time - self._sent.get(new, float("-inf")) < ALIAS_INTERVAL_SECONDS or len(pairs) == MAX_ALIASES:
                continue
            pairs.append((new, old))
            self._sent.pop(new, None)
            self._sent[new] = time
        for stale in list(self._sent)[: max(0, len(self._sent) - MAX_REMEMBERED_PAIRS)]:
            del self._sent[stale]
        return pairs

    def forget(self) -> None:
        """Send every pair again: a block was not delivered."""
        self._sent.clear()

    def _pairs(self, events: Sequence[Event]) -> Iterator[tuple[int, int]]:
        for wire, pseudonym in self._now.items():
            for value in {event.get(wire) for event in events}:
                if new := pseudonym(value):
                    yield new, self._before[wire](value)
