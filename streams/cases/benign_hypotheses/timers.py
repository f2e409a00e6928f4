"""Benign hypothesis `timers`: strangers run one script by a timer, each as often as its author proposed."""

from __future__ import annotations

from typing import Final

from streams.cases.benign_hypotheses.equal_quotas import answer, needs
from streams.cases.hypothesis import BenignHypothesis, Facts

STRANGERS_LACK: Final = ("cohort", "payment", "network")
"""Families that strangers with one script do not show: they join, pay and connect apart."""

hypothesis = BenignHypothesis(
    name="timers of one script",
    needs=needs(STRANGERS_LACK),
    order=46,
    ask=lambda facts: answer(facts, STRANGERS_LACK),
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
