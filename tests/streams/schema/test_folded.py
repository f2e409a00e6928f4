"""A small block travels folded, one column a kind, and reads as any other: of every layout, and hostile bytes as of every block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from streams.core.errors import BlockLayoutError
from streams.schema import blocks, layouts
from streams.schema.blocks import Block, Layout, UnfoldedBlock, decode
from streams.schema.folded import MAX_FOLDED_ROWS, Fold
from streams.testing.block_rows import columns_of
from streams.testing.tampering import LAYOUTS, Sample, sample, tampered_folds


def by_name(layout: Layout) -> str:
    return layout.name


def of_requests(count: int, **columns: Any) -> bytes:
    rows: list[dict[str, float | str]] = [{"time": 60.0 + row, "event_id": f"e{row}", "account_id": "ada"} for row in range(count)]
    return layouts.REQUESTS.encode(columns_of(layouts.REQUESTS, rows) | columns)


def shown(packed: bytes, layout: Layout) -> str:
    return repr(decode(packed, layout).batch.to_pydict())  # as text, in which unknown is equal to unknown


def as_plain(layout: Layout) -> Block:
    """The sample, sent as it is, which is the slow reference."""
    return decode(sample(layout).encoded(), layout)


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_a_folded_block_has_the_columns_of_the_same_block_that_is_not(layout: Layout) -> None:
    folded = decode(blocks.encode(sample(layout).folded()), layout)
    assert isinstance(folded, UnfoldedBlock)
    assert folded.batch.equals(as_plain(layout).batch)
    assert folded.batch.schema.metadata == as_plain(layout).batch.schema.metadata
    assert folded.take([2, 0]).batch.equals(as_plain(layout).take([2, 0]).batch)
    assert decode(folded.packed, layout).batch.equals(folded.batch)


def test_the_words_of_a_column_are_those_that_it_has_and_no_others() -> None:
    packed = of_requests(3, response_model=["hydra", None, "mini"], language=["en", "en", None], user_agent=[None] * 3)
    block = decode(packed, layouts.REQUESTS)
    assert (block.words("response_model"), block.codes("response_model").tolist()) == (["hydra", "mini"], [0, -1, 1])
    assert (block.words("language"), block.texts("language")) == (["en"], ["en", "en", None])
    assert (block.words("user_agent"), block.codes("user_agent").tolist()) == ([], [-1, -1, -1])


def test_a_block_of_few_events_takes_few_bytes_and_one_of_many_is_not_folded() -> None:
    assert len(of_requests(1)) < 3_000
    assert not isinstance(decode(of_requests(MAX_FOLDED_ROWS + 1), layouts.REQUESTS), UnfoldedBlock)
    assert isinstance(decode(of_requests(MAX_FOLDED_ROWS), layouts.REQUESTS), UnfoldedBlock)


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_a_fold_of_other_columns_is_read_as_a_block_of_other_columns_is(layout: Layout) -> None:
    whole = sample(layout)
    for name in layout.columns:
        kinds = {key: kind for key, kind in layout.columns.items() if key != name}
        fewer = Layout(layout.name, layout.version, kinds, required=(), widths=layout.widths)
        rest = {key: array for key, array in whole.arrays.items() if key != name}
        sent = blocks.encode(Sample(fewer, rest, whole.names).folded())
        if name in layout.required:
            with pytest.raises(BlockLayoutError, match="expected a block of layout"):
                decode(sent, layout)
        else:
            assert shown(sent, layout) == shown(Sample(layout, rest, whole.names).encoded(), layout), name


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_what_is_wrong_with_a_fold_is_refused(layout: Layout) -> None:
    may_be_read = {"all null"} if not {name for name, kind in layout.columns.items() if kind == "text"} & layout.required else set()
    for what, value in tampered_folds(layout):
        if what.startswith(("fold of", "fold b")) and what.partition(": ")[2] not in may_be_read:
            with pytest.raises(BlockLayoutError) as refused:
                decode(value, layout)
            assert len(str(refused.value)) < 300, what


def test_a_fold_that_would_take_gigabytes_is_refused_before_anything_is_allocated() -> None:
    fold, many = Fold({"time": "time"}), 20_000_000
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(many)), 1)
    bomb = blocks.encode(pa.RecordBatch.from_arrays([lists], schema=fold.schema))
    del lists
    assert len(bomb) < 1_000_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(BlockLayoutError, match=f"{many} rows"):
        decode(bomb, layouts.REQUESTS)
    assert pa.default_memory_pool().max_memory() == before


def test_aliases_travel_with_a_folded_block() -> None:
    columns = columns_of(layouts.REQUESTS, [{"time": 60.0, "event_id": "e", "account_id": "ada"}])
    read = decode(layouts.REQUESTS.block_with_aliases(columns, [(1, 2)]).packed, layouts.REQUESTS)
    assert read.aliases().tolist() == [[1, 2]]
