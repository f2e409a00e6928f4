"""Large groups: a sample of the members describes the group, sums are kept of all, and the members take turns in being judged.

A group of at most MAX_EXACT_MEMBERS is read whole. Of a larger one a sample is drawn by hash, so that the order in which members came makes
no difference, and drawn anew when the group has grown by MAX_GROWTH_SHARE. Members that pay with one card are drawn together, in parts
of some CARD_PART_MEMBERS: alone, hardly one would show that it shares its card.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from models.accumulators.hashing import mix, spread
from models.accumulators.short import distinct, numbered, tallied
from models.arrays import Floats, Hashes
from models.evidence.units import distinct_pairs
from models.state.columns import Columns, Slots
from streams.features.members import WholeGroup

MAX_EXACT_MEMBERS: Final = 4_096
"""Members up to which a group is read whole at each score."""
SAMPLED_MEMBERS: Final = 1_024
"""Members that describe a larger group, or a few more: a share of them is within 3.1 points of the group's for 95 of 100 samples, and a
median within 3.1 percentiles. Where all six members of each card are alike, it is 7.5 (`tests/streams/stages/groups/test_sampling.py`)."""
TAKING_TURNS_MEMBERS: Final = 512
"""Members judged beside the sample: those that changed, the longest ago first, then the others in turn."""
LEADING_MEMBERS: Final = 64
"""Members with the most evidence, which are judged again each time: a turn must not take a group's evidence away."""
MAX_GROWTH_SHARE: Final = 0.1
"""Growth in members from which a sample is drawn anew."""
CARD_PART_MEMBERS: Final = 8
"""Members of one card that are drawn together at least, of a card that has as many."""

_NO_SLOTS: Final = np.zeros(0, np.int64)


@dataclass
class _Sampled:
    """A group of which a sample was drawn."""

    sample: Slots
    others: Slots
    """All others, in the order of their turns."""
    payers: int
    organisations_by_card: Slots
    shared_cards: Hashes
    sums: Floats
    """Of all members: output tokens, work begun before the open window, and the sum of its squares; (3,)."""
    began: float
    values: Mapping[str, float] = field(default_factory=dict)
    turn: int = 0
    """Position in `others` of the next in turn."""
    changed: list[Slots] = field(default_factory=list)
    leading: Slots = field(default_factory=lambda: _NO_SLOTS)

    def members(self) -> int:
        """Return how many members there were when the sample was drawn, less those that left."""
        return len(self.sample) + len(self.others)


