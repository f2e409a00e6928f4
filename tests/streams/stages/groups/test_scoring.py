"""Where the rules and the trained judgement disagree about a group, its members are a question."""

from __future__ import annotations

import numpy as np
import pytest

from models.durations import DAY
from models.evidence.additive import Additive
from models.evidence.questions import Question
from models.evidence.weighing import SUSPECT_NATS
from streams.features.members import Members
from streams.features.registry import features
from streams.stages.groups import scoring
from streams.stages.groups.model_inputs import INPUT_NAMES
from streams.testing.feature_trial import START_SECONDS, members_of

TREES = ("root", "root_threshold", "root_unknown", "branch", "branch_threshold", "branch_unknown", "leaves")


def judgement_of(nats: float) -> Additive:
    """A judgement of so many nats, whatever it reads."""
    return Additive.of({"inputs": INPUT_NAMES, "base": nats, "offset": 0.0, "scale": 1.0, "trees": dict.fromkeys(TREES, ())})


def pool(begun: list[float], **cells: float) -> Members:
    """Two-day-old accounts that do nothing but fill in one template, each having begun so many pieces of work in a day.

    cells: Of other columns, or in the place of these.
    """
    usual: dict[str, float | list[float]] = {
        "work_items": begun,
        "harvest_items": begun,
        "total": 25.0,
        "requests": 25.0,
        "output_tokens": 10_000.0,
        "single_turn": 1.0,
        "content": 7.0,
        "template": 9,
        "template_rarity": 6.0,
        "template_share": 1.0,
        "harvest_share": 1.0,
        "job_share": 1.0,
        "first": START_SECONDS - DAY,
        "account_first": START_SECONDS - DAY,
        "last": START_SECONDS,
        "created": START_SECONDS - 2 * DAY,
        "age_rank": 0.01,
    }
    return members_of("template", START_SECONDS, **(usual | cells))


EVEN, UNEVEN = [20.0] * 30, np.geomspace(2.0, 400.0, 30).tolist()


@pytest.mark.parametrize(("trained", "nats"), [(-5.0, SUSPECT_NATS), (9.0, SUSPECT_NATS), (10.0, 10.0), (15.0, 15.0)])
def test_what_only_a_rule_finds_is_a_question_and_what_the_judgement_finds_is_its_own(trained: float, nats: float) -> None:
    score = scoring.score(0, pool(EVEN), features("group"), 10_000.0, judgement_of(trained))
    assert score.rule is not None
    assert (score.extraction, set(score.judgement.nats.tolist())) == (nats, {nats})
    asked = Question.DISAGREEMENT if trained < SUSPECT_NATS else Question.NONE
    assert (score.question, {*score.limits.tolist()}) == (asked, {asked})


def test_where_no_rule_holds_the_judgement_alone_decides() -> None:
    score = scoring.score(0, pool(UNEVEN), features("group"), 10_000.0, judgement_of(-5.0))
    assert score.rule is None
    assert score.extraction == -5.0
    assert not score.limits.any()


@pytest.mark.parametrize(
    ("cells", "question"),
    [
        ({"content": -0.4}, Question.NO_PURPOSE),
        ({"work_items": 0.0, "account_work_items": 5.0}, Question.NO_PART),
        ({"router_since": START_SECONDS - 3600, "created": START_SECONDS - 400 * DAY}, Question.HANDED_OVER),
    ],
)
def test_an_account_that_shows_too_little_itself_is_a_question_and_the_score_says_why(cells: dict[str, float], question: Question) -> None:
    score = scoring.score(0, pool(UNEVEN, **cells), features("group"), 10_000.0, judgement_of(20.0))
    assert ({*score.limits.tolist()}, {*score.judgement.nats.tolist()}) == ({question}, {SUSPECT_NATS})
