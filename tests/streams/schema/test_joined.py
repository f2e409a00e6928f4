"""Several blocks as one."""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.schema import layouts
from streams.schema.blocks import Block, decode
from streams.schema.joined import joined

WIDTH = 3


def rows(accounts: list[str]) -> Block:
    """Rows of groups: all numbers are the number of the account in the list, the card of the second is unknown."""
    counted = np.arange(float(len(accounts)))

    def values(name: str, kind: str) -> Any:
        if kind == "text":
            return accounts if name == "account_id" else [f"router:{len(account):016x}" for account in accounts]
        if kind in {"hash", "shingles"}:
            hashes = np.where(counted == 1, 0, 7 + counted).astype(np.uint64)
            return np.repeat(hashes, 8).reshape(-1, 8) if kind == "shingles" else hashes
        width = layouts.GROUPS.widths.get(name)
        return np.column_stack([counted] * (width if isinstance(width, int) else WIDTH)) if kind == "vector" else counted

    return layouts.GROUPS.block({name: values(name, kind) for name, kind in layouts.GROUPS.columns.items()})


def test_joined_blocks_have_the_rows_of_each_in_their_order() -> None:
    first, second = rows(["ada", "bea"]), rows(["cleo"])
    whole = joined(layouts.GROUPS, [first, decode(second.packed, layouts.GROUPS)])
    assert whole.texts("account_id") == ["ada", "bea", "cleo"]
    assert whole.numbers("requests").tolist() == [0.0, 1.0, 0.0]
    assert whole.hashes("payment").tolist() == [7, 0, 7]
    assert whole.batch.to_pylist() == first.batch.to_pylist() + second.batch.to_pylist()


def test_one_block_stays_as_it_is() -> None:
    only = rows(["ada"])
    assert joined(layouts.GROUPS, [only]) is only
