from __future__ import annotations

import random
from collections.abc import Collection

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from models.state.columns import Columns, Field, StateLayoutError

FIELDS = {"count": Field("f8"), "last": Field("f4", np.nan), "sums": Field("f4", labels=("in", "out")), "cells": Field("u1", width=3)}
KEY = st.sampled_from([f"k{i}" for i in range(12)])
BLOCKS = st.lists(st.lists(KEY, max_size=6), max_size=20)


def table(chunk_rows: int = 4, cells: int = 0) -> Columns:
    return Columns("t", FIELDS, chunk_rows, cells)


def count(columns: Columns, keys: list[str], offset: int) -> None:
    """Apply a block of keys as a stage does: rows that contain it already are left out."""
    slots = columns.intern(keys)
    slots = slots[columns.not_applied(slots, offset)]
    np.add.at(columns["count"], slots, 1)
    columns.touch(slots, offset)


def counts(columns: Columns) -> dict[str, float]:
    return {columns.keys[slot]: float(columns["count"][slot]) for slot in columns.slots.tolist() if columns["count"][slot]}


def chunks(columns: Columns) -> list[tuple[str, bytes]]:
    return [(key, columns.dump(key)) for key in columns.dirty()]


def test_a_key_keeps_its_slot_and_new_ones_get_the_next() -> None:
    columns = table()
    assert columns.intern(["a", "b", "a"]).tolist() == [0, 1, 0]
    assert columns.intern(["c", "b"]).tolist() == [2, 1]
    assert len(columns) == 3
    assert columns.find("c") == 2
    assert columns.find("d") == -1
    assert "a" in columns
    assert "d" not in columns


def test_a_new_entity_starts_with_what_its_fields_say() -> None:
    columns = table()
    slot = columns.intern(["a"])[0]
    assert columns["count"][slot] == 0
    assert np.isnan(columns["last"][slot])
    assert columns["sums"][slot].tolist() == [0, 0]
    assert columns["cells"][slot].tolist() == [0, 0, 0]


def test_growing_keeps_what_was_counted() -> None:
    columns = table(chunk_rows=2)
    for offset in range(5):
        count(columns, [f"k{offset}", "k0"], offset)
    assert counts(columns) == {"k0": 6, "k1": 1, "k2": 1, "k3": 1, "k4": 1}


def test_a_row_is_as_wide_as_its_fields() -> None:
    assert table().bytes_per_row == 8 + 4 + 2 * 4 + 3


def test_a_dumped_chunk_is_clean_until_it_is_touched_again() -> None:
    columns = table(chunk_rows=2)
    count(columns, ["a", "b", "c"], 7)
    assert columns.dirty() == {"t/0": 7, "t/1": 7}
    columns.dump("t/0")
    assert columns.dirty() == {"t/1": 7}
    count(columns, ["a"], 8)
    count(columns, ["a"], 9)
    assert columns.dirty() == {"t/0": 8, "t/1": 7}


def test_every_column_survives_a_dump_and_a_load() -> None:
    before = table(chunk_rows=2)
    slots = before.intern(["a", "b", "c"])
    before["count"][slots] = [1, 2, 3]
    before["last"][slots] = [0.5, np.nan, 1.5]
    before["sums"][slots] = [[1, 2], [3, 4], [5, 6]]
    before["cells"][slots] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    before.touch(slots, 0)
    after = table(chunk_rows=2)
    after.load(chunks(before))
    for field in FIELDS:
        np.testing.assert_array_equal(after[field][after.intern(["a", "b", "c"])], before[field][slots])


def test_a_load_grows_the_table_once_to_what_its_last_chunk_needs() -> None:
    before = table(chunk_rows=2)
    slots = before.intern([f"k{number}" for number in range(9)])  # five chunks
    before["sums"][slots] = np.arange(18).reshape(9, 2)
    before.touch(slots, 0)
    after = table(chunk_rows=2)
    after.load(chunks(before))
    assert (len(after), after.capacity) == (9, 16)
    assert after["sums"][after.slots].tolist() == before["sums"][slots].tolist()
    assert after.intern(["k9"]).tolist() == [9]


def test_labels_are_matched_by_name_when_a_version_adds_and_drops_some() -> None:
    before = Columns("t", {"sums": Field("f4", labels=("in", "out"))})
    before["sums"][before.intern(["a"])] = [[1, 2]]
    before.touch(before.intern(["a"]), 0)
    after = Columns("t", {"sums": Field("f4", -1, labels=("out", "cached"))})
    after.load(chunks(before))
    assert after["sums"][after.find("a")].tolist() == [2, -1]


def test_a_column_that_was_renamed_keeps_what_an_earlier_version_stored() -> None:
    before = Columns("t", {"own": Field("f8"), "raw": Field("f4", labels=("in", "out"))}, 4)
    before.intern(["a", "b"])
    before["own"][:2], before["raw"][:2] = [1.0, 2.0], [[3.0, 4.0], [5.0, 6.0]]
    before.touch(np.array([0, 1]), 7)
    renamed = {"shrunk": Field("f8", formerly=("own",)), "plain": Field("f4", labels=("out", "in"), formerly=("raw",))}
    after = Columns("t", renamed, 4)
    after.load(chunks(before))
    assert after["shrunk"][:2].tolist() == [1.0, 2.0]
    assert after["plain"][:2].tolist() == [[4.0, 3.0], [6.0, 5.0]]
    again = Columns("t", renamed, 4)
    again.load([("t/0", after.dump("t/0"))])
    assert again["shrunk"][:2].tolist() == [1.0, 2.0]


