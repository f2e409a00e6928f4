"""Blocks are read by what they say they are, however often one of their kind was read before."""

from __future__ import annotations

import pytest

from streams.core.errors import BlockLayoutError
from streams.schema import blocks
from streams.schema.blocks import MAX_KNOWN_SCHEMAS, decode
from streams.schema.layouts import ERASURES, FEEDBACK, SCORES


def feedback(names: tuple[str, ...] = ("ada",)) -> bytes:
    """A block of feedback about these accounts."""
    rows = {"account_id": list(names), **{name: [0] * len(names) for name in ("template", "router", "upgrade")}}
    return FEEDBACK.encode(rows | {"until": [60.0] * len(names)})


def test_a_block_that_was_read_before_is_still_refused_where_another_layout_is_expected() -> None:
    assert decode(feedback(), FEEDBACK).texts("account_id") == ["ada"]
    with pytest.raises(BlockLayoutError, match="expected a block of layout scores/1"):
        decode(feedback(), SCORES)
    assert decode(feedback(("bob", "eve")), ERASURES, FEEDBACK).texts("account_id") == ["bob", "eve"]


@pytest.mark.parametrize("size", [0, 3, 4, 7, 8, 100])
def test_a_block_that_is_cut_short_is_refused(size: int) -> None:
    with pytest.raises(BlockLayoutError):
        decode(feedback()[:size], FEEDBACK)


def test_schemas_are_remembered_up_to_a_number() -> None:
    columns = {
        "time": [0.0],
        "entity_kind": ["account"],
        "entity_id": ["ada"],
        "requests": [1.0],
        "extraction": [1.0],
        "routing": [1.0],
    }
    for number in range(MAX_KNOWN_SCHEMAS + 5):
        names = {"features": [f"feature_{number}"], "families": ["content"]}
        block = SCORES.encode(columns | {"families": [[1.0]], "features": [[2.0]], "nats": [[3.0]]}, names)
        assert decode(block, SCORES).names("features") == [f"feature_{number}"]
    assert 0 < len(blocks._KNOWN_SCHEMAS) <= MAX_KNOWN_SCHEMAS
