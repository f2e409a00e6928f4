"""A block that was never packed answers as the one that is read from its bytes, for every layout and kind of column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.core.errors import BlockLayoutError
from streams.schema import blocks, layouts
from streams.schema.blocks import Block, Layout
from streams.schema.prompt_sketch import PROMPT_SHINGLES

LAYOUTS = (layouts.REQUESTS, layouts.SCORES, layouts.GROUPS, layouts.EVIDENCE, layouts.FEEDBACK, layouts.TALLIES, layouts.SHADOW)
NAMES = {"features": ["egress_share", "burst"], "families": ["content", "timing"]}
ROWS = 3


def some(layout: Layout, name: str) -> Any:
    """Three values of a column: where it may be, the second is unknown."""
    kind, known, pattern = layout.columns[name], name in layout.required, layout.words.get(name)
    if kind == "text":
        word = "even load" if pattern and name in ("rule", "question") else "router" if name == "entity_kind" else "router:0123456789abcdef"
        return [word, word if known else None, word]
    if kind in {"hash", "shingles"}:
        values = np.array([7, 0, 9], np.uint64)
        return np.repeat(values, PROMPT_SHINGLES).reshape(ROWS, -1) if kind == "shingles" else values
    values = np.array([0.25, 0.5 if known else np.nan, 1.0])
    if kind == "vector":
        width = layout.widths[name]
        return np.column_stack([values] * (width if isinstance(width, int) else len(NAMES[width])))
    return values


def fresh(layout: Layout) -> Block:
    named = {width: NAMES[width] for width in layout.widths.values() if isinstance(width, str)}
    return layout.block({name: some(layout, name) for name in layout.columns}, named or None)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_fresh_block_reads_as_its_bytes_do(layout: Layout) -> None:
    made = fresh(layout)
    read = blocks.decode(made.packed, layout)
    assert len(made) == len(read) == ROWS
    for name, kind in layout.columns.items():
        if kind == "text":
            assert made.texts(name) == read.texts(name)
            assert made.words(name) == read.words(name)
            assert made.codes(name).tolist() == read.codes(name).tolist()
        else:
            reader = "vectors" if kind == "vector" else "hashes" if kind in {"hash", "shingles"} else "numbers"
            ours, theirs = getattr(made, reader)(name), getattr(read, reader)(name)
            assert ours.dtype == theirs.dtype, name
            np.testing.assert_array_equal(ours, theirs, name)
    for column in NAMES.keys() & {str(width) for width in layout.widths.values()}:
        assert made.names(column) == read.names(column)
    assert made.take([2]).batch.equals(read.take([2]).batch)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_block_that_surely_fits_is_not_packed_to_find_out(layout: Layout) -> None:
    made = fresh(layout)
    assert made.packs_within(blocks.MAX_MESSAGE_BYTES)
    assert "packed" not in vars(made)
    assert len(made.packed) <= made._nbytes() + blocks.MAX_OVERHEAD_BYTES
    assert not made.packs_within(len(made.packed) - 1)


def test_a_block_of_requests_keeps_its_aliases_unpacked() -> None:
    columns = {name: some(layouts.REQUESTS, name) for name in layouts.REQUESTS.columns}
    made = layouts.REQUESTS.block_with_aliases(columns, [(1, 2), (3, 4)])
    assert made.aliases().tolist() == blocks.decode(made.packed, layouts.REQUESTS).aliases().tolist() == [[1, 2], [3, 4]]


def test_what_was_never_packed_is_decoded_as_it_is_and_of_another_layout_never() -> None:
    made = fresh(layouts.FEEDBACK)
    assert blocks.decode(made, layouts.GROUPS, layouts.FEEDBACK) is made
    with pytest.raises(BlockLayoutError, match="expected a block of layout groups/6"):
        blocks.decode(made, layouts.GROUPS)
