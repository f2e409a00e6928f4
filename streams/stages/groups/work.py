"""The work of groups and of their members in windows of ten minutes, and the load-balance index computed from it."""

from __future__ import annotations

import numpy as np

from models.arrays import Floats
from models.durations import DAY
from models.state.columns import Columns, Slots

HALF_LIFE_SECONDS = 7 * DAY
"""Half-life of a member's decayed requests."""
WINDOW_SECONDS = 600.0
MIN_WINDOWS = 36
"""Windows from which the index is known: six hours."""


def count_windows(table: Columns, members: Columns, groups: Slots, slots: Slots, window: Floats, begun: Floats) -> None:
    """Add the squares of closed windows, of groups and of members, in place. Late work counts in the open window.

    Two members begin 3 and 1 pieces of work in window 0, which closes with the first work of window 1:

    >>> table = {name: np.zeros(1) for name in ("member_squares", "in_window", "squares")}
    >>> table |= {"window": np.full(1, -np.inf), "first_window": np.full(1, np.inf)}
    >>> members = {"window": np.full(2, -np.inf), "in_window": np.zeros(2)}
    >>> for window, begun in ((0.0, [3.0, 1.0]), (1.0, [1.0, 1.0])):
    ...     count_windows(table, members, np.array([0, 0]), np.array([0, 1]), np.full(2, window), np.array(begun))
    >>> table["squares"].tolist(), table["member_squares"].tolist()  # (3 + 1)^2, and 3^2 + 1^2
    ([16.0], [10.0])

    Args:
        table: Groups.
        members: Members.
        groups: The group of each row, (rows,).
        slots: The member of each row, (rows,), each at most once.
        window: Number of the window of each row, (rows,).
        begun: Pieces of work begun in each row, (rows,).
    """
    member_turns = window > members["window"][slots]
    member_open = members["in_window"][slots].astype(np.float64)
    np.add.at(table["member_squares"], groups, np.where(member_turns, member_open**2, 0.0))
    members["in_window"][slots] = np.where(member_turns, begun, member_open + begun)
    members["window"][slots] = np.maximum(window, members["window"][slots])

    unique, row_group = np.unique(groups, return_inverse=True)
    newest = np.full(len(unique), -np.inf)
    np.maximum.at(newest, row_group, window)
    work, turns = np.bincount(row_group, begun), newest > table["window"][unique]
    group_open = table["in_window"][unique]
    table["squares"][unique] += np.where(turns, group_open**2, 0.0)
    table["in_window"][unique] = np.where(turns, work, group_open + work)
    table["window"][unique] = np.maximum(newest, table["window"][unique])
    table["first_window"][unique] = np.minimum(newest, table["first_window"][unique])


def balance(table: Columns, members: Columns, group: int, slots: Slots) -> float:
    """Return the variance of a group's windows over the sum of its members' variances.

    It is about 1 for independent people and below 1 where members take turns; NaN before MIN_WINDOWS, and where either variance is 0.

    Two members begin 40 pieces of work each in 40 windows. Their squares sum up to 160, so each has a variance of 1. Squares of the
    group of 240 are a variance of 2, as of independent people; 200 are a variance of 1, as of members that take turns:

    >>> members = {"work_items": np.array([40.0, 40.0]), "in_window": np.zeros(2)}
    >>> windows = {"window": np.array([40.0]), "first_window": np.array([0.0]), "member_squares": np.array([160.0])}
    >>> [balance(windows | {"squares": np.array([squares])}, members, 0, np.array([0, 1])) for squares in (240.0, 200.0)]
    [1.0, 0.5]
    """
    windows = open_windows(table, group)
    begun = members["work_items"][slots] - members["in_window"][slots]
    return balance_of_sums(table, group, float(begun.sum()), float(((begun / windows) ** 2).sum())) if windows >= MIN_WINDOWS else np.nan


def balance_of_sums(table: Columns, group: int, begun: float, squared_rates: float) -> float:
    """Return `balance` of a group whose members' sums are known.

    Args:
        table: Groups.
        group: Slot of the group.
        begun: Work begun before the open windows, summed over members.
        squared_rates: Square of the work of each member a window, summed.
    """
    windows = open_windows(table, group)
    if windows < MIN_WINDOWS:
        return np.nan
    apart = float(table["member_squares"][group]) / windows - squared_rates
    together = float(table["squares"][group]) / windows - float(begun / windows) ** 2
    return together / apart if apart > 0 and together > 0 else np.nan


def open_windows(table: Columns, group: int) -> float:
    """Return how many windows a group's work has so far."""
    return float(table["window"][group] - table["first_window"][group])
