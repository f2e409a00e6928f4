"""Output rows of a group's members: a row of `evidence` for each suspect, and feedback for the suspect's own partition."""

from __future__ import annotations

import numpy as np

from models.evidence import additive, weighing
from models.evidence.links import CASE_LINKS
from models.evidence.questions import Question
from models.state.columns import Slots
from streams.stages.evidence_rows import EvidenceRows
from streams.stages.groups.model_inputs import by_family
from streams.stages.groups.outbox import GroupOutbox
from streams.stages.groups.scoring import GroupScore
from streams.stages.groups.state import GroupState
from streams.stages.reporting import SUSPECT_SECONDS

MEMBER_STEP_NATS = 1.0
"""Change of a member's evidence from which it is reported again."""
MEMBER_GROWTH_SHARE = 0.05
"""Growth of a member's requests from which it is reported again."""


def report_members(state: GroupState, score: GroupScore, slots: Slots, outbox: GroupOutbox) -> None:
    """Add the rows of suspect members that moved or grew to the outbox, and record what was reported. slots: of those that were judged."""
    table = state.members
    families, extraction, rules = score.attributed, score.judgement.nats, score.judgement.names()
    counting = np.minimum(extraction, score.extraction)  # as for an alert: with as much as several of the group have
    table["best_extraction"][slots] = np.maximum(table["best_extraction"][slots], counting)
    suspect = extraction >= weighing.SUSPECT_NATS
    reported = table["last_feedback_nats"][slots]
    moved = np.abs(extraction - reported) >= MEMBER_STEP_NATS
    grown = table["total"][slots] >= table["last_feedback_requests"][slots] * (1 + MEMBER_GROWTH_SHARE)
    rows = np.flatnonzero((suspect | (reported >= weighing.SUSPECT_NATS)) & (moved | grown))
    if not len(rows):
        return
    table["last_feedback_nats"][slots[rows]], table["last_feedback_requests"][slots[rows]] = extraction[rows], table["total"][slots[rows]]
    members, (kind, name) = score.members, state.name(score.group)
    accounts = state.accounts(slots[rows])
    until = members.now + SUSPECT_SECONDS
    outbox.suspects.update((account, until) for account, is_suspect in zip(accounts, suspect[rows], strict=True) if is_suspect)
    counted = by_family(additive.trained().contributions(score.model_inputs[rows]), families[rows])
    counted[score.limits[rows] == Question.DISAGREEMENT] = np.nan  # the rules add the families up as measured
    unknown = np.full((len(rows), len(score.values)), np.nan, np.float32)
    outbox.evidence.append(
        EvidenceRows(
            time=members.last[rows],
            entity_kind=[kind] * len(rows),
            entity_id=[name] * len(rows),
            account_id=accounts,
            accounts=np.full(len(rows), float(members.accounts)),
            common=np.zeros(len(rows)),
            population=np.full(len(rows), float(state.table["population"][score.group])),
            requests=members.total[rows],
            output_tokens=members.output_tokens[rows],
            first=members.first[rows],
            extraction=extraction[rows],
            rule=[rules[row] for row in rows.tolist()],
            question=[Question(limit).word for limit in score.limits[rows].tolist()],
            routing=weighing.routing(families)[rows],
            handed_over=score.handed_over[rows].astype(np.float32),
            false_alerts=np.full(len(rows), np.nan),
            families=families[rows],
            counted=counted,
            features=unknown,
            nats=unknown,
            usual_low=unknown,
            usual_high=unknown,
            links={link: members.links[link][rows] for link in CASE_LINKS},
        )
    )
