"""What every benign hypothesis keeps to. The suite finds hypotheses and their tests by itself: a new file needs no change here."""

from __future__ import annotations

import math
import pkgutil
import re
from pathlib import Path

import pytest

import streams.cases.benign_hypotheses
from streams.cases.hypothesis import BenignHypothesis, Facts, consider, hypotheses
from streams.schema.cases import Hypothesis

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(module.name for module in pkgutil.iter_modules(streams.cases.benign_hypotheses.__path__))
HYDRA = Facts(
    alone=False,
    accounts=200,
    organizations=200,
    cards=11,
    families={"content": 7.0, "evenness": 7.0, "cohort": 7.0, "payment": 7.0, "timing": 3.0, "volume": 2.5, "network": 5.0},
    features={"single_question": 0.8},
    routing=11.0,
)
UNKNOWN = Facts(alone=False, accounts=0, organizations=0, cards=0, families={}, features={"known_corpus": math.nan})

each_hypothesis = pytest.mark.parametrize("hypothesis", hypotheses().values(), ids=lambda hypothesis: hypothesis.name)


@pytest.mark.parametrize("name", FILES)
def test_a_hypothesis_has_its_own_test(name: str) -> None:
    path = ROOT / "tests" / "streams" / "cases" / "benign_hypotheses" / f"test_{name}.py"
    assert path.is_file(), f"{name} needs {path.relative_to(ROOT)}"
    assert "def test_" in path.read_text(encoding="utf-8"), f"{path.relative_to(ROOT)} tests nothing"


@each_hypothesis
def test_what_a_hypothesis_says_is_its_own(hypothesis: BenignHypothesis) -> None:
    _, said = hypothesis.ask(hypothesis.example)
    words = said + hypothesis.needs
    assert "say here" not in words, f"{hypothesis.name} still has the words of its template"


def test_every_file_is_asked_and_no_name_or_place_is_taken_twice() -> None:
    assert len(hypotheses()) == len(FILES)
    assert len({hypothesis.order for hypothesis in hypotheses().values()}) == len(FILES)


def test_a_case_carries_every_answer_in_its_order() -> None:
    answers = consider(HYDRA)
    assert [answer.hypothesis for answer in answers] == list(hypotheses())
    because = (
        "Would need: one organisation, and prompts of a public corpus or little evidence of content; found: 200 organisations pay; "
        "no prompt was compared with a public corpus; content has 7.0 nats on average; so it does not fit."
    )
    assert answers[0] == Hypothesis(hypothesis="evaluation harness", fits=False, because=because)


@each_hypothesis
def test_every_answer_says_what_would_be_needed_what_was_found_and_what_follows(hypothesis: BenignHypothesis) -> None:
    found = {answer.hypothesis: answer for answer in consider(HYDRA)}[hypothesis.name]
    follows = "so it does not fit." if found.fits is False else "so whether it fits cannot be told."
    assert re.fullmatch(f"Would need: .+; found: .+; {re.escape(follows)}", found.because)


@each_hypothesis
def test_it_fits_its_own_example(hypothesis: BenignHypothesis) -> None:
    fits, because = hypothesis.ask(hypothesis.example)
    assert fits, because


@each_hypothesis
def test_it_does_not_fit_a_hydra_and_says_why_with_its_number(hypothesis: BenignHypothesis) -> None:
    fits, because = hypothesis.ask(HYDRA)
    assert not fits
    assert any(character.isdigit() for character in because)


@each_hypothesis
@pytest.mark.parametrize("facts", [HYDRA, UNKNOWN], ids=["hydra", "unknown"])
def test_the_same_facts_give_the_same_answer_in_one_line(hypothesis: BenignHypothesis, facts: Facts) -> None:
    fits, because = hypothesis.ask(facts)
    assert (fits, because) == hypothesis.ask(facts)
    assert because
    assert "\n" not in because
    assert "nan" not in because
