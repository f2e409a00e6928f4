"""Output rows of an account: a row of `scores`, rows of the shadow detectors, and a row of `evidence` above a minimum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
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
from streams.stages.evidence_rows import EvidenceRows
from streams.stages.reporting import EVIDENCE_ROW_FLOOR_NATS, SCORE_ROW_INTERVAL_SECONDS, SCORE_ROW_STEP_NATS
from streams.stages.shadow_detectors import ShadowDetectors
from streams.stages.stage import Message

Positions = NDArray[np.intp]
"""Positions of accounts in `Scores`."""


class ScoreRows:
    """Writes the rows of `scores`, `shadow` and `evidence` of one partition's accounts."""

    def __init__(self, state: AccountState, votes: Votes, shadow: ShadowDetectors, features: Sequence[type[Feature]]) -> None:
        """Write rows from these parts of the partition's state."""
        self._state, self._votes, self._shadow = state, votes, shadow
        self._names = {"features": [feature.name() for feature in features], "families": list(FAMILIES)}

    def due(self, scores: Scores) -> Positions:
        """Return the positions of the accounts whose score rows are due: their evidence moved, or enough time passed, (due,)."""
        table = self._state.table
        waited = table["clock"][scores.slots] - table["last_score_row_time"][scores.slots] >= SCORE_ROW_INTERVAL_SECONDS
        moved = np.abs(scores.extraction - table["last_score_row_nats"][scores.slots]) >= SCORE_ROW_STEP_NATS
        return np.flatnonzero(waited | moved)

    def mark_sent(self, scores: Scores, due: Positions) -> None:
        """Record the score rows that were due, and the evidence rows, as the accounts' newest."""
        table, strong = self._state.table, self._strong(scores)
        rows = scores.slots[due]
        table["last_score_row_time"][rows], table["last_score_row_nats"][rows] = table["clock"][rows], scores.extraction[due]
        table["last_evidence_row_nats"][scores.slots[strong]] = _strength(scores)[strong]

    def scores(self, scores: Scores, due: Positions) -> list[Message]:
        """Return the score rows of these positions."""
        if not len(due):
            return []
        rows = scores.slots[due]
        columns = self._common(rows) | {
            "extraction": scores.extraction[due],
            "routing": scores.routing[due],
            "families": self._state.table["evidence_shrunk"][rows],
            "features": scores.values[due],
            "nats": scores.nats[due],
        }
        return [Message(topics.SCORES, self._state.partition, block) for block in layouts.SCORES.blocks_within(columns, self._names)]

    def shadow(self, scores: Scores, due: Positions) -> list[Message]:
        """Return what the shadow detectors say of the accounts at these positions; then they learn from them."""
        if not len(due):
            return []
        table, rows = self._state.table, scores.slots[due]
        votes = table["votes"][rows, 0] != NO_VOTE
        nats = self._shadow.score_then_learn(table, rows, np.zeros(len(rows), np.uint64), scores.values[due], votes, self._state.offset)
        columns = shadow_detectors.rows_of(nats, table["clock"][rows], ["account"] * len(rows), self._state.ids(rows))
        return [] if columns is None else [Message(topics.SHADOW, self._state.partition, layouts.SHADOW.block(columns))]

    def evidence(self, scores: Scores) -> list[Message]:
        """Return the evidence rows of the accounts with enough of it, and once of those that no longer have it."""
        strong = self._strong(scores)
        if not len(strong):
            return []
        table, rows = self._state.table, scores.slots[strong]
        usual = np.broadcast_to(self._votes.reference.usual(), (len(rows), len(self._names["features"]), 2))
        evidence = EvidenceRows(
            time=table["clock"][rows],
            entity_kind=["account"] * len(rows),
            entity_id=self._state.ids(rows),
            account_id=[None] * len(rows),
            accounts=np.ones(len(rows)),
            common=np.zeros(len(rows)),
            population=np.full(len(rows), self._state.population),
            requests=table["requests"][rows],
            output_tokens=table["output"][rows],
            first=table["first"][rows],
            extraction=scores.extraction[strong],
            rule=[scores.rules[row] for row in strong.tolist()],
            question=[None] * len(rows),
            routing=scores.routing[strong],
            handed_over=came_from_elsewhere(*(table[name][rows] for name in ("router_since", "first", "created"))).astype(np.float32),
            false_alerts=self._votes.tail.false_alerts(scores.extraction[strong]),
            families=table["evidence_shrunk"][rows],
            counted=np.full((len(rows), len(self._names["families"])), np.nan),
            features=scores.values[strong],
            nats=scores.nats[strong],
            usual_low=usual[:, :, 0],
            usual_high=usual[:, :, 1],
            links={link: table[link][rows] for link in CASE_LINKS},
        )
        return [Message(topics.EVIDENCE, 0, block) for block in layouts.EVIDENCE.blocks_within(evidence.columns(), self._names)]

    def _strong(self, scores: Scores) -> Positions:
        """Return the positions of the accounts that have an evidence row: also once below, so that the cases read that it fell."""
        reported = self._state.table["last_evidence_row_nats"][scores.slots]
        return np.flatnonzero(np.maximum(_strength(scores), reported) >= EVIDENCE_ROW_FLOOR_NATS)

    def _common(self, rows: Slots) -> BlockColumns:
        return {
            "time": self._state.table["clock"][rows],
            "entity_kind": ["account"] * len(rows),
            "entity_id": self._state.ids(rows),
            "requests": self._state.table["requests"][rows],
        }


def _strength(scores: Scores) -> Floats:
    """Return each account's evidence of either behaviour, whichever is more, nats, (accounts,)."""
    return np.maximum(scores.extraction, scores.routing)
