"""Each layout says what its columns are, and the keys of requests are read without the other columns."""

from __future__ import annotations

import math

from streams.schema.blocks import Block, decode
from streams.schema.folded import MAX_FOLDED_ROWS
from streams.schema.layouts import FEEDBACK, REQUEST_KEYS, REQUESTS, FeedbackRow, decode_keys
from streams.testing.block_rows import columns_of


def test_a_row_of_feedback_that_says_nothing_is_unknown_in_each_column() -> None:
    assert FeedbackRow() == (None, 0, 0, 0, FeedbackRow().until)
    assert math.isnan(FeedbackRow().until)
    assert FEEDBACK.columns == {"account_id": "text", "template": "hash", "router": "hash", "upgrade": "hash", "until": "time"}


def test_the_keys_of_requests_are_read_alone() -> None:
    packed, whole, keys = read_by_keys(MAX_FOLDED_ROWS + 1)
    assert (whole.layout, keys.layout) == (REQUESTS, REQUEST_KEYS)
    assert decode_keys(packed[:-100] + bytes(100)).layout is REQUEST_KEYS, "what stands behind the keys is not read"


def test_the_keys_of_a_folded_block_are_read_with_all_else() -> None:
    _, whole, keys = read_by_keys(1)
    assert keys.layout is whole.layout is REQUESTS


def read_by_keys(count: int) -> tuple[bytes, Block, Block]:
    """A block of so many requests, as it is sent, read, and read by its keys: which are the same."""
    packed = REQUESTS.encode(columns_of(REQUESTS, [{"time": row, "event_id": f"e{row}", "account_id": "ada"} for row in range(count)]))
    whole = decode(packed, REQUESTS)
    keys = decode_keys(packed)
    assert keys.texts("event_id") == whole.texts("event_id") == [f"e{row}" for row in range(count)]
    assert keys.texts("account_id") == ["ada"] * count
    assert keys.numbers("time").tolist() == whole.numbers("time").tolist() == [float(row) for row in range(count)]
    return packed, whole, keys
