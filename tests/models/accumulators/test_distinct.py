from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.accumulators import distinct
from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.hashing import mix
from models.arrays import Floats

WINDOW = 60.0
EVENT = st.tuples(st.integers(0, 7), st.integers(0, 300).map(float), st.integers(0, 30).map(float))
BLOCKS = st.lists(st.lists(EVENT, max_size=20), max_size=5)
Folded = Callable[[Any, Any], Floats]
Registers = np.ndarray[tuple[int, int], np.dtype[np.uint8]]


def registers_of(folded: Folded, blocks: list[list[tuple[int, float, float]]]) -> Registers:
    registers: Registers = np.zeros((8, distinct.ENTITY_REGISTERS), np.uint8)

    def fold(grouped: GroupedEvents, values: Floats) -> None:
        distinct.fold(registers, grouped, values.astype(np.uint64), WINDOW)

    folded(blocks, fold)
    return registers


def slow(blocks: list[list[tuple[int, float, float]]], slot: int) -> list[int]:
    """The registers from sets: the values of the newest event's window and of the one before, each value's rank by its bits as text."""
    events = [(time // WINDOW, int(value)) for block in blocks for s, time, value in block if s == slot]
    newest = max((window for window, _ in events), default=0.0)
    found = [0] * distinct.ENTITY_REGISTERS
    for window, value in {event for event in events if event[1] and newest - event[0] < 2}:
        bits = f"{int(mix(np.array([value], np.uint64))[0]):064b}"
        place = int(bits[-6:], 2) + distinct.WINDOW_REGISTERS * int(newest - window)
        found[place] = max(found[place], len(bits[:-6]) - len(bits[:-6].rstrip("0")) + 1)
    return found


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
def test_registers_are_those_of_the_sets_of_two_windows(folded: Folded, blocks: list[list[tuple[int, float, float]]]) -> None:
    assert registers_of(folded, blocks).tolist() == [slow(blocks, slot) for slot in range(8)]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
def test_neither_order_nor_blocks_matter(folded: Folded, blocks: list[list[tuple[int, float, float]]]) -> None:
    one_by_one = [[event] for block in reversed(blocks) for event in reversed(block)]
    assert registers_of(folded, one_by_one).tolist() == registers_of(folded, blocks).tolist()


@pytest.mark.parametrize("different", [1, 3, 10, 30, 100, 1000, 20_000])
def test_the_error_is_about_13_percent(different: int) -> None:
    numbers = random.Random(different)
    registers: Registers = np.zeros((60, distinct.ENTITY_REGISTERS), np.uint8)
    slots = np.repeat(np.arange(60), different)
    grouped = GroupedEvents.of(slots, np.zeros(len(slots)), np.full(60, -np.inf))
    distinct.fold(registers, grouped, np.array([numbers.randrange(1, 2**64) for _ in slots], np.uint64), WINDOW)
    errors = distinct.estimate(registers) / different - 1
    assert math.sqrt(float(np.mean(errors**2))) < 0.16


def test_nobody_has_seen_nothing(folded: Folded) -> None:
    assert distinct.estimate(registers_of(folded, [[(0, 0.0, 0.0)]])).tolist() == [0.0] * 8


def test_what_was_seen_two_windows_ago_is_forgotten(folded: Folded) -> None:
    registers = registers_of(folded, [[(0, 0.0, 1.0), (0, 1.0, 2.0)], [(0, 61.0, 3.0)]])
    assert distinct.estimate(registers[:1])[0] == pytest.approx(3, abs=0.1)
    registers = registers_of(folded, [[(0, 0.0, 1.0), (0, 1.0, 2.0)], [(0, 121.0, 3.0)]])
    assert distinct.estimate(registers[:1])[0] == pytest.approx(1, abs=0.1)


def test_linear_counting_of_one_register_in_64() -> None:
    registers = np.zeros((1, distinct.ENTITY_REGISTERS), np.uint8)
    registers[0, 5] = 1
    assert distinct.estimate(registers)[0] == pytest.approx(64 * math.log(64 / 63))
