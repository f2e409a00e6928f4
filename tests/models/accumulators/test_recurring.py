from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.accumulators.recurring import Recurring
from models.arrays import Hashes
from models.durations import DAY

CELLS = 64
PROMPT = st.tuples(st.integers(0, 5), st.lists(st.integers(1, 20), max_size=8, unique=True))
BLOCKS = st.lists(st.tuples(st.integers(0, 10), st.lists(PROMPT, max_size=12)), max_size=5)


def prompts(*rows: list[int]) -> Hashes:
    """Prompts with these shingles, filled up with 0."""
    return np.array([[*row, *[0] * (8 - len(row))] for row in rows], np.uint64).reshape(-1, 8)


def accounts(*numbers: int) -> Hashes:
    return np.array(numbers, np.uint64)


def observe(table: Recurring, block: Any, offset: int) -> float:
    """Count a block of (hour, prompts); return its time in seconds."""
    hour, rows = block
    table.observe(prompts(*(shingles for _, shingles in rows)), accounts(*(account for account, _ in rows)), hour * 3600.0, offset)
    return float(hour * 3600.0)


@settings(max_examples=50)
@given(BLOCKS)
def test_counts_are_those_of_one_prompt_at_a_time(blocks: Any) -> None:
    # 20 shingles in 64 cells: each has a cell of its own
    table = Recurring(CELLS)
    counts: dict[int, float] = {}
    seen: dict[int, float] = {}
    users: dict[int, set[int]] = {}
    for offset, (hour, rows) in enumerate(blocks):
        now = observe(table, (hour, rows), offset)
        for shingle in {shingle for _, shingles in rows for shingle in shingles}:
            newest = max(now, seen.get(shingle, now))
            counts[shingle] = counts.get(shingle, 0.0) * 0.5 ** ((newest - seen.get(shingle, now)) / DAY)
            seen[shingle] = newest
        for account, shingles in rows:
            for shingle in shingles:
                counts[shingle] += 1
                users.setdefault(shingle, set()).add(account)
    for shingle, count in counts.items():
        assert table.table["shingle"][shingle] == shingle
        assert table.table["count"][shingle] == pytest.approx(count, rel=1e-4)
        assert int(table.table["accounts"][shingle]).bit_count() == len(users[shingle])


def test_a_newcomer_must_outlast_the_resident() -> None:
    table = Recurring(CELLS)
    table.observe(prompts([1], [1]), accounts(1, 2), 0.0, 0)
    for offset in (1, 2):
        table.observe(prompts([1 + CELLS]), accounts(3), 0.0, offset)
        assert table.table["shingle"][1] == (1 if offset == 1 else 1 + CELLS)


def test_a_template_is_what_three_prompts_share() -> None:
    table = Recurring(CELLS)
    table.observe(prompts([5, 40], [5, 41], [5, 42], [9]), accounts(1, 2, 3, 4), 0.0, 0)
    found = table.templates(prompts([5, 43], [9], []))
    assert found.template.tolist() == [5, 0, 0]
    assert found.accounts.tolist() == pytest.approx([3, 0, 0], abs=0.2)
    assert found.share.tolist() == pytest.approx([3 / 4, 0, 0])


def test_of_equally_frequent_shingles_the_smallest_stands_for_the_template() -> None:
    table = Recurring(CELLS)
    table.observe(prompts([7, 5], [7, 5], [5, 7]), accounts(1, 2, 3), 0.0, 0)
    assert table.templates(prompts([7, 5])).template.tolist() == [5]


def test_a_block_read_again_after_a_crash_counts_once() -> None:
    before = Recurring(CELLS)
    before.observe(prompts([5], [5]), accounts(1, 2), 0.0, 0)
    chunks = [(key, table.dump(key)) for table in before.tables for key in table.dirty()]
    after = Recurring(CELLS)
    after.load(chunks)
    after.observe(prompts([5], [5]), accounts(1, 2), 0.0, 0)
    after.observe(prompts([5]), accounts(3), 0.0, 1)
    found = after.templates(prompts([5]))
    assert after.table["count"][5] == 3
    assert found.share.tolist() == [1.0]
