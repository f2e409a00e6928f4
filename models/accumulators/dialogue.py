"""Which request continues which: a history counts only where it was served here.

Of each entity the last few requests are kept. A request has a *parent* among the few before it when it names the same conversation and
has more messages, or, where one of the two names none, when it came within half an hour with at most two messages more. A history without
a parent was written by the caller. A request *goes on* when its input is its parent's input and answer and hardly anything else, as
"continue" is: its tokens add to those of the parent.

Requests count by their own times. When a parent arrives after its child, the child is *retaken*: it was judged as one without a parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats
from models.state.columns import Columns, Field, Slots

KEPT_REQUESTS: Final = 8
"""Requests of an entity that are kept: a parent may come after so many later ones."""
PARENT_REQUESTS: Final = 4
"""Requests before a request, by time, of which one may be its parent."""
CONTINUATION_SECONDS: Final = 1800.0
"""Within which a request without the name of a conversation may continue another."""
MAX_NEW_MESSAGES: Final = 2.0
MAX_NEW_TOKENS: Final = 24.0
"""Input tokens beyond the history up to which a request only goes on."""

NUMBERS: Final = ("messages", "input", "output", "piece", "at")
"""What is kept of a request beside its conversation; `piece` are the tokens that its piece of work had been answered with."""

SERVED_FLAG: Final = 1
"""Mark of a request that has a parent."""

FIELDS: Final = {
    "turn_conversations": Field("u4", width=KEPT_REQUESTS, doc="the lower half of each hash"),
    "turn_ages": Field("f4", np.nan, width=KEPT_REQUESTS, doc="seconds from each to its newest event"),
    "turn_marks": Field("u1", width=KEPT_REQUESTS, doc="bits: SERVED_FLAG, and the caller's own"),
    **{f"turn_{name}": Field("f4", np.nan, width=KEPT_REQUESTS) for name in NUMBERS if name != "at"},
}
"""The columns in which a table of entities keeps them."""


@dataclass(frozen=True)
class Turns:
    """Requests; a missing number is NaN, an unnamed conversation 0. Arrays are (entities, KEPT_REQUESTS), newest last, or (events,)."""

    conversation: NDArray[np.uint32]
    numbers: Mapping[str, Floats]
    marks: NDArray[np.uint8]
    """Bits of each: SERVED_FLAG, and others that the caller set."""


@dataclass(frozen=True)
class Retakes:
    """Kept requests whose parent is another one than was counted; every array is (retaken,)."""

    entity: NDArray[np.intp]
    """Their entity, among those of the block."""
    numbers: Mapping[str, Floats]
    """As they were kept; `piece` is the only one that has changed."""
    marks: NDArray[np.uint8]
    """As they were kept."""
    piece: Floats
    """Output tokens of the piece of work with each, now."""
    marks_now: NDArray[np.uint8]
    """Their marks now."""


@dataclass(frozen=True)
class Followed:
    """What each request continues, (events,)."""

    numbers: Mapping[str, Floats]
    """What was given of it."""
    marks: NDArray[np.uint8]
    """Its marks, SERVED_FLAG among them where it has a parent."""
    piece: Floats
    """Output tokens of the piece of work with this request, NaN where unknown."""
    before: Floats
    """The same without it: 0 where it does not go on."""
    kept: Turns
    """The requests to keep now, (entities, KEPT_REQUESTS)."""
    retakes: Retakes | None = None
    """Kept requests that count otherwise now; None without any."""

    @property
    def served(self) -> NDArray[np.bool_]:
        """Whether each request's history was served here, (events,)."""
        served: NDArray[np.bool_] = (self.marks & SERVED_FLAG) > 0
        return served


def past(table: Columns, slots: Slots) -> Turns:
    """Return the newest requests of these entities, (entities, KEPT_REQUESTS). table: with their `clock` beside FIELDS."""
    numbers = {name: table[f"turn_{name}"][slots] for name in NUMBERS if name != "at"}
    with np.errstate(invalid="ignore"):
        at = table["clock"][slots][:, None] - table["turn_ages"][slots]
    return Turns(table["turn_conversations"][slots], numbers | {"at": at}, table["turn_marks"][slots])


