"""The state of groups and their members in one partition."""

from __future__ import annotations

import numpy as np

from models.durations import DAY
from models.evidence.families import FAMILIES
from models.evidence.links import LINKS, MIN_PAYERS, rarity_of
from models.state.columns import Columns, Field, Slots
from streams.features.members import Members
from streams.features.registry import features
from streams.schema import topics
from streams.schema.blocks import Block
from streams.schema.names import EntityName
from streams.schema.prompt_sketch import PROMPT_SHINGLES
from streams.stages.groups import work
from streams.stages.groups.sampling import GroupSamples

_TIMES = ("created", "account_first", "router_since")
_RARITIES = {kind: rarity_of(kind) for kind in MIN_PAYERS}
_NEWEST = (
    *_TIMES,
    "account_work_items",
    "account_harvest_items",
    "age_rank",
    "template_share",
    "job_share",
    "harvest_share",
    "single_turn",
)
NEWEST_NUMBERS = (*_NEWEST, *_RARITIES.values())
"""Columns of numbers of which a member has the newest value."""
_FEATURE_COLUMNS = (
    "requests",
    "total",
    "work_items",
    "harvest_items",
    "output_tokens",
    "first",
    "last",
    *_NEWEST,
    "prompt_sample",
    "evidence_shrunk",
    "evidence_raw",
)
_FORMER_NAMES = {"account_work_items": ("account_begun",), "account_harvest_items": ("account_jobs",)}
_SEPARATOR = "|"

MEMBER_SECONDS = 90 * DAY
"""Event time without a request after which a member is removed, and its group with the last of them."""
MAX_EXPIRIES_PER_BLOCK = 64
MAX_GROUP_MEMBERS = 65_536
"""Of one group: further accounts of a card or router are not counted in it. So many are a public link or a flood."""
MAX_MEMBERS = 1_048_576
"""Of all groups of a partition, 500 bytes each."""


