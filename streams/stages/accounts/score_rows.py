"""Output rows of an account: a row of `scores`, rows of the shadow detectors, and a row of `evidence` above a minimum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.evidence.calibration import NO_VOTE
from models.evidence.families import FAMILIES
from models.evidence.links import CASE_LINKS
from models.state.columns import Slots
from streams.features.declaration import Feature
from streams.schema import layouts, topics
from streams.schema.blocks import BlockColumns
from streams.stages import shadow_detectors
from streams.stages.accounts.scoring import Scores
from streams.stages.accounts.state import AccountState
from streams.stages.accounts.votes import Votes
from streams.stages.attribution import came_from_elsewhere
from streams.stages.reporting import EVIDENCE_ROW_FLOOR_NATS, SCORE_ROW_INTERVAL_SECONDS, SCORE_ROW_STEP_NATS
from streams.stages.shadow_detectors import ShadowDetectors
from streams.stages.stage import Message


class ScoreRows:
    """Writes the rows of `scores`, `shadow` and `evidence` of one partition's accounts."""

    def __init__(self, state: AccountState, votes: Votes, shadow: ShadowDetectors, features: Sequence[type[Feature]]) -> None:
        """Write rows from these parts of the partition's state."""
        self._state, self._votes, self._shadow = state, votes, shadow
        self._names = {"features": [feature.name() for feature in features], "families": list(FAMILIES)}

    def take(self, scores: Scores) -> list[Message]:
        """Return the score rows that are due, recording the time of output, and the evidence rows."""
        return self._take_scores(scores) + self._evidence(scores)

    def _take_scores(self, scores: Scores) -> list[Message]:
        table, partition = self._state.table, self._state.partition
        waited = table["clock"][scores.slots] - table["scored_time"][scores.slots] >= SCORE_ROW_INTERVAL_SECONDS
        moved = np.abs(scores.extraction - table["scored"][scores.slots]) >= SCORE_ROW_STEP_NATS
        due = np.flatnonzero(waited | moved)
        if not len(due):
            return []
        rows = scores.slots[due]
        table["scored_time"][rows], table["scored"][rows] = table["clock"][rows], scores.extraction[due]
        columns = self._common(rows) | {
            "extraction": scores.extraction[due],
            "routing": scores.routing[due],
            "families": table["own"][rows],
            "features": scores.values[due],
            "nats": scores.nats[due],
        }
        votes = table["votes"][rows, 0] != NO_VOTE
        looked = self._shadow.look(table, rows, np.zeros(len(rows), np.uint64), scores.values[due], votes, self._state.offset)
        shadow = shadow_detectors.rows_of(looked, table["clock"][rows], ["account"] * len(rows), self._state.ids(rows))
        messages = [Message(topics.SCORES, partition, block) for block in layouts.SCORES.blocks_within(columns, self._names)]
        return messages if shadow is None else [*messages, Message(topics.SHADOW, partition, layouts.SHADOW.block(shadow))]

    def _evidence(self, scores: Scores) -> list[Message]:
        strength, reported = np.maximum(scores.extraction, scores.routing), self._state.table["reported"][scores.slots]
        # also once below: who was told of it must hear that it fell
        strong = np.flatnonzero(np.maximum(strength, reported) >= EVIDENCE_ROW_FLOOR_NATS)
        if not len(strong):
            return []
        table, rows = self._state.table, scores.slots[strong]
        table["reported"][rows] = strength[strong]
        usual = np.broadcast_to(self._votes.reference.usual(), (len(rows), len(self._names["features"]), 2))
        columns = self._common(rows) | {
            "account_id": [None] * len(rows),
            "accounts": np.ones(len(rows)),
            "common": np.zeros(len(rows)),
            "population": np.full(len(rows), self._state.population),
            "output_tokens": table["output"][rows],
            "first": table["first"][rows],
            "extraction": scores.extraction[strong],
            "rule": [scores.rules[row] for row in strong.tolist()],
            "routing": scores.routing[strong],
            "handed_over": came_from_elsewhere(*(table[name][rows] for name in ("router_since", "first", "created"))).astype(np.float32),
            "false_alerts": self._votes.tail.false_alerts(scores.extraction[strong]),
            "families": table["own"][rows],
            "counted": np.full((len(rows), len(self._names["families"])), np.nan),
            "features": scores.values[strong],
            "nats": scores.nats[strong],
            "usual_low": usual[:, :, 0],
            "usual_high": usual[:, :, 1],
            **{link: table[link][rows] for link in CASE_LINKS},
        }
        return [Message(topics.EVIDENCE, 0, block) for block in layouts.EVIDENCE.blocks_within(columns, self._names)]

    def _common(self, rows: Slots) -> BlockColumns:
        return {
            "time": self._state.table["clock"][rows],
            "entity_kind": ["account"] * len(rows),
            "entity_id": self._state.ids(rows),
            "requests": self._state.table["requests"][rows],
        }