class GroupSamples:
    """The samples of the large groups of one partition, in memory only: after a restart each is drawn anew."""

    def __init__(self, members: Columns) -> None:
        """Start without samples. members: the members of all groups."""
        self._members = members
        self._groups: dict[int, _Sampled] = {}

    def __contains__(self, group: int) -> bool:
        """Return whether a group is sampled."""
        return group in self._groups

    def prepare(self, group: int, slots: Sequence[int]) -> bool:
        """Draw a group's sample if it is large and has none, or has outgrown it; return whether one was drawn, which `describe` follows.

        Args:
            group: Its slot.
            slots: Slots of all its members.
        """
        sampled = self._groups.get(group)
        if len(slots) <= MAX_EXACT_MEMBERS:
            self.forget(group)
        elif sampled is None or len(slots) > sampled.members() * (1 + MAX_GROWTH_SHARE) or len(sampled.sample) < SAMPLED_MEMBERS // 2:
            self._groups[group] = self._drawn(np.array(slots, np.int64), sampled)
            return True
        return False

    def describe(self, group: int, values: Mapping[str, float]) -> None:
        """Keep the values of the features that read all members, by name."""
        self._groups[group].values = values

    def forget(self, group: int) -> None:
        """Forget a group's sample, if it has one."""
        self._groups.pop(group, None)

    def sample(self, group: int) -> Slots:
        """Return the slots of the members that describe a group, (members,). Raises KeyError for a group without a sample."""
        return self._groups[group].sample

    def whole(self, group: int, accounts: int) -> WholeGroup:
        """Return what is known of a whole group of so many accounts. Raises KeyError for a group without a sample."""
        sampled = self._groups[group]
        return WholeGroup(
            accounts=accounts,
            payers=sampled.payers,
            organisations_by_card=sampled.organisations_by_card,
            shared_cards=sampled.shared_cards,
            values=sampled.values,
            output_tokens=float(sampled.sums[0]),
            began=sampled.began,
        )

    def begun(self, group: int) -> tuple[float, float]:
        """Return a group's work begun before its members' open windows: the sum over members, and of its squares."""
        return float(self._groups[group].sums[1]), float(self._groups[group].sums[2])

    def take_turns(self, group: int) -> Slots:
        """Return the slots of the members to judge now, (members,), ascending: the sample, the leading ones, and those whose turn it is."""
        sampled = self._groups[group]
        changed = _in_order([*sampled.changed, _NO_SLOTS])
        changed = changed[~np.isin(changed, sampled.sample)]
        now, sampled.changed = changed[:TAKING_TURNS_MEMBERS], [changed[TAKING_TURNS_MEMBERS:]]
        until = sampled.turn + TAKING_TURNS_MEMBERS - len(now)
        turn = sampled.others[sampled.turn : until]
        sampled.turn = until if until < len(sampled.others) else 0
        return distinct(np.concatenate([sampled.sample, sampled.leading, now, turn]))

    def lead(self, group: int, slots: Slots, nats: Floats) -> None:
        """Keep the members with the most evidence. slots, nats: of those that were judged, (members,)."""
        self._groups[group].leading = slots[np.argsort(-nats, kind="stable")[:LEADING_MEMBERS]]

    def before(self, groups: Slots, slots: Slots) -> list[tuple[_Sampled, Slots, Floats]]:
        """Return the sampled groups whose rows are counted next, their members, (rows,), and these members' sums, (3,): for `after`."""
        if not self._groups:
            return []
        rows = ((self._groups[group], slots[groups == group]) for group in np.unique(groups).tolist() if group in self._groups)
        return [(sampled, changed, self._sums(changed)) for sampled, changed in rows]

    def after(self, counted: Sequence[tuple[_Sampled, Slots, Floats]]) -> None:
        """Follow what was counted since `before` returned this."""
        for sampled, changed, sums in counted:
            sampled.sums = sampled.sums + self._sums(changed) - sums
            sampled.began = min(sampled.began, float(self._members["first"][changed].min()))
            sampled.changed.append(changed)

    def leave(self, group: int, slot: int) -> None:
        """Leave out a member, before its row is removed; a group without a sample has nothing to leave out."""
        sampled = self._groups.get(group)
        if sampled is None:
            return
        sampled.sums = sampled.sums - self._sums(np.array([slot]))
        sampled.turn -= int((sampled.others[: sampled.turn] == slot).sum())
        sampled.sample, sampled.others, sampled.leading = (
            slots[slots != slot] for slots in (sampled.sample, sampled.others, sampled.leading)
        )
        sampled.changed = [slots[slots != slot] for slots in sampled.changed]

    def _sums(self, slots: Slots) -> Floats:
        """Return what these members add to the sums of their group, (3,)."""
        members = self._members
        begun = members["work_items"][slots] - members["in_window"][slots]
        return np.array([members["output_tokens"][slots].sum(), begun.sum(), (begun**2).sum()])

    def _drawn(self, slots: Slots, former: _Sampled | None) -> _Sampled:
        """Return a new sample of a group. slots: of all members; former: the sample that it replaces."""
        members, cards = self._members, self._members["payment"][slots]
        keys = (zlib.crc32(members.keys[slot].encode()) for slot in slots.tolist())
        drawn = drawn_together(np.fromiter(keys, np.uint64, len(slots)), cards)
        order = drawn.argsort(kind="stable")
        count = int(np.searchsorted(drawn[order], drawn[order[SAMPLED_MEMBERS - 1]], side="right"))
        known = (cards != 0) & (members["organization"][slots] != 0)
        paying, organisations = tallied(distinct_pairs(cards[known], members["organization"][slots[known]])[0])
        return _Sampled(
            sample=slots[order[:count]],
            others=slots[order[count:]],
            payers=len(distinct(cards[cards != 0])) + int((cards == 0).sum()),
            organisations_by_card=organisations,
            shared_cards=paying[organisations > 1],
            sums=self._sums(slots),
            began=float(members["first"][slots].min()),
            changed=former.changed if former else [],
            leading=former.leading if former else _NO_SLOTS,
        )


def drawn_together(hashes: Hashes, cards: Hashes) -> Hashes:
    """Return the number by which each member is drawn, the lowest first, (members,): members of one part of a card have the same.

    Five of one card have one number; of thirty of another card about a half have each of two, and who has no card has its own:

    >>> hashes = mix(np.arange(1, 38, dtype=np.uint64))
    >>> numbers = drawn_together(hashes, np.repeat(np.array([7, 8, 0], np.uint64), [5, 30, 2]))
    >>> [len(np.unique(part)) for part in (numbers[:5], numbers[5:35], numbers[35:])]
    [1, 2, 2]

    Args:
        hashes: Of the members' names, (members,).
        cards: Their cards, 0 for unknown, (members,).
    """
    which = numbered(cards)[1]
    share = np.bincount(which)[which] / CARD_PART_MEMBERS
    parts = np.exp2(np.floor(np.log2(np.maximum(share, 1.0)))).astype(np.uint64)
    own = mix(spread(hashes) + np.uint64(1))
    return np.where(cards == 0, own, mix(spread(cards) ^ (own & (parts - np.uint64(1)))))


def _in_order(parts: Sequence[Slots]) -> Slots:
    """Return the different slots of several arrays, in the order in which they come first.

    >>> _in_order([np.array([5, 2]), np.array([2, 9])]).tolist()
    [5, 2, 9]
    """
    slots = np.concatenate(parts)
    return slots[np.sort(np.unique(slots, return_index=True)[1])]
