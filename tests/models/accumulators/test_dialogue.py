from __future__ import annotations

import numpy as np

from models.accumulators.dialogue import KEPT_REQUESTS, PARENT_REQUESTS, Followed, Turns, follow, nothing
from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats

NOTHING = nothing(1)


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
    known = past.numbers["at"][~np.isnan(past.numbers["at"])]
    grouped = GroupedEvents.of(np.zeros(rows, np.int64), np.array(times, float), np.full(1, known.max(initial=-np.inf)))
    numbers = {"messages": np.array(messages, float), "input": _or(given, rows), "output": _or(output, rows)}
    return follow(grouped, past, Turns(np.array(conversation or [0] * rows, np.uint32), numbers, np.zeros(rows, np.uint8)))


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


def test_a_child_that_came_before_its_parent_is_judged_again() -> None:
    child = followed([60.0], [3], given=[55], output=[40])
    assert child.served.tolist() == [False]
    parent = followed([0.0], [1], given=[10], output=[40], past=child.kept)
    assert parent.served.tolist() == [False]
    assert parent.retakes is not None
    assert (parent.retakes.numbers["at"].tolist(), parent.retakes.marks.tolist(), parent.retakes.marks_now.tolist()) == ([60.0], [0], [1])
    assert (parent.retakes.numbers["piece"].tolist(), parent.retakes.piece.tolist()) == ([40.0], [80.0])
    again = followed([0.0], [1], given=[10], output=[40], past=parent.kept)
    assert again.retakes is None, "it has its parent"


def test_a_request_that_comes_late_between_two_others_of_which_one_continues_the_other_is_the_nearer_parent() -> None:
    both = followed([0.0, 60.0], [1, 3], given=[10, 160], output=[40, 40])
    assert both.piece.tolist() == [40.0, 40.0], "the second one says more than to go on"
    late = followed([30.0], [2], given=[70], output=[90], past=both.kept)
    assert late.retakes is not None
    assert late.retakes.piece.tolist() == [170.0]


def test_what_is_kept_is_in_the_order_of_its_times_and_the_same_however_it_came() -> None:
    times, messages = [float(turn) for turn in range(0, 400, 40)], [float(turn) for turn in range(1, 11)]
    at_once = followed(times, messages, given=[10.0] * 10, output=[5.0] * 10)
    past = NOTHING
    for turn in (1, 0, 3, 2, 5, 4, 7, 6, 9, 8):
        past = followed([times[turn]], [messages[turn]], given=[10.0], output=[5.0], past=past).kept
    assert past.numbers["at"].tolist() == at_once.kept.numbers["at"].tolist() == [times[-KEPT_REQUESTS:]]
    assert past.marks.tolist() == at_once.kept.marks.tolist()
    assert past.numbers["piece"].tolist() == at_once.kept.numbers["piece"].tolist()


def test_a_parent_is_among_the_four_requests_before() -> None:
    between = [9.0] * (PARENT_REQUESTS - 1)
    assert followed([float(turn) for turn in range(PARENT_REQUESTS + 1)], [1, *between, 3]).served.tolist()[-1] is True
    assert followed([float(turn) for turn in range(PARENT_REQUESTS + 2)], [1, *between, 9.0, 3]).served.tolist()[-1] is False