def test_a_former_name_that_another_column_has_now_is_that_column() -> None:
    before = Columns("t", {"total": Field("f8")}, 4)
    before["total"][before.intern(["a"])] = 5.0
    before.touch(np.array([0]), 7)
    after = Columns("t", {"requests": Field("f8", formerly=("total",)), "total": Field("f8")}, 4)
    after.load(chunks(before))
    assert (after["requests"][0], after["total"][0]) == (0.0, 5.0)


def test_a_column_of_another_width_starts_cold_and_the_others_live() -> None:
    before = table()
    slots = before.intern(["a"])
    before["count"][slots], before["cells"][slots] = 5, 9
    before.touch(slots, 0)
    after = Columns("t", {**FIELDS, "cells": Field("u1", width=2)}, 4)
    after.load(chunks(before))
    assert after["count"][after.find("a")] == 5
    assert after["cells"][after.find("a")].tolist() == [0, 0]


@pytest.mark.parametrize("damage", [b"", b"not a chunk", zstandard.compress(b""), zstandard.compress(b"\x02\x00\x00\x00{}")])
def test_an_unreadable_chunk_is_counted_and_the_others_are_read(damage: bytes) -> None:
    before = table(chunk_rows=2)
    count(before, ["a", "b", "c"], 0)
    stored = dict(chunks(before))
    after = table(chunk_rows=2)
    after.load([*(stored | {"t/0": damage}).items()])
    assert after.unreadable_chunks == 1
    assert counts(after) == {"c": 1}


def test_a_chunk_cut_short_is_unreadable() -> None:
    before = table()
    count(before, ["a"], 0)
    raw = zstandard.decompress(before.dump("t/0"))
    after = table()
    after.load([("t/0", zstandard.compress(raw[:-1]))])
    assert after.unreadable_chunks == 1
    assert len(after) == 0


def test_an_evicted_row_comes_back_as_it_was() -> None:
    columns = table()
    count(columns, ["a", "b", "a"], 0)
    packed = columns.evict("a", 1)
    assert counts(columns) == {"b": 1}
    columns.intern(["c"])
    assert columns.find("c") == 0, "the free slot is used again"
    assert columns["count"][0] == 0
    columns.restore(packed)
    assert counts(columns) == {"a": 2, "b": 1}


def test_an_evicted_row_that_is_damaged_says_so() -> None:
    with pytest.raises(StateLayoutError, match="unreadable"):
        table().restore(b"damaged")


def test_only_rows_that_no_block_can_reach_again_may_be_evicted() -> None:
    columns = table()
    count(columns, ["a"], 3)
    count(columns, ["b"], 5)
    idle = np.ones(columns.capacity, np.bool_)
    assert columns.idle(idle, 5) == ["a"]
    assert columns.idle(idle, 6) == ["a", "b"]
    assert columns.idle(~idle, 6) == []


def test_of_two_rows_of_one_entity_the_newer_wins() -> None:
    # evicted from chunk 1, come back in chunk 0, and a crash before chunk 1 was written again
    columns = table(chunk_rows=1)
    count(columns, ["a", "b"], 0)
    stored = dict(chunks(columns))
    columns.evict("a", 1)
    packed = columns.evict("b", 1)
    columns.restore(packed)
    count(columns, ["b"], 2)
    moved = columns.find("b")
    stored[f"t/{moved}"] = columns.dump(f"t/{moved}")
    after = table(chunk_rows=1)
    after.load(stored.items())
    assert counts(after)["b"] == 2


def test_numbered_cells_have_no_keys_and_survive_too() -> None:
    before = table(chunk_rows=4, cells=10)
    before["count"][[2, 9]] = [5, 7]
    before.touch(np.array([2, 9]), 3)
    after = table(chunk_rows=4, cells=10)
    after.load(chunks(before))
    assert after["count"].tolist() == [0, 0, 5, 0, 0, 0, 0, 0, 0, 7]
    assert after.not_applied(np.array([2, 4, 9]), 3).tolist() == [False, True, False]


def some(chosen: random.Random, keys: Collection[str]) -> list[str]:
    return [key for key in sorted(keys) if chosen.random() < 0.5]


@settings(max_examples=60, deadline=None)
@given(blocks=BLOCKS, crashes=st.lists(st.integers(0, 30), max_size=4), seed=st.integers(0, 2**32))
def test_after_any_crash_and_eviction_every_event_counts_exactly_once(blocks: list[list[str]], crashes: list[int], seed: int) -> None:
    chosen = random.Random(seed)
    columns, stored, archive = table(chunk_rows=3), dict[str, bytes](), dict[str, bytes]()
    offset = acknowledged = step = 0
    while offset < len(blocks):
        for key in sorted(set(blocks[offset]) & set(archive) - set(columns.keys)):
            columns.restore(archive[key])
        count(columns, blocks[offset], offset)
        idle = columns.idle(np.ones(columns.capacity, np.bool_), min(columns.dirty().values(), default=offset))
        archive |= {key: columns.evict(key, offset) for key in some(chosen, idle)}
        stored |= {chunk: columns.dump(chunk) for chunk in some(chosen, columns.dirty())}
        offset, step = offset + 1, step + 1
        # acknowledged is what lies below every chunk that is still to be written; the rest is read again after a crash
        acknowledged = max(acknowledged, min(columns.dirty().values(), default=offset))
        if step in crashes:
            columns, offset = table(chunk_rows=3), acknowledged
            columns.load(stored.items())
    for key in sorted(set(archive) - set(columns.keys)):
        columns.restore(archive[key])
    expected = {key: float(sum(block.count(key) for block in blocks)) for block in blocks for key in block}
    assert counts(columns) == expected
