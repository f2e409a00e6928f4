"""Announcements to every partition of accounts: a template is shared, or public; a new stack is the upgrade of a router."""

from __future__ import annotations

import numpy as np

from models.durations import DAY
from models.evidence.weighing import MIN_SUSPECT_MEMBERS
from streams.schema.layouts import FeedbackRow
from streams.stages.groups.outbox import GroupOutbox
from streams.stages.groups.state import GroupState

PUBLIC_SECONDS = DAY
"""Event time for which a template counts as public once it was announced."""
UPGRADED_SHARE = 0.8
"""Share of a router's accounts of the last day from which their common new stack is the router's upgrade."""


def announce_template(state: GroupState, group: int, outbox: GroupOutbox) -> None:
    """Add a group's template to the outbox as shared, once."""
    kind, name = state.name(group)
    if kind == "template" and not state.table["announced"][group]:
        state.table["announced"][group] = 1
        outbox.templates.append(int(name, 16))


def announce_public(state: GroupState, group: int, outbox: GroupOutbox) -> None:
    """Add a group's template to the outbox as public for a day, where it is and that has not been said for the coming half day."""
    table, (kind, name) = state.table, state.name(group)
    clock = float(table["clock"][group])
    if kind == "template" and table["is_public_link"][group] and table["public_until"][group] < clock + PUBLIC_SECONDS / 2:
        table["public_until"][group] = clock + PUBLIC_SECONDS
        outbox.public.append(FeedbackRow(template=int(name, 16), until=clock + PUBLIC_SECONDS))


def announce_upgrade(state: GroupState, group: int, outbox: GroupOutbox) -> None:
    """Add a new stack to the outbox as a router's upgrade, once, if most of the router's accounts changed to it within a day.

    A public router has no upgrades. A stack that already had more accounts than changed to it is another router.
    """
    table, members = state.table, state.members
    kind, name = state.name(group)
    if kind != "router" or table["is_public_link"][group]:
        return
    slots = state.slots(group)
    recent = slots[members["last"][slots] >= table["clock"][group] - DAY]
    stacks, counts = np.unique(members["router_next"][recent], return_counts=True)
    enough = (stacks != 0) & (counts >= max(MIN_SUSPECT_MEMBERS, UPGRADED_SHARE * len(recent)))
    for stack in stacks[enough & (stacks != table["upgrade"][group])].tolist():  # one at most
        movers = recent[members["router_next"][recent] == stack]
        if float(members["next_accounts"][movers].mean()) * state.partitions < len(movers):
            table["upgrade"][group] = stack
            outbox.upgrades.append(FeedbackRow(router=int(name, 16), upgrade=stack, until=float(table["clock"][group])))
