from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.accumulators.frequent import ENTITY_CELLS, MAX_PIECE_VOTES, frequent, usual
from models.arrays import Floats, Hashes

EVENTS = st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(1, ENTITY_CELLS), max_size=3, unique=True)), max_size=20)


def nothing(entities: int = 1) -> tuple[Hashes, Floats]:
    return np.zeros((entities, ENTITY_CELLS), np.uint64), np.zeros((entities, ENTITY_CELLS))


def shown(state: tuple[Hashes, Floats], *events: tuple[int, list[int]]) -> tuple[Hashes, Floats]:
    """Return the state after events of (entity, what it shows)."""
    values = np.array([[*what, *[0] * (8 - len(what))] for _, what in events], np.uint64).reshape(-1, 8)
    return frequent(*state, np.array([entity for entity, _ in events], np.intp), values)


@given(EVENTS)
def test_hashes_with_a_cell_of_their_own_are_counted(events: list[tuple[int, list[int]]]) -> None:
    held, votes = shown(nothing(3), *events)
    for entity in range(3):
        for value in range(1, ENTITY_CELLS + 1):
            times = sum(value in what for who, what in events if who == entity)
            assert votes[entity, value % ENTITY_CELLS] == times
            assert not times or held[entity, value % ENTITY_CELLS] == value


def test_what_every_event_shows_stands_for_all_whatever_comes_and_goes() -> None:
    state = nothing()
    for number in range(40):
        passing = [100 + 7 * number + place for place in range(5)]
        state = shown(state, (0, [9, 5, 1000, *passing]))
    assert usual(*state)[0].tolist() == [5]


def test_most_entities_that_draw_from_one_queue_name_the_same() -> None:
    rng = np.random.default_rng(0)
    templates = [[5, 18], [6, 19], [7, 20]]
    events = [(entity, templates[rng.integers(3)]) for _ in range(300) for entity in range(10)]
    assert (usual(*shown(nothing(10), *events))[0] == 5).sum() > 6  # a third would, by chance


def test_a_newcomer_must_outlast_the_resident() -> None:
    state = shown(nothing(), (0, [5]), (0, [5]))
    for _ in range(2):
        state = shown(state, (0, [5 + ENTITY_CELLS]))
    assert usual(*state)[1].tolist() == [0]
    state = shown(state, (0, [5 + ENTITY_CELLS]))
    assert [each.tolist() for each in usual(*state)] == [[5 + ENTITY_CELLS], [1]]


def test_of_two_newcomers_to_a_cell_the_more_frequent_takes_it() -> None:
    held, votes = shown(nothing(), (0, [5 + ENTITY_CELLS]), (0, [5 + ENTITY_CELLS]), (0, [5]), (0, [5 + ENTITY_CELLS]))
    assert (held[0, 5], votes[0, 5]) == (5 + ENTITY_CELLS, 3)


def test_what_was_done_long_ago_fades() -> None:
    state = nothing()
    for _ in range(int(MAX_PIECE_VOTES) * 3):
        state = shown(state, (0, [5]))
    assert state[1].max() <= MAX_PIECE_VOTES
    for _ in range(int(MAX_PIECE_VOTES) * 2):
        state = shown(state, (0, [6]))
    assert usual(*state)[0].tolist() == [6]


def test_who_showed_nothing_has_nothing() -> None:
    assert [each.tolist() for each in usual(*nothing(2))] == [[0, 0], [0, 0]]
    held, votes = shown(nothing())
    assert not held.any()
    assert not votes.any()