class GroupState:
    """The groups of one partition, one row for each, and their members, one row for each account in each of its groups."""

    def __init__(
        self, partition: int, partitions: int, shadow_fields: dict[str, Field], max_group_members: int = MAX_GROUP_MEMBERS
    ) -> None:
        """Start empty. shadow_fields: columns of groups for the shadow detectors."""
        self._max_group_members = max_group_members
        self.partition = partition
        self.partitions = partitions
        self.table = Columns("groups", _GROUP_FIELDS | shadow_fields)
        self.members = Columns("members", _MEMBER_FIELDS)
        self._slots_of: dict[int, list[int]] = {}
        self.samples = GroupSamples(self.members)
        self._next_search = -np.inf

    def is_home_of(self, block: Block) -> bool:
        """Return whether all groups of a block belong to this partition."""
        words = block.words("group_id")
        new = [word for code in np.unique(block.codes("group_id")).tolist() if (word := words[code]) not in self.table]
        return all(topics.partition_of(word, self.partitions) == self.partition for word in new)

    def intern(self, block: Block) -> tuple[Slots, Slots]:
        """Return the slots of each row's group and member, both (rows,); new ones start empty.

        -1 is for members that a group, or memory, has no room for.
        """
        group_words, account_words = block.words("group_id"), block.words("account_id")
        group_codes, account_codes = block.codes("group_id").tolist(), block.codes("account_id").tolist()
        groups = self.table.intern(group_words)[block.codes("group_id")]
        pairs = zip(group_codes, account_codes, strict=True)
        keys = [f"{group_words[group]}{_SEPARATOR}{account_words[account]}" for group, account in pairs]
        found = [self._member(key, group) for key, group in zip(keys, groups.tolist(), strict=True)]
        return groups, np.array(found, np.int64)

    def _member(self, key: str, group: int) -> int:
        """Return the slot of a member of a group, a new one if need be; -1 when there is no room."""
        slot = self.members.find(key)
        if slot < 0:
            slots = self._slots_of.setdefault(group, [])
            if len(slots) >= self._max_group_members or len(self.members) >= MAX_MEMBERS:
                return -1
            slot = int(self.members.intern([key])[0])
            slots.append(slot)
        return slot

    def reload(self) -> None:
        """Rebuild the members of each group from the loaded members' keys."""
        slots = self.members.slots
        groups = self.table.intern([self.members.keys[slot].partition(_SEPARATOR)[0] for slot in slots.tolist()])
        for group, slot in zip(groups.tolist(), slots.tolist(), strict=True):
            self._slots_of.setdefault(group, []).append(slot)

    def erase(self, account: str, time: float, offset: int) -> dict[str, int]:
        """Remove an account from all its groups, and the groups that it leaves empty; return how many of each were removed.

        An account that began after `time` (epoch seconds) stays: it was erased before, and the command came again.
        """
        keys = [key for key in self.members.keys if key and key.partition(_SEPARATOR)[2] == account and not self._began(key) > time]
        for key in keys:
            self.leave(key, offset)
        emptied = [key for key in {key.partition(_SEPARATOR)[0] for key in keys} if key not in self.table]
        return {"members": len(keys), "groups": len(emptied)}

    def _began(self, member: str) -> float:
        """Return when the account of a member made its first request, as its newest row says; NaN when that is unknown."""
        return float(self.members["account_first"][self.members.find(member)])

    def leave(self, member: str, offset: int) -> None:
        """Remove a member (`group|account`), and its group when it was the last."""
        group_key, slot = member.partition(_SEPARATOR)[0], self.members.find(member)
        group = self.table.find(group_key)
        self.samples.leave(group, slot)
        self.members.evict(member, offset)
        self._slots_of[group].remove(slot)
        if not self._slots_of[group]:
            del self._slots_of[group]
            self.samples.forget(group)
            self.table.evict(group_key, offset)

    def expire(self, offset: int, safe_offset: int) -> None:
        """Once a day of event time, search for members without a request for MEMBER_SECONDS, and remove them.

        Args:
            offset: Offset of the block just applied.
            safe_offset: Offset of the oldest block that may be repeated after a crash; members that it changed are not removed.
        """
        newest = float(self.table["clock"].max())
        if newest < self._next_search:
            return
        idle = self.members.idle(self.members["last"] < newest - MEMBER_SECONDS, safe_offset)
        for member in idle[:MAX_EXPIRIES_PER_BLOCK]:
            self.leave(member, offset)
        if len(idle) <= MAX_EXPIRIES_PER_BLOCK:
            self._next_search = newest + DAY

    def size(self, group: int) -> int:
        """Return the number of a group's members."""
        return len(self._slots_of[group])

    def slots(self, group: int) -> Slots:
        """Return the slots of a group's members, (members,)."""
        return np.array(self._slots_of.get(group, ()), np.int64)

    def name(self, group: int) -> EntityName:
        """Return a group's kind (`router`, `payment` or `template`) and its id, 16 hexadecimal digits."""
        return EntityName.parse(self.table.keys[group])

    def accounts(self, slots: Slots) -> list[str]:
        """Return the account ids of these members, (members,)."""
        return [self.members.keys[slot].partition(_SEPARATOR)[2] for slot in slots.tolist()]

    def view(self, group: int) -> Members:
        """Return a group's members, as its features need them: of a large group a sample."""
        if self.samples.prepare(group, self._slots_of.get(group, ())):
            everyone = self.view_of(group, self.slots(group))
            self.samples.describe(group, {feature.name(): feature.value(everyone) for feature in features("group") if feature.reads_all})
        return self.view_of(group, self.samples.sample(group) if group in self.samples else self.slots(group))

    def view_of(self, group: int, slots: Slots) -> Members:
        """Return these members of a group, as its features need them: all, or some of a group that is sampled."""
        now, is_sampled = float(self.table["clock"][group]), group in self.samples
        columns = {name: self.members[name][slots] for name in _FEATURE_COLUMNS}
        links = {kind: self.members[kind][slots] for kind in LINKS}
        rarities = {kind: self.members[name][slots] for kind, name in _RARITIES.items()}
        columns["requests"] = columns["requests"] * np.exp2((columns["last"] - now) / work.HALF_LIFE_SECONDS)
        balance = self._sampled_balance(group) if is_sampled else work.balance(self.table, self.members, group, slots)
        whole = self.samples.whole(group, self.size(group)) if is_sampled else None
        return Members(kind=self.name(group).kind, now=now, balance=balance, links=links, rarities=rarities, whole=whole, **columns)

    def _sampled_balance(self, group: int) -> float:
        """Return the load-balance index of a group that is sampled, from sums over all of its members."""
        (begun, squares), windows = self.samples.begun(group), work.open_windows(self.table, group)
        return work.balance_of_sums(self.table, group, begun, squares / windows**2) if windows >= work.MIN_WINDOWS else np.nan


