"""Messages of the groups of one block: rows of scores, shadow and evidence, and feedback for the accounts' partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from streams.schema import layouts, topics
from streams.schema.blocks import BlockColumns
from streams.schema.layouts import FeedbackRow
from streams.stages.evidence_rows import EvidenceRows
from streams.stages.groups.state import GroupState
from streams.stages.stage import Message


@dataclass
class GroupOutbox:
    """Rows by topic."""

    scores: list[BlockColumns] = field(default_factory=list)
    evidence: list[EvidenceRows] = field(default_factory=list)
    shadow: list[BlockColumns] = field(default_factory=list)
    templates: list[int] = field(default_factory=list)
    """Templates that several accounts share."""
    upgrades: list[FeedbackRow] = field(default_factory=list)
    """New stacks to which a router's accounts changed."""
    public: list[FeedbackRow] = field(default_factory=list)
    """Templates that link no accounts, until when."""
    suspects: dict[str, float] = field(default_factory=dict)
    """End of the suspicion in epoch seconds, by account id."""

    def messages(self, state: GroupState, names: Mapping[str, Sequence[str]]) -> list[Message]:
        """Return a message for each topic and partition, several where one would be too large.

        names: names of the positions of each vector.
        """
        messages = []
        for topic, home, layout, parts in (
            (topics.SCORES, state.partition, layouts.SCORES, self.scores),
            (topics.EVIDENCE, 0, layouts.EVIDENCE, [rows.columns() for rows in self.evidence]),
            (topics.SHADOW, state.partition, layouts.SHADOW, self.shadow),
        ):
            if parts:
                rows = layout.blocks_within(_stacked(parts), names if layout is not layouts.SHADOW else None)
                messages += [Message(topic, home, block) for block in rows]
        for home in range(state.partitions):
            feedback = self._feedback(home, state.partitions)
            if feedback:
                columns = dict(zip(layouts.FEEDBACK.columns, map(list, zip(*feedback, strict=True)), strict=True))
                messages += [Message(topics.FEEDBACK, home, block) for block in layouts.FEEDBACK.blocks_within(columns)]
        return messages

    def _feedback(self, home: int, partitions: int) -> list[FeedbackRow]:
        """Return the rows of `feedback` for one partition of accounts: its own suspects, and the announcements to all partitions."""
        suspects = ((account, until) for account, until in self.suspects.items() if topics.partition_of(account, partitions) == home)
        return [
            *(FeedbackRow(account_id=account, until=until) for account, until in suspects),
            *(FeedbackRow(template=template) for template in self.templates),
            *self.upgrades,
            *self.public,
        ]


def _stacked(parts: list[BlockColumns]) -> BlockColumns:
    """Return the columns of several parts as one."""
    first = parts[0]
    return {
        name: [value for part in parts for value in part[name]]
        if isinstance(first[name], list)
        else np.concatenate([part[name] for part in parts])
        for name in first
    }
