from __future__ import annotations

from streams.cases.benign_hypotheses.launch_day import hypothesis
from streams.cases.hypothesis import Facts


def test_the_strongest_link_denies_that_they_are_strangers() -> None:
    fits, because = hypothesis.ask(
        Facts(alone=False, accounts=90, organizations=1, cards=1, families={"cohort": 1.0, "payment": 2.0}, features={})
    )
    assert fits is False
    assert because.endswith("what links the accounts has 2.0 nats at most, content has 0.0 nats on average")