_GROUP_FIELDS = {
    "clock": Field("f8", -np.inf, doc="newest event time, epoch seconds"),
    "requests": Field("f8", doc="requests of all members"),
    "window": Field("f8", -np.inf, doc="number of the open window of ten minutes"),
    "first_window": Field("f8", np.inf, doc="number of the first window"),
    "in_window": Field("f8", doc="pieces of work begun in the open window"),
    "squares": Field("f8", doc="sum over closed windows of the square of the work begun"),
    "member_squares": Field("f8", doc="the same of each member by itself, summed"),
    "population": Field("f4", doc="about how many accounts there are in all"),
    "tick_requests": Field("f8", doc="requests at its newest score"),
    "tick_time": Field("f8", -np.inf, doc="event time of its newest score, epoch seconds"),
    "last_score_row_time": Field("f8", -np.inf, doc="event time of its newest score row, epoch seconds", formerly=("scored_time",)),
    "last_score_row_nats": Field("f4", doc="extraction in its newest score row, nats", formerly=("scored",)),
    "last_evidence_row_nats": Field("f4", doc="evidence in its newest row for the cases stage, nats", formerly=("reported",)),
    "is_public_link": Field("u1", doc="1 where it is public, and ignored as a link", formerly=("common",)),
    "announced": Field("u1", doc="1 where its template was announced as shared"),
    "public_until": Field("f8", -np.inf, doc="until when its template was announced as public, epoch seconds"),
    "upgrade": Field("u8", doc="the stack that was last announced as this router's, a hash"),
    "best_extraction": Field("f4", doc="most evidence of extraction that it ever had, nats"),
    "best_routing": Field("f4", doc="most evidence of routing that it ever had, nats"),
}

_MEMBER_FIELDS = {
    "newest_counted_offset": Field(
        "f8", -1.0, doc="offset of the newest request block counted: rows that come again change nothing", formerly=("counted",)
    ),
    "requests": Field("f4", doc="requests in this group, halved every seven days"),
    "total": Field("f8", doc="requests in this group"),
    "work_items": Field("f8", doc="pieces of work begun in this group", formerly=("begun",)),
    "window": Field("f8", -np.inf, doc="number of the open window of ten minutes"),
    "in_window": Field("f4", doc="pieces of work begun in the open window"),
    "harvest_items": Field("f8", doc="pieces of work with an answer that is worth harvesting", formerly=("jobs",)),
    "output_tokens": Field("f8", doc="output tokens in this group"),
    "first": Field("f8", np.inf, doc="first request in this group, epoch seconds"),
    "last": Field("f8", -np.inf, doc="newest request in this group, epoch seconds"),
    **{
        name: Field("f8" if name in _TIMES else "f4", np.nan, doc="see `Members`", formerly=_FORMER_NAMES.get(name, ()))
        for name in NEWEST_NUMBERS
    },
    **{name: Field("u8", doc=f"its newest {name}, a hash") for name in (*LINKS, "router_next")},
    "next_accounts": Field("f4", doc="accounts of its partition whose router is `router_next`"),
    "prompt_sample": Field("u8", width=PROMPT_SHINGLES, doc="lowest hashes of its harvesting prompts", formerly=("fills",)),
    "evidence_shrunk": Field("f4", np.nan, labels=FAMILIES, doc="the account's own evidence by family, shrunk, nats", formerly=("own",)),
    "evidence_raw": Field("f4", np.nan, labels=FAMILIES, doc="the same before shrinkage, nats", formerly=("raw",)),
    "last_feedback_nats": Field("f4", doc="extraction that was last reported, nats", formerly=("told",)),
    "last_feedback_requests": Field("f8", doc="its requests in this group at that time", formerly=("told_requests",)),
    "best_extraction": Field("f4", doc="most evidence of extraction that it and two others of its group ever had, nats"),
}
