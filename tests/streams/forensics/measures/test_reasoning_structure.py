from __future__ import annotations

from streams.forensics.measures.reasoning_structure import MAX_SENTENCES, steps


def test_sentences_are_told_apart_by_kind_of_step() -> None:
    listed, turns, verifies, concludes, plans, example, reason, declines, closes, asks, heading, plain = range(11 + 1)
    answer = (
        "# Title\nFirst, we add. It is 4. For example 2 and 2. Let's check. Therefore it holds. However, it may not. "
        "That is because of carry. - one\n- two\nIs it clear? Let me know. Sorry."
    )
    assert steps(answer) == [heading, plans, plain, example, verifies, concludes, turns, reason, listed, listed, asks, closes, declines]


def test_a_long_answer_is_read_up_to_sixty_sentences() -> None:
    assert len(steps("Yes. " * 1000)) == MAX_SENTENCES
    assert steps("") == []
