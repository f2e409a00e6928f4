"""Output rows of a group: a row of `scores`, rows of the shadow detectors, and a row of `evidence` above a minimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.evidence.calibration import Tail
from models.evidence.links import CASE_LINKS
from models.evidence.weighing import SUSPECT_NATS
from models.state.columns import Columns
from streams.schema import layouts
from streams.stages import shadow_detectors
from streams.stages.evidence_rows import EvidenceRows
from streams.stages.groups.outbox import GroupOutbox
from streams.stages.groups.scoring import GroupScore
from streams.stages.groups.state import GroupState
from streams.stages.reporting import EVIDENCE_ROW_FLOOR_NATS, SCORE_ROW_INTERVAL_SECONDS, SCORE_ROW_STEP_NATS
from streams.stages.shadow_detectors import ShadowDetectors


def report_group(state: GroupState, score: GroupScore, shadow: ShadowDetectors, offset: int, outbox: GroupOutbox) -> None:
    """Add a group's rows that are due to the outbox, record the time of output, and score routers with the shadow detectors."""
    row = _row(state, score)
    if _score_row_is_due(state.table, score):
        _record_score_row(state.table, score)
        columns = row.columns()
        outbox.scores.append({name: columns[name] for name in layouts.SCORES.columns})
        if state.name(score.group).kind == "router":
            _score_router_in_shadow(state, score, shadow, offset, outbox)
    strength, reported = max(score.extraction, score.routing), float(state.table["last_evidence_row_nats"][score.group])
    if max(strength, reported) >= EVIDENCE_ROW_FLOOR_NATS:  # also once below, so that the cases read that it fell
        state.table["last_evidence_row_nats"][score.group] = strength
        outbox.evidence.append(replace(row, false_alerts=ordinary_tail(state.table).false_alerts(np.array([score.extraction]))))


def ordinary_tail(table: Columns) -> Tail:
    """Return the tail of what ordinary groups of this partition score: those that were scored, are not public and not suspect.

    table: groups. A group votes with the score of its newest row; with few groups the tail has no fit.
    """
    may_vote = np.isfinite(table["last_score_row_time"]) & (table["is_public_link"] == 0) & (table["last_score_row_nats"] < SUSPECT_NATS)
    tail = Tail()
    tail.recount(tail.ballots(table["last_score_row_nats"], may_vote), np.ones(len(may_vote)))
    return tail


def _row(state: GroupState, score: GroupScore) -> EvidenceRows:
    """Return the row of a group, its rarity among ordinary groups unknown."""
    kind, name = state.name(score.group)
    table, members = state.table, score.members
    unknown = np.full((1, len(score.values)), np.nan)
    return EvidenceRows(
        time=np.array([members.now]),
        entity_kind=[kind],
        entity_id=[name],
        account_id=[None],
        accounts=np.array([float(members.accounts)]),
        common=np.array([float(score.is_public)]),
        population=np.array([float(table["population"][score.group])]),
        requests=np.array([float(table["requests"][score.group])]),
        output_tokens=np.array([members.whole.output_tokens if members.whole else float(members.output_tokens.sum())]),
        first=np.array([members.whole.began if members.whole else float(members.first.min())]),
        extraction=np.array([score.extraction]),
        rule=[score.rule.name if score.rule else None],
        question=[score.question.word],
        routing=np.array([score.routing]),
        handed_over=np.array([np.nan]),
        false_alerts=np.array([np.nan]),
        families=score.families[None],
        counted=np.full((1, len(score.families)), np.nan),
        features=score.values[None],
        nats=score.nats[None],
        usual_low=unknown,
        usual_high=unknown,
        links={link: np.array([_shared_by_all(members.links[link])], np.uint64) for link in CASE_LINKS},
    )


def _score_row_is_due(table: Columns, score: GroupScore) -> bool:
    """Return whether evidence moved or enough time passed since the last score row."""
    moved = abs(score.extraction - float(table["last_score_row_nats"][score.group])) >= SCORE_ROW_STEP_NATS
    return moved or score.members.now - float(table["last_score_row_time"][score.group]) >= SCORE_ROW_INTERVAL_SECONDS


def _record_score_row(table: Columns, score: GroupScore) -> None:
    """Record a score row as the group's last."""
    table["last_score_row_nats"][score.group], table["last_score_row_time"][score.group] = score.extraction, score.members.now


def _score_router_in_shadow(state: GroupState, score: GroupScore, shadow: ShadowDetectors, offset: int, outbox: GroupOutbox) -> None:
    """Score a router with the shadow detectors, which then learn from it if it is below EVIDENCE_ROW_FLOOR_NATS: a reference for others."""
    calm = np.array([score.extraction < EVIDENCE_ROW_FLOOR_NATS])
    kind, name = state.name(score.group)
    slot, router = np.array([score.group]), np.array([int(name, 16)], np.uint64)
    scores = shadow.score_then_learn(state.table, slot, router, score.values[None], calm, offset)
    rows = shadow_detectors.rows_of(scores, np.array([score.members.now]), [kind], [name])
    if rows is not None:
        outbox.shadow.append(rows)


def _shared_by_all(values: NDArray[np.uint64]) -> int:
    """Return the value that all members have, else 0. values: (members,)."""
    return int(values[0]) if len(values) and (values == values[0]).all() else 0
