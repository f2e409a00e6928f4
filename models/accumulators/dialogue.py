"""Which request continues which: a history counts only where it was served here.

Of each entity the last few requests are kept. A request has a *parent* among them when it names the same conversation and has more
messages, or, where one of the two names none, when it came within half an hour with at most two messages more. A history without a parent
was written by the caller. A request *goes on* when its input is its parent's input and answer and hardly anything else, as "continue" is:
its tokens add to those of the parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats, Hashes
from models.state.columns import Columns, Field, Slots

KEPT_REQUESTS: Final = 4
"""Requests of an entity that are kept."""
CONTINUATION_SECONDS: Final = 1800.0
"""Within which a request without the name of a conversation may continue another."""
MAX_NEW_MESSAGES: Final = 2.0
MAX_NEW_TOKENS: Final = 24.0
"""Input tokens beyond the history up to which a request only goes on."""

NUMBERS: Final = ("messages", "input", "output", "piece", "at")
"""What is kept of a request beside its conversation; `piece` are the tokens that its piece of work had been answered with."""

FIELDS: Final = {
    "turn_conversation": Field("u8", width=KEPT_REQUESTS),
    **{f"turn_{name}": Field("f8" if name == "at" else "f4", np.nan, width=KEPT_REQUESTS) for name in NUMBERS},
}
"""The columns in which a table of entities keeps them."""


@dataclass(frozen=True)
class Turns:
    """Requests; a missing number is NaN, an unnamed conversation 0. Arrays are (entities, KEPT_REQUESTS), newest last, or (events,)."""

    conversation: Hashes
    numbers: Mapping[str, Floats]


@dataclass(frozen=True)
class Followed:
    """What each request continues, (events,)."""

    served: NDArray[np.bool_]
    """Whether it has a parent."""
    piece: Floats
    """Output tokens of the piece of work with this request, NaN where unknown."""
    before: Floats
    """The same without it: 0 where it does not go on."""
    kept: Turns
    """The requests to keep now, (entities, KEPT_REQUESTS)."""


def past(table: Columns, slots: Slots) -> Turns:
    """Return the newest requests of these entities, (entities, KEPT_REQUESTS)."""
    return Turns(table["turn_conversation"][slots], {name: table[f"turn_{name}"][slots] for name in NUMBERS})


def keep(table: Columns, slots: Slots, turns: Turns) -> None:
    """Keep these as the newest requests of these entities, in place."""
    table["turn_conversation"][slots] = turns.conversation
    for name in NUMBERS:
        table[f"turn_{name}"][slots] = turns.numbers[name]


def follow(grouped: GroupedEvents, past: Turns, conversation: Hashes, messages: Floats, given: Floats, output: Floats) -> Followed:
    """Find the parent of each request of a block.

    A question of one message is answered, and a minute later three messages go on from it; nothing was served before the first:

    >>> numbers = {name: np.full((1, KEPT_REQUESTS), np.nan) for name in NUMBERS}
    >>> nothing = Turns(np.zeros((1, KEPT_REQUESTS), np.uint64), numbers)
    >>> grouped = GroupedEvents.of(np.zeros(2, np.int64), np.array([0.0, 60.0]), np.full(1, -np.inf))
    >>> messages, given, output = np.array([1.0, 3.0]), np.array([10.0, 55.0]), np.array([40.0, 40.0])
    >>> found = follow(grouped, nothing, np.zeros(2, np.uint64), messages, given, output)
    >>> found.served.tolist(), found.piece.tolist()
    ([False, True], [40.0, 80.0])

    past: of each entity, (entities, KEPT_REQUESTS). conversation, messages, given (input tokens) and output (tokens): (events,), in order.
    """
    entities, events = len(grouped.slots), len(grouped.times)
    rows = np.arange(events) + KEPT_REQUESTS * (grouped.entity + 1)
    old = (grouped.starts + KEPT_REQUESTS * np.arange(entities))[:, None] + np.arange(KEPT_REQUESTS)
    size = events + KEPT_REQUESTS * entities

    def joined(before: NDArray[np.float64], now: Floats) -> Floats:
        whole = np.empty(size)
        whole[old], whole[rows] = before, now
        return whole

    named = np.empty(size, np.uint64)
    named[old], named[rows] = past.conversation, conversation
    now = {"messages": messages, "input": given, "output": output, "piece": output, "at": grouped.times}
    whole = {name: joined(past.numbers[name], values) for name, values in now.items()}
    parent = _parents(rows, named, whole)
    served = parent >= 0
    with np.errstate(invalid="ignore"):
        more = given - whole["input"][parent] - whole["output"][parent]
        goes_on = served & (more <= MAX_NEW_TOKENS) & (more >= -MAX_NEW_TOKENS)
    before = np.zeros(events)
    for event in np.flatnonzero(goes_on).tolist():  # a parent stands before its child
        before[event] = np.nan_to_num(whole["piece"][parent[event]])
        whole["piece"][rows[event]] += before[event]
    last = (grouped.starts + grouped.counts + KEPT_REQUESTS * np.arange(entities))[:, None] + np.arange(KEPT_REQUESTS)
    return Followed(served, whole["piece"][rows], before, Turns(named[last], {name: whole[name][last] for name in NUMBERS}))


def _parents(rows: NDArray[np.intp], named: Hashes, whole: Mapping[str, Floats]) -> NDArray[np.intp]:
    """Return where each event's parent stands, the newest that may be one, -1 for none, (events,)."""
    parent = np.full(len(rows), -1)
    own, messages, at = named[rows], whole["messages"][rows], whole["at"][rows]
    for lag in range(1, KEPT_REQUESTS + 1):
        earlier = rows - lag
        other, more = named[earlier], messages - whole["messages"][earlier]
        both = (own != 0) & (other != 0)
        with np.errstate(invalid="ignore"):
            near = (more > 0) & (more <= MAX_NEW_MESSAGES) & (at - whole["at"][earlier] <= CONTINUATION_SECONDS)
            found = np.where(both, (own == other) & (more > 0), near)
        parent = np.where((parent < 0) & found, earlier, parent)
    return parent
