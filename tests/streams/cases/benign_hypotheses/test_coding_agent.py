from __future__ import annotations

from streams.cases.benign_hypotheses.coding_agent import hypothesis
from streams.cases.hypothesis import Facts


def test_single_questions_are_not_a_session() -> None:
    fits, because = hypothesis.ask(
        Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 1.0}, features={"single_question": 0.9})
    )
    assert fits is False
    assert because.startswith("90% of the requests are single questions; ")


def test_where_turns_are_not_logged_it_cannot_be_told() -> None:
    assert hypothesis.ask(Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 1.0}, features={})) == (
        None,
        "turns are not logged; content has 1.0 nats",
    )
