from __future__ import annotations

from collections.abc import Callable

from streams.forensics.answers import Answers
from streams.forensics.compare import examine
from streams.forensics.measure import all_measures
from streams.forensics.panel import Panel, text_panel


def shortened(panel: Panel, models: tuple[int, ...]) -> Panel:
    """Return the panel with the answers of some models cut to three words."""
    rows = [[" ".join(answer.split()[:3]) if place in models else answer for answer in row] for place, row in enumerate(panel.texts or ())]
    return text_panel(
        *_split([Answers(name, dict(zip(panel.items, row, strict=True)), "") for name, row in zip(panel.models, rows, strict=True)])
    )


def _split(models: list[Answers]) -> tuple[Answers, Answers, list[Answers]]:
    return models[0], models[1], models[2:]


def test_two_models_that_answer_briefly_are_not_taken_for_teacher_and_student(writers: Callable[..., Panel]) -> None:
    panel = shortened(writers(style=False, controls=14), (0, 1, 2, 3, 4))
    assert examine(all_measures()["answer_text"], panel).p > 0.01


def test_a_brief_student_of_a_brief_teacher_is_found_among_brief_models(writers: Callable[..., Panel]) -> None:
    """Fourteen controls, three as brief as the pair: likeness by brevity is taken off, and what the student copied is not."""
    panel = shortened(writers(style=False, controls=14, copied=20), (0, 1, 2, 3, 4))
    found = examine(all_measures()["answer_text"], panel)
    assert (found.rank, found.teacher_rank) == (1, 1)
    assert found.p == found.smallest_p_panel
