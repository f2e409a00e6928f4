"""The groups stage: accounts that share a router, a card or a template are scored as one entity, so weak evidence of many adds up.

groups block -> counting -> (groups that are due) scoring -> rows for scores and evidence, of the group and of its members -> feedback
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from models.evidence.families import FAMILIES
from models.state.columns import Slots
from streams.core.errors import BlockLayoutError
from streams.features.group import evenness
from streams.features.members import Members
from streams.features.registry import features
from streams.schema import blocks, layouts, topics
from streams.schema.blocks import Block
from streams.stages import erasures
from streams.stages.chunks import Chunks
from streams.stages.erased_accounts import ErasedAccounts
from streams.stages.groups import scoring
from streams.stages.groups.announcements import announce_public, announce_template, announce_upgrade
from streams.stages.groups.counting import count
from streams.stages.groups.group_rows import report_group
from streams.stages.groups.member_rows import report_members
from streams.stages.groups.outbox import GroupOutbox
from streams.stages.groups.state import MAX_GROUP_MEMBERS, GroupState
from streams.stages.shadow_detectors import ShadowDetectors
from streams.stages.stage import Message

MAX_TOGETHER_MEMBERS = 4_096
"""Members of the groups whose columns are in memory at once."""


class Groups:
    """The groups of one partition of `groups`."""

    def __init__(self, partition: int, partitions: int, seal_key: bytes, max_group_members: int = MAX_GROUP_MEMBERS) -> None:
        """Start empty.

        Args:
            partition: Number of this partition, from 0.
            partitions: Number of partitions of `groups` and of `requests`.
            seal_key: Key that signs the stored shadow models, and hashes the accounts that were erased, at least 16 bytes.
            max_group_members: Accounts that are counted in one group.
        """
        self.features = features("group")
        self._names = {"features": [feature.name() for feature in self.features], "families": list(FAMILIES)}
        self.shadow = ShadowDetectors("groups", self.features, seal_key)
        self.state = GroupState(partition, partitions, self.shadow.fields, max_group_members)
        self.table = self.state.table
        self.members = self.state.members
        self.erased = ErasedAccounts(seal_key)
        self.chunks = Chunks((self.table, self.members, self.erased.table), self.shadow)
        self._counts = {"rows": 0.0, "repeated": 0.0, "group_ticks": 0.0, "left_out": 0.0}

    def apply(self, value: bytes | Block, offset: int) -> list[Message]:
        """Count a block of `groups` and return the resulting messages.

        Raises:
            BlockLayoutError: Before anything changed, if the block cannot be decoded.
        """
        return self.apply_blocks([(self.read(value), offset)])

    def read(self, value: bytes | Block) -> Block:
        """Decode a block of `groups`, or erasures. Raises BlockLayoutError if it is neither, or has a group of another partition.

        A signature does not say for which partition a record is: sent again to another one, a block would begin its groups there anew.
        """
        block = blocks.decode(value, layouts.GROUPS, layouts.ERASURES)
        if block.layout is layouts.GROUPS and not self.state.is_home_of(block):
            raise BlockLayoutError("a block has a group of another partition")
        return block

    def apply_blocks(self, gathered: Sequence[tuple[Block, int]]) -> list[Message]:
        """Count blocks one after another, then score each of their groups that is due once, and return the resulting messages."""
        messages: list[Message] = []
        counted: dict[int, None] = {}
        upgraded: dict[int, None] = {}
        for block, offset in gathered:
            if block.layout is layouts.ERASURES:  # what was counted before it is sent before it
                messages += [*self._report(counted, upgraded, offset), *self._erase(block, offset)]
                counted, upgraded = {}, {}
            else:
                changed, changing = self._count(block, offset)
                counted |= dict.fromkeys(changed.tolist())
                upgraded |= dict.fromkeys(changing.tolist())
        return messages + self._report(counted, upgraded, gathered[-1][1] if gathered else 0)

    def _count(self, block: Block, offset: int) -> tuple[Slots, Slots]:
        """Count one block, and return its groups, and those of them with members that show a new stack."""
        none = np.zeros(0, np.int64)
        block = self.erased.without(block)
        if not len(block):
            return none, none
        block, groups, slots = self._not_counted_yet(*self._with_room(block, *self.state.intern(block)))
        if not len(block):
            return none, none
        count(self.state, block, groups, slots)
        self.members.touch(slots, offset)
        self.table.touch(groups, offset)
        return np.unique(groups), np.unique(groups[block.hashes("router_next") != 0])

    def _report(self, counted: Iterable[int], upgraded: Iterable[int], offset: int) -> list[Message]:
        """Score the groups that are due, and return what is to be sent of them. offset: of the last block that they contain."""
        groups = np.array(sorted(counted), np.int64)
        if not len(groups):
            return []
        outbox = GroupOutbox()
        for group in sorted(upgraded):
            announce_upgrade(self.state, group, outbox)
        for together in self._together(scoring.due(self.state, groups).tolist()):
            views = [self.view(group) for group in together]
            evenness.compare(views)
            for group, members in zip(together, views, strict=True):
                self._score(group, members, offset, outbox)
        self.state.expire(offset, safe_offset=min(self.dirty().values(), default=offset))
        if len(self.erased.table):  # the newest time is a look at every group
            self.erased.expire(float(self.table["clock"].max()), offset)
        return outbox.messages(self.state, self._names)

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks to write, with the offset of the first change of each."""
        return self.chunks.dirty()

    def dump(self, chunk: str) -> bytes:
        """Return one chunk as bytes; it is clean afterwards."""
        return self.chunks.dump(chunk)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Load stored chunks; the members of each group are rebuilt from the members' keys."""
        self.chunks.load(chunks)
        self.state.reload()

    def counters(self) -> Mapping[str, float]:
        """Return the counts since the stage was made, and the size of its state."""
        size = {"groups": len(self.table), "members": len(self.members), "state_bytes": self.chunks.nbytes}
        return {**self._counts, **size, "newest": float(self.table["clock"].max()), "cold_chunks": self.chunks.unreadable_chunks}

    def view(self, group: int) -> Members:
        """Return a group's members, as its features need them. group: slot of the group."""
        return self.state.view(group)

    def _with_room(self, block: Block, groups: Slots, slots: Slots) -> tuple[Block, Slots, Slots]:
        """Return the rows whose members have a slot."""
        if (slots >= 0).all():
            return block, groups, slots
        self._counts["left_out"] += float((slots < 0).sum())
        kept = np.flatnonzero(slots >= 0)
        return block.take(kept), groups[kept], slots[kept]

    def _erase(self, block: Block, offset: int) -> list[Message]:
        """Remove accounts from their groups, and hand the erasures on to the cases, after every row of theirs that was sent before."""
        partition, messages = self.state.partition, []
        for erasure in erasures.read(block):
            removed = self.state.erase(erasure.account, erasure.time, offset)
            self.erased.add(erasure.account, erasure.time, offset)
            messages.append(erasures.report(erasure, topics.GROUPS_AGENT, partition, removed))
        return [*messages, Message(topics.EVIDENCE, 0, erasures.handed_on(block, partition))]

    def _not_counted_yet(self, block: Block, groups: Slots, slots: Slots) -> tuple[Block, Slots, Slots]:
        """Return the rows that their members do not contain yet: after a crash rows are repeated."""
        new = block.numbers("offset") > self.members["newest_counted_offset"][slots]
        self._counts["rows"] += float(new.sum())
        self._counts["repeated"] += float((~new).sum())
        if new.all():
            return block, groups, slots
        kept = np.flatnonzero(new)
        return block.take(kept), groups[kept], slots[kept]

    def _together(self, groups: Sequence[int]) -> Iterator[list[int]]:
        """Yield groups in batches of at most MAX_TOGETHER_MEMBERS members, or of one group."""
        batch, members = list[int](), 0
        for group in groups:
            size = min(self.state.size(group), MAX_TOGETHER_MEMBERS)
            if batch and members + size > MAX_TOGETHER_MEMBERS:
                yield batch
                batch, members = [], 0
            batch.append(group)
            members += size
        if batch:
            yield batch

    def _score(self, group: int, members: Members, offset: int, outbox: GroupOutbox) -> None:
        """Score a group, and add its rows and those of its members to the outbox."""
        self._counts["group_ticks"] += 1
        is_sampled = group in self.state.samples
        slots = self.state.samples.take_turns(group) if is_sampled else self.state.slots(group)
        judged = self.state.view_of(group, slots) if is_sampled else members
        score = scoring.score(group, members, self.features, float(self.table["population"][group]), judged=judged)
        scoring.record(self.table, score)
        report_group(self.state, score, self.shadow, offset, outbox)
        announce_template(self.state, group, outbox)
        announce_public(self.state, group, outbox)
        if not score.is_public:
            report_members(self.state, score, slots, outbox)
            if is_sampled:
                self.state.samples.lead(group, slots, score.judgement.nats)