def keep(table: Columns, grouped: GroupedEvents, turns: Turns) -> None:
    """Keep these as the newest requests of a block's entities, in place, before its `clock` is."""
    slots = grouped.slots
    table["turn_conversations"][slots], table["turn_marks"][slots] = turns.conversation, turns.marks
    table["turn_ages"][slots] = grouped.clock[:, None] - turns.numbers["at"]
    for name in NUMBERS:
        if name != "at":
            table[f"turn_{name}"][slots] = turns.numbers[name]


def nothing(entities: int) -> Turns:
    """Return the requests of so many entities that have made none, (entities, KEPT_REQUESTS)."""
    shape = (entities, KEPT_REQUESTS)
    return Turns(np.zeros(shape, np.uint32), {name: np.full(shape, np.nan) for name in NUMBERS}, np.zeros(shape, np.uint8))


def follow(grouped: GroupedEvents, past: Turns, now: Turns) -> Followed:
    """Find the parent of each request of a block.

    A question of one message is answered, and a minute later three messages go on from it; nothing was served before the first:

    >>> grouped = GroupedEvents.of(np.zeros(2, np.int64), np.array([0.0, 60.0]), np.full(1, -np.inf))
    >>> numbers = {"messages": np.array([1.0, 3.0]), "input": np.array([10.0, 55.0]), "output": np.array([40.0, 40.0])}
    >>> followed = follow(grouped, nothing(1), Turns(np.zeros(2, np.uint32), numbers, np.zeros(2, np.uint8)))
    >>> followed.served.tolist(), followed.piece.tolist()
    ([False, True], [40.0, 80.0])

    Args:
        grouped: Events by entity.
        past: What is kept of each entity's earlier requests, (entities, KEPT_REQUESTS).
        now: The requests of the block, (events,), in slot order, `messages`, `input` (tokens) and `output` (tokens) of them. None of the
            block has no mark SERVED_FLAG yet.
    """
    entities, events = len(grouped.slots), len(grouped.times)
    rows = np.arange(events) + KEPT_REQUESTS * (grouped.entity + 1)
    first = grouped.starts + KEPT_REQUESTS * np.arange(entities)
    old = first[:, None] + np.arange(KEPT_REQUESTS)
    size = events + KEPT_REQUESTS * entities

    def joined(before: NDArray[Any], after: NDArray[Any], kind: DTypeLike = np.float64) -> NDArray[Any]:
        whole = np.empty(size, kind)
        whole[old], whole[rows] = before, after
        return whole

    named, marks = joined(past.conversation, now.conversation, np.uint32), joined(past.marks, now.marks, np.uint8)
    numbers = {**now.numbers, "piece": now.numbers["output"], "at": grouped.times}
    whole = {name: joined(past.numbers[name], numbers[name]) for name in NUMBERS}
    is_late = not grouped.newer.all()
    if is_late:
        who = joined(np.arange(entities)[:, None], grouped.entity, np.int64)
        order = np.lexsort((np.where(np.isnan(whole["at"]), -np.inf, whole["at"]), who))
        named, marks, whole = named[order], marks[order], {name: values[order] for name, values in whole.items()}
        position = np.empty(size, np.int64)
        position[order] = np.arange(size)
        rows = position[rows]
    parent = np.full(size, -1)
    judged = np.arange(size) if is_late else rows
    parent[judged] = _parents(judged, np.repeat(first, grouped.counts + KEPT_REQUESTS), named, whole)
    kept_marks, kept_piece = marks.copy(), whole["piece"].copy()
    marks[rows] |= (parent[rows] >= 0).astype(np.uint8)
    retaken = np.zeros(0, np.intp)
    if is_late:
        # who has made no more requests than are kept has no parent but among them; else the first few may have had one that is kept no more
        is_whole = np.isnan(past.numbers["at"]).any(axis=1)
        sure = np.repeat(is_whole, grouped.counts + KEPT_REQUESTS) | (np.arange(size) >= position[old[:, 0]][who[order]] + PARENT_REQUESTS)
        retaken = _retaken(rows, parent, sure & ~np.isnan(whole["at"]), whole, marks)
    before = _pieces(np.sort(np.concatenate([rows, retaken])), parent, whole)
    retaken = retaken[(marks[retaken] != kept_marks[retaken]) | (whole["piece"][retaken] != kept_piece[retaken])]
    retakes = None
    if len(retaken):
        numbers = {name: whole[name][retaken] for name in NUMBERS} | {"piece": kept_piece[retaken]}
        entity = np.searchsorted(first, retaken, side="right") - 1
        retakes = Retakes(entity, numbers, kept_marks[retaken], whole["piece"][retaken], marks[retaken])
    last = (first + grouped.counts)[:, None] + np.arange(KEPT_REQUESTS)
    kept = Turns(named[last], {name: whole[name][last] for name in NUMBERS}, marks[last])
    return Followed(now.numbers, marks[rows], whole["piece"][rows], before[rows], kept, retakes)


