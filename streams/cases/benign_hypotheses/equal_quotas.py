"""Benign hypothesis `equal_quotas`: staff with a quota ask equally often although no dispatcher deals out their work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from models.evidence.families import FAMILIES
from models.evidence.weighing import MIN_EVIDENCE_NATS, OPERATION
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts, fits_unless

MIN_EQUALITY_SHARE: Final = 0.9
"""Feature `quota_equality` from which accounts ask equally often, as clerks and timers do in the worlds of several authors."""
STAFF_LACK: Final = tuple(FAMILIES[family] for family in OPERATION)
"""Families that staff with a quota do not show: they work at people's times, from their own networks."""
_HEAVY: Final = "volume"
"""Family of which equal quotas show as little as others do: a quota, or a timer, is no harvest of thousands."""


def needs(lacking: Sequence[str]) -> str:
    """Return what equal quotas need, as a clause. lacking: families that those who have them do not show."""
    families = ", ".join((*lacking, _HEAVY))
    return (
        f"accounts that ask equally often ({MIN_EQUALITY_SHARE:.0%} or more), and less than {MIN_EVIDENCE_NATS:g} nats of {families} each"
    )


def answer(facts: Facts, lacking: Sequence[str]) -> Answer:
    """Return whether equal quotas explain the evidence, and what was found. lacking: families that those who have them do not show."""
    families = (*lacking, _HEAVY)
    equality, clause = facts.share("requests are equal by {}", "how equal requests are is unknown", "quota_equality")
    refuted = facts.alone or any(facts.nats(family) >= MIN_EVIDENCE_NATS for family in families)
    fits = fits_unless(unknown=math.isnan(equality) and not refuted, fits=equality >= MIN_EQUALITY_SHARE and not refuted)
    return fits, f"{clause}, {', '.join(map(facts.nats_clause, families))}"


hypothesis = BenignHypothesis(
    name="staff with equal quotas",
    needs=needs(STAFF_LACK),
    order=47,
    ask=lambda facts: answer(facts, STAFF_LACK),
    tellable=False,
    example=Facts(
        alone=False,
        accounts=24,
        organizations=24,
        cards=2,
        families={"content": 7.0, "evenness": 7.0, "payment": 6.0, "timing": 0.4, "network": 0.1},
        features={"quota_equality": 0.95},
    ),
)
