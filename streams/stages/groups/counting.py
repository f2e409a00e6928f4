"""Counting of a block of `groups` into members and groups. Every row of an account counts once, also after a repeat."""

from __future__ import annotations

import numpy as np

from models.arrays import Floats
from models.evidence.links import LINKS
from models.state.columns import Slots
from streams.schema.blocks import Block
from streams.schema.layouts import GROUP_ROW_NAMES
from streams.stages.groups.state import NEWEST_NUMBERS, GroupState
from streams.stages.groups.work import HALF_LIFE_SECONDS, WINDOW_SECONDS, count_windows


def count(state: GroupState, block: Block, groups: Slots, slots: Slots) -> None:
    """Add a block's rows to their groups and members, in place.

    Args:
        state: Groups and members of the partition.
        block: Rows that their members do not contain yet.
        groups: Slot of each row's group, (rows,).
        slots: Slot of each row's member, (rows,), each at most once.
    """
    members, table = state.members, state.table
    sampled = state.samples.before(groups, slots)
    time, requests = block.numbers("time").astype(np.float64), block.numbers("requests").astype(np.float64)
    clock = np.maximum(members["last"][slots], time)
    members["requests"][slots] = decayed_to(clock, members["requests"][slots], members["last"][slots]) + decayed_to(clock, requests, time)
    members["total"][slots] += requests
    members["work_items"][slots] += block.numbers("begun")
    members["harvest_items"][slots] += block.numbers("jobs")
    count_windows(table, members, groups, slots, np.floor(time / WINDOW_SECONDS), block.numbers("begun").astype(np.float64))
    members["output_tokens"][slots] += block.numbers("output_tokens")
    members["first"][slots] = np.minimum(members["first"][slots], time)
    members["last"][slots] = clock
    members["newest_counted_offset"][slots] = block.numbers("offset")
    _keep_newest(state, block, slots)
    np.maximum.at(table["clock"], groups, clock)
    np.add.at(table["requests"], groups, requests)
    table["population"][groups] = block.numbers("population")
    state.samples.after(sampled)


def decayed_to(clock: Floats, requests: Floats, counted_at: Floats) -> Floats:
    """Return what requests count at a later time: half of it after seven days, (rows,).

    >>> decayed_to(np.array([7 * 86400.0, 0.0]), np.array([8.0, 8.0]), np.array([0.0, -np.inf])).tolist()
    [4.0, 0.0]

    Args:
        clock: Until when, epoch seconds, (rows,).
        requests: As they counted, (rows,).
        counted_at: When they did so, epoch seconds, (rows,); minus infinity where none was counted.
    """
    with np.errstate(invalid="ignore"):
        decayed: Floats = requests * np.where(np.isfinite(counted_at), np.exp2((counted_at - clock) / HALF_LIFE_SECONDS), 0.0)
    return decayed


def _keep_newest(state: GroupState, block: Block, slots: Slots) -> None:
    members = state.members
    for name in (*NEWEST_NUMBERS, "next_accounts"):
        members[name][slots] = block.numbers(GROUP_ROW_NAMES.get(name, name))
    for name in (*LINKS, "router_next", "prompt_sample"):
        members[name][slots] = block.hashes(GROUP_ROW_NAMES.get(name, name))
    for name in ("evidence_shrunk", "evidence_raw"):
        members[name][slots] = block.vectors(GROUP_ROW_NAMES[name])
