"""Benign hypothesis `equal_quotas`: staff with a quota, or timers of one script, ask equally often without a dispatcher."""

from __future__ import annotations

import math
from typing import Final

from models.evidence.families import FAMILIES
from models.evidence.weighing import MIN_EVIDENCE_NATS, OPERATION
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts, fits_unless

MIN_EQUALITY_SHARE: Final = 0.9
"""Feature `quota_equality` from which accounts ask equally often, as clerks and timers do in the worlds of several authors."""
HEAVY: Final = "volume"
"""Family of which staff and timers show as little as others do: a quota, or a timer, is no harvest of thousands."""
STAFF_LACK: Final = (*(FAMILIES[family] for family in OPERATION), HEAVY)
"""Families that staff with a quota do not show: they work at people's times, from their own networks."""


def _ask(facts: Facts) -> Answer:
    equality, clause = facts.share("requests are equal by {}", "how equal requests are is unknown", "quota_equality")
    operated = facts.alone or any(facts.nats(family) >= MIN_EVIDENCE_NATS for family in STAFF_LACK)
    fits = fits_unless(unknown=math.isnan(equality) and not operated, fits=equality >= MIN_EQUALITY_SHARE and not operated)
    return fits, f"{clause}, {', '.join(map(facts.nats_clause, STAFF_LACK))}"


hypothesis = BenignHypothesis(
    name="staff with equal quotas",
    needs=f"accounts that ask equally often ({MIN_EQUALITY_SHARE:.0%} or more), and less than {MIN_EVIDENCE_NATS:g} nats "
    f"of {', '.join(STAFF_LACK)} each",
    order=47,
    ask=_ask,
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
