"""Counting of a block of `groups` into members and groups. Every row of an account counts once, also after a repeat."""

from __future__ import annotations

import numpy as np

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
    time, requests = block.numbers("time").astype(np.float64), block.numbers("requests").astype(np.float64)
    clock = np.maximum(members["last"][slots], time)
    with np.errstate(invalid="ignore"):
        kept = np.where(np.isfinite(members["last"][slots]), np.exp2((members["last"][slots] - clock) / HALF_LIFE_SECONDS), 0.0)
    members["requests"][slots] = members["requests"][slots] * kept + requests * np.exp2((time - clock) / HALF_LIFE_SECONDS)
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


def _keep_newest(state: GroupState, block: Block, slots: Slots) -> None:
    members = state.members
    for name in (*NEWEST_NUMBERS, "next_accounts"):
        members[name][slots] = block.numbers(GROUP_ROW_NAMES.get(name, name))
    for name in (*LINKS, "router_next", "prompt_sample"):
        members[name][slots] = block.hashes(GROUP_ROW_NAMES.get(name, name))
    for name in ("evidence_shrunk", "evidence_raw"):
        members[name][slots] = block.vectors(GROUP_ROW_NAMES[name])
