"""Which events of a record can have happened when they say so. A log can be old, but no request is made after its record arrived.

`collect` checks every line against its arrival. Whoever reads `requests` checks again, against the time at which Kafka took the record: a
forger who writes to the topic, or a collector whose clock broke, would take the clocks of state with it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.durations import DAY

MAX_LEAD_SECONDS: Final = DAY
"""How far after its record's arrival an event may be: as far ahead as `collect` takes a wrong clock for a request that was made."""
MAX_AGE_SECONDS: Final = 3 * 365 * DAY
"""How far before it: nothing that we keep lives longer, so an older event could only mislead."""


def believable(times: NDArray[np.floating], arrival: float | None) -> NDArray[np.bool_]:
    """Return which events can have happened when they say so, (events,); all of them when the arrival is unknown.

    >>> believable(np.array([0.0, 1.0, 4.0]) * MAX_LEAD_SECONDS, arrival=2.0 * MAX_LEAD_SECONDS).tolist()
    [True, True, False]

    Args:
        times: Times of the events, seconds since 1970, (events,).
        arrival: When their record arrived, seconds since 1970.
    """
    if arrival is None:
        return np.ones(len(times), np.bool_)
    mask: NDArray[np.bool_] = (times <= arrival + MAX_LEAD_SECONDS) & (times >= arrival - MAX_AGE_SECONDS)
    return mask


def arrived(stamp: float | None, now: float) -> float:
    """Return when a record arrived: when Kafka says, but never after now. A record without a time arrived now.

    >>> arrived(100.0, now=200.0), arrived(300.0, now=200.0), arrived(None, now=200.0), arrived(-0.001, now=200.0)
    (100.0, 200.0, 200.0, 200.0)

    Args:
        stamp: The record's time, seconds since 1970.
        now: The reader's clock, seconds since 1970.
    """
    return min(stamp, now) if stamp is not None and stamp > 0 else now
