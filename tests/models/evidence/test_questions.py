"""Each reason for which an account is a question at most has a name and a sentence."""

from __future__ import annotations

from models.evidence.questions import SENTENCES, Question


def test_every_question_has_a_sentence_of_its_own() -> None:
    words = [question.word for question in Question if question is not Question.NONE]
    assert {*SENTENCES} == {*words}
    assert len({*SENTENCES.values()}) == len(words)
