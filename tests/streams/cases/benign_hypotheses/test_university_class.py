from __future__ import annotations

from streams.cases.benign_hypotheses.university_class import hypothesis
from streams.cases.hypothesis import Facts


def test_several_payers_are_not_one_school() -> None:
    facts = Facts(alone=False, accounts=60, organizations=2, cards=1, families={"cohort": 6.0}, features={})
    assert hypothesis.ask(facts) == (False, "cohort has 6.0 nats on average, evenness has 0.0 nats on average, 2 organisations pay")