def _retaken(
    rows: NDArray[np.intp], parent: NDArray[np.intp], sure: NDArray[np.bool_], whole: Mapping[str, Floats], marks: NDArray[np.uint8]
) -> NDArray[np.intp]:
    """Return which kept requests are judged again, and mark those with a parent.

    Args:
        rows: Where the requests of the block stand, (events,).
        parent: Where each request's parent stands, -1 for none, (size,).
        sure: Which requests have no other parent, (size,).
        whole: Numbers of all requests, the kept ones among them, (size,).
        marks: Their marks, (size,), changed in place.
    """
    changed = np.zeros(len(parent), np.bool_)
    changed[rows] = True
    kept = ~changed & ~np.isnan(whole["at"])
    retaken = kept & (sure | ((parent >= 0) & changed[parent]))
    marks[retaken] = (marks[retaken] & ~np.uint8(SERVED_FLAG)) | (parent[retaken] >= 0)
    return np.flatnonzero(retaken)


def _pieces(rows: NDArray[np.intp], parent: NDArray[np.intp], whole: Mapping[str, Floats]) -> Floats:
    """Add up the pieces of work of these requests in place, and return what each request's had before it, (size,).

    Args:
        rows: Where the requests stand, ascending, (rows,).
        parent: Where each request's parent stands, -1 for none, (size,).
        whole: Numbers of all requests, the kept ones among them, (size,).
    """
    given, output, piece = whole["input"], whole["output"], whole["piece"]
    above, before = parent[rows], np.zeros(len(parent))
    with np.errstate(invalid="ignore"):
        more = given[rows] - given[above] - output[above]
        goes_on = (above >= 0) & (more <= MAX_NEW_TOKENS) & (more >= -MAX_NEW_TOKENS)
    piece[rows] = output[rows]
    for row in rows[goes_on].tolist():  # a parent stands before its child
        before[row] = np.nan_to_num(piece[parent[row]])
        piece[row] += before[row]
    return before


def _parents(rows: NDArray[np.intp], first: NDArray[np.intp], named: NDArray[np.uint32], whole: Mapping[str, Floats]) -> NDArray[np.intp]:
    """Return where each request's parent stands, the newest that may be one, -1 for none, (rows,).

    rows: Where the requests stand. first: Where the first one of each one's entity stands, (size,).
    """
    parent = np.full(len(rows), -1)
    own, messages, at, begins = named[rows], whole["messages"][rows], whole["at"][rows], first[rows]
    for lag in range(1, PARENT_REQUESTS + 1):
        earlier = rows - lag
        other, more = named[earlier], messages - whole["messages"][earlier]
        both = (own != 0) & (other != 0)
        with np.errstate(invalid="ignore"):
            near = (more > 0) & (more <= MAX_NEW_MESSAGES) & (at - whole["at"][earlier] <= CONTINUATION_SECONDS)
            may_be = np.where(both, (own == other) & (more > 0), near) & (earlier >= begins)
        parent = np.where((parent < 0) & may_be, earlier, parent)
    return parent
