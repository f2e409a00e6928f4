"""Refusals by kind: what many lines were refused for alike is said once, with the first of them as its example."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from streams.schema import topics
from streams.schema.dead_letters import DeadLetter

MAX_KINDS: Final = 20
"""Kinds of refusals that are shown of one body or log, the most frequent ones."""
MAX_SHAPE_CHARACTERS: Final = 200
"""Length up to which a refused line's shape is shown."""
MAX_LOGGED_KINDS: Final = 100
"""Kinds of refusals that a process writes into its log."""

NO_FAULT: Final = frozenset({"duplicate", "no_request"})
"""Reasons for which a line is not taken that are no refusal: it came before, or it asks no model."""

_LOGGED: Final[set[tuple[str, str, str]]] = set()
_log = logging.getLogger(__name__)


class Refusal(Protocol):
    """A refused line: a code, and a sentence that names the field and never its value."""

    @property
    def reason(self) -> str:
        """The code."""
        ...

    @property
    def detail(self) -> str:
        """The sentence."""
        ...


R = TypeVar("R", bound=Refusal)


class Kind(NamedTuple, Generic[R]):
    """Refusals of one reason and detail."""

    lines: int
    first: R


def kinds(refusals: Iterable[R]) -> list[Kind[R]]:
    """Return the kinds of some refusals, most frequent first, equally frequent ones as they came; at most MAX_KINDS."""
    counts: dict[tuple[str, str], Kind[R]] = {}
    for refusal in refusals:
        kind = counts.get((refusal.reason, refusal.detail), Kind(0, refusal))
        counts[refusal.reason, refusal.detail] = Kind(kind.lines + 1, kind.first)
    return sorted(counts.values(), key=lambda kind: -kind.lines)[:MAX_KINDS]


def log_new_kinds(letters: Iterable[DeadLetter], source: str) -> None:
    """Write a warning about the first refusal of each kind that this process meets in a source; the others are counted elsewhere."""
    for letter in letters:
        key = (source, letter.reason, letter.detail)
        if key not in _LOGGED and len(_LOGGED) < MAX_LOGGED_KINDS:
            _LOGGED.add(key)
            place = f"{letter.source}, {letter.position}"
            _log.warning("%s: refused as %s: %s; all of this kind are in %s", place, letter.reason, letter.detail, topics.DEAD_LETTERS)
