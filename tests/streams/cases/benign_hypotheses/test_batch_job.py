from __future__ import annotations

from streams.cases.benign_hypotheses.batch_job import hypothesis
from streams.cases.hypothesis import Facts


def test_a_batch_that_asks_for_more_than_its_content_is_none() -> None:
    fits, because = hypothesis.ask(
        Facts(alone=True, accounts=1, organizations=1, cards=1, families={"timing": 4.0, "content": 3.0}, features={})
    )
    assert fits is False
    assert because == "there is one account; timing has 4.0 nats, content has 3.0 nats"
