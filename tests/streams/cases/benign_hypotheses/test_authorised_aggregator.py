from __future__ import annotations

import math

from streams.cases.benign_hypotheses.authorised_aggregator import hypothesis
from streams.cases.hypothesis import Facts


def test_without_permission_it_is_known_by_the_users_that_it_names() -> None:
    users = {"end_users": math.log1p(250)}
    facts = Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 0.5}, features=users, routing=5.0)
    assert hypothesis.ask(facts) == (True, "no permission is on file; 250 end users a day are named; content has 0.5 nats")
