from __future__ import annotations

import numpy as np

from models.accumulators.dialogue import KEPT_REQUESTS, NUMBERS, Followed, Turns, follow
from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats

NOTHING = Turns(np.zeros((1, KEPT_REQUESTS), np.uint64), {name: np.full((1, KEPT_REQUESTS), np.nan) for name in NUMBERS})


def followed(
    times: list[float],
    messages: list[float],
    *,
    conversation: list[int] | None = None,
    given: list[float] | None = None,
    output: list[float] | None = None,
    past: Turns = NOTHING,
) -> Followed:
    rows = len(times)
    grouped = GroupedEvents.of(np.zeros(rows, np.int64), np.array(times), np.full(1, -np.inf))
    return follow(
        grouped, past, np.array(conversation or [0] * rows, np.uint64), np.array(messages, float), _or(given, rows), _or(output, rows)
    )


def _or(values: list[float] | None, rows: int) -> Floats:
    return np.full(rows, np.nan) if values is None else np.array(values, float)


def test_a_second_turn_within_half_an_hour_continues_the_first() -> None:
    assert followed([0, 60], [1, 3]).served.tolist() == [False, True]


def test_a_history_that_was_never_served_has_no_parent() -> None:
    assert followed([0, 60], [5, 5]).served.tolist() == [False, False]
    assert followed([0, 7200], [1, 3]).served.tolist() == [False, False]


def test_a_conversation_that_names_itself_is_followed_however_late_and_is_not_mistaken_for_another() -> None:
    assert followed([0, 7200], [1, 9], conversation=[4, 4]).served.tolist() == [False, True]
    assert followed([0, 60], [1, 3], conversation=[4, 5]).served.tolist() == [False, False]


def test_the_parent_may_lie_in_an_earlier_block() -> None:
    before = followed([0.0], [1], given=[10], output=[40])
    after = followed([60.0], [3], given=[55], output=[40], past=before.kept)
    assert after.served.tolist() == [True]
    assert after.piece.tolist() == [80.0]


def test_tokens_of_requests_that_only_go_on_add_up() -> None:
    found = followed([0, 5, 10], [1, 3, 5], given=[10, 115, 220], output=[100, 100, 100])
    assert found.piece.tolist() == [100.0, 200.0, 300.0]
    assert found.before.tolist() == [0.0, 100.0, 200.0]


def test_a_new_question_in_a_conversation_begins_a_new_piece() -> None:
    found = followed([0, 5], [1, 3], given=[10, 400], output=[100, 100])
    assert found.piece.tolist() == [100.0, 100.0]
