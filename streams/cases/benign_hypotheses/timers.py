"""Benign hypothesis `timers`: strangers run one script by a timer, each as often as its author proposed."""

from __future__ import annotations

import math
from typing import Final

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.benign_hypotheses.equal_quotas import HEAVY, MIN_EQUALITY_SHARE
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts, fits_unless

STRANGERS_LACK: Final = ("cohort", "payment", "network")
"""Families that strangers with one script do not show: they join, pay and connect apart."""
_LACK: Final = (*STRANGERS_LACK, HEAVY)


def _ask(facts: Facts) -> Answer:
    equality, clause = facts.share("requests are equal by {}", "how equal requests are is unknown", "quota_equality")
    together = facts.alone or any(facts.nats(family) >= MIN_EVIDENCE_NATS for family in _LACK)
    fits = fits_unless(unknown=math.isnan(equality) and not together, fits=equality >= MIN_EQUALITY_SHARE and not together)
    return fits, f"{clause}, {', '.join(map(facts.nats_clause, _LACK))}"


hypothesis = BenignHypothesis(
    name="timers of one script",
    needs=f"accounts that ask equally often ({MIN_EQUALITY_SHARE:.0%} or more), and less than {MIN_EVIDENCE_NATS:g} nats "
    f"of {', '.join(_LACK)} each",
    order=46,
    ask=_ask,
    tellable=False,
    example=Facts(
        alone=False,
        accounts=50,
        organizations=50,
        cards=50,
        families={"content": 7.0, "evenness": 7.0, "timing": 3.0},
        features={"quota_equality": 0.96},
    ),
)
