"""Each layout says what its columns are, and the keys of requests are read without the other columns."""

from __future__ import annotations

import math

from streams.schema.blocks import decode
from streams.schema.layouts import FEEDBACK, REQUEST_KEYS, REQUESTS, FeedbackRow, decode_keys
from streams.testing.block_rows import columns_of


def test_a_row_of_feedback_that_says_nothing_is_unknown_in_each_column() -> None:
    assert FeedbackRow() == (None, 0, 0, 0, FeedbackRow().until)
    assert math.isnan(FeedbackRow().until)
    assert FEEDBACK.columns == {"account_id": "text", "template": "hash", "router": "hash", "upgrade": "hash", "until": "time"}


def test_the_keys_of_requests_are_read_alone() -> None:
    packed = REQUESTS.encode(columns_of(REQUESTS, [{"time": 1.0, "event_id": "e", "account_id": "ada"}]))
    keys = decode_keys(packed)
    assert keys.layout is REQUEST_KEYS
    assert (keys.texts("event_id"), keys.texts("account_id")) == (["e"], ["ada"])
    assert keys.numbers("time").tolist() == decode(packed, REQUESTS).numbers("time").tolist() == [1.0]
