"""Who may be compared with whom, and what is left out."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Mapping

import pytest

from streams.forensics import answers, inference, panel, text
from streams.forensics.answers import Answers
from streams.forensics.errors import AnswersError
from streams.forensics.panel import Panel, Prompts, text_panel

Models = list[Answers]


@pytest.fixture
def models(writers: Callable[..., Panel]) -> Models:
    made = writers(controls=8)
    assert made.texts is not None
    return [Answers(name, dict(zip(made.items, row, strict=True)), "") for name, row in zip(made.models, made.texts, strict=True)]


def only(model: Answers, items: range, name: str | None = None, texts: Mapping[str, str] | None = None) -> Answers:
    texts = texts or model.texts
    return Answers(name or model.model, {str(item): texts[str(item)] for item in items}, "")


def test_answers_to_other_prompts_are_refused(models: Models) -> None:
    renamed = Answers("suspect", {f"q{item}": answer for item, answer in models[0].texts.items()}, "")
    with pytest.raises(AnswersError, match="suspect and ours have no item in common: ask both the same prompts"):
        text_panel(renamed, models[1], models[2:])
    with pytest.raises(AnswersError, match="the answers do not belong to the prompts of --prompts"):
        text_panel(models[0], models[1], models[2:], Prompts({"q1": "Why?"}))


def test_fewer_than_thirty_common_items_are_refused(models: Models) -> None:
    with pytest.raises(AnswersError, match="have 29 items in common: at least 30 are needed"):
        text_panel(only(models[0], range(29)), models[1], models[2:])


def test_one_control_is_refused_with_the_reason(models: Models) -> None:
    with pytest.raises(AnswersError, match=r"1 control\(s\) remain, 5 are needed, since no rank p-value is below 1/\(controls \+ 1\)"):
        text_panel(models[0], models[1], models[2:3])


def test_a_control_that_lacks_items_is_left_out_and_takes_none_from_the_others(models: Models) -> None:
    made = text_panel(models[0], models[1], [*models[2:], only(models[2], range(50), "lazy")])
    assert ("lazy" in made.models, len(made.items)) == (False, 100)
    assert made.notes == ("lazy is left out: it answers 50 of the 100 common items",)


def test_a_model_under_a_second_name_counts_once(models: Models) -> None:
    made = text_panel(models[0], models[1], [*models[2:], only(models[3], range(100), "alias")])
    assert "alias" not in made.models
    assert made.notes == ("alias is left out: it is control-1 under another name (100% identical answers)",)


def test_a_suspect_that_is_our_model_under_another_name_is_said_to_be(models: Models) -> None:
    made = text_panel(only(models[1], range(100), "suspect"), models[1], models[2:])
    assert made.notes == (
        "suspect and ours give 100% identical answers: one model under two names, or one endpoint that resells the other",
    )


def test_answers_in_another_language_are_refused_or_left_out(models: Models) -> None:
    german = {item: f"das ist nicht so und wir sind hier {item} mal" for item in models[0].texts}
    with pytest.raises(AnswersError, match="suspect answers in another language than the panel"):
        text_panel(Answers("suspect", german, ""), models[1], models[2:])
    assert text_panel(models[0], models[1], [*models[2:], Answers("german", german, "")]).notes == (
        "german is left out: it answers in another language",
    )


def test_a_model_is_not_compared_with_itself(models: Models) -> None:
    with pytest.raises(AnswersError, match="ours is compared with itself"):
        text_panel(models[1], models[1], models[2:])


def test_relatives_of_our_model_are_no_controls_of_the_suspect(models: Models) -> None:
    made = text_panel(models[0], models[1], models[2:], kin=[("ours", "control-0"), ("suspect", "ours")])
    assert made.kin[0].nonzero()[0].tolist() == [2]
    assert made.kin[1].nonzero()[0].tolist() == [2]


def test_a_harvest_of_no_common_item_is_refused(models: Models) -> None:
    with pytest.raises(AnswersError, match="no common item is of a harvested topic"):
        text_panel(models[0], models[1], models[2:], Prompts(harvested={"law"}))


@pytest.mark.parametrize("module", [answers, inference, panel, text])
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
