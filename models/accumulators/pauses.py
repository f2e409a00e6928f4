"""The pauses between an entity's events, in whatever order they arrive.

Of each entity the times of the last few events are kept. A late event stands between two that have been counted, so the pause that ended
at the later one was too long: that event is *retaken*, with the pause of before taken back and the shorter one in its place. An event that
is earlier than all that are kept has no known pause, nor has an entity's first one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats
from models.state.columns import Field

KEPT_TIMES: Final = 24
"""Times of an entity that are kept: an event that is later than so many others is retaken no more."""

FIELDS: Final = {
    "recent_ages": Field("f4", np.nan, width=KEPT_TIMES, doc="seconds from its newest events to the very newest, ascending time")
}
"""The column in which a table of entities keeps them."""


@dataclass(frozen=True)
class Pauses:
    """Pauses in seconds, NaN where unknown."""

    gaps: Floats
    """Of each event of the block, (events,)."""
    entity: NDArray[np.intp]
    """Of each earlier event that is retaken, its entity among those of the block, (retaken,)."""
    times: Floats
    """Its time, epoch seconds, (retaken,)."""
    before: Floats
    """The pause that was counted for it, (retaken,)."""
    after: Floats
    """The pause that counts now, (retaken,)."""
    ages: NDArray[np.float32]
    """What to keep, (entities, KEPT_TIMES)."""


def pauses(grouped: GroupedEvents, ages: NDArray[np.float32]) -> Pauses:
    """Return the pauses of a block's events, and of earlier ones whose pause is another one now.

    Events at 0 and 100 s were counted, with a pause of 100 s. One at 40 s comes late:

    >>> ages = np.full((1, KEPT_TIMES), np.nan, np.float32)
    >>> ages[0, -2:] = 100.0, 0.0
    >>> late = pauses(GroupedEvents.of(np.zeros(1, np.int64), np.array([40.0]), clock=np.array([100.0])), ages)
    >>> late.gaps.tolist(), late.times.tolist(), late.before.tolist(), late.after.tolist()
    ([40.0], [100.0], [100.0], [60.0])

    Args:
        grouped: Events by entity.
        ages: Seconds from each kept event to the newest one before this block, (entities, KEPT_TIMES), NaN for none, newest last.
    """
    kept = grouped.clock_before[:, None] - ages
    kept[:, -1] = np.where(np.isfinite(grouped.clock_before), grouped.clock_before, np.nan)
    late = ~grouped.newer[grouped.starts]
    gaps, newest = grouped.gaps(), _newest(grouped, kept)
    nothing = np.zeros(0)
    if not late.any():
        return Pauses(gaps, np.zeros(0, np.intp), nothing, nothing, nothing, _ages(grouped, newest))
    entities = np.flatnonzero(late)
    events = np.flatnonzero(late[grouped.entity])
    who = np.concatenate([np.repeat(entities, KEPT_TIMES), grouped.entity[events]])
    when = np.concatenate([kept[entities].reshape(-1), grouped.times[events]])
    order = np.lexsort((when, who))
    order = order[np.isfinite(when[order])]
    between = np.full(len(who), np.nan)
    between[order[1:]] = np.where(who[order[1:]] == who[order[:-1]], np.diff(when[order]), np.nan)
    old = len(entities) * KEPT_TIMES
    had = np.diff(kept[entities], axis=1, prepend=np.nan).reshape(-1)
    has = between[:old]
    # the pause of the oldest of a full row is known no more: it may have been counted
    is_whole = np.repeat(np.isnan(kept[entities]).any(axis=1), KEPT_TIMES)
    known = ~np.isnan(had) | (is_whole & np.isfinite(when[:old]))
    retaken = np.flatnonzero(known & ~np.isnan(has) & ((had != has) | np.isnan(had)))
    gaps[events] = between[old:]
    newest[entities] = _last(who, when, order, entities)
    return Pauses(gaps, who[retaken], when[retaken], had[retaken], has[retaken], _ages(grouped, newest))


def _ages(grouped: GroupedEvents, newest: Floats) -> NDArray[np.float32]:
    return (grouped.clock[:, None] - newest).astype(np.float32)


def _newest(grouped: GroupedEvents, kept: Floats) -> Floats:
    """Return the times of each entity's newest events if none is late, (entities, KEPT_TIMES). kept: of those before, same shape."""
    entities = len(grouped.slots)
    whole = np.empty(len(grouped.times) + KEPT_TIMES * entities)
    whole[(grouped.starts + KEPT_TIMES * np.arange(entities))[:, None] + np.arange(KEPT_TIMES)] = kept
    whole[np.arange(len(grouped.times)) + KEPT_TIMES * (grouped.entity + 1)] = grouped.times
    newest: Floats = whole[(grouped.starts + grouped.counts + KEPT_TIMES * np.arange(entities))[:, None] + np.arange(KEPT_TIMES)]
    return newest


def _last(who: NDArray[np.intp], when: Floats, order: NDArray[np.intp], entities: NDArray[np.intp]) -> Floats:
    """Return the last KEPT_TIMES times of each of these entities, (entities, KEPT_TIMES). order: of the known times, by entity and time."""
    ends = np.searchsorted(who[order], entities, side="right")
    begins = np.searchsorted(who[order], entities, side="left")
    at = ends[:, None] + np.arange(-KEPT_TIMES, 0)
    return np.where(at >= begins[:, None], when[order][np.maximum(at, 0)], np.nan)
