"""Several blocks of one layout as one: reading a block costs the same whatever it holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streams.schema.blocks import Block, Layout


def joined(layout: Layout, blocks: Sequence[Block]) -> Block:
    """Return the rows of these blocks, one block after another, as one block; a single one as it is.

    Args:
        layout: Of all of them; its vectors have no names of their own.
        blocks: One or more.
    """
    if len(blocks) == 1:
        return blocks[0]
    columns: dict[str, object] = {}
    for name, kind in layout.columns.items():
        if kind == "text":
            columns[name] = [text for block in blocks for text in block.texts(name)]
        elif kind == "vector":
            columns[name] = np.concatenate([block.vectors(name) for block in blocks])
        elif kind in {"hash", "shingles"}:
            columns[name] = np.concatenate([block.hashes(name) for block in blocks])
        else:
            columns[name] = np.concatenate([block.numbers(name) for block in blocks])
    return layout.block(columns)
