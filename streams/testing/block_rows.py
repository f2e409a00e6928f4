"""Blocks from rows: what a test leaves out of a row is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.evidence.families import FAMILIES
from models.evidence.links import CASE_LINKS
from streams.schema.arrow_columns import Kind
from streams.schema.blocks import BlockColumns, Layout
from streams.schema.prompt_sketch import PROMPT_SHINGLES
from streams.stages.evidence_rows import EvidenceRows

Cell = str | float | None | Sequence[float] | NDArray[Any] | Mapping[str, float]
"""A value of a block: a text, a number, a hash, the values of a vector, or of a vector by family those that are not as usual."""
Row = dict[str, Cell]
"""Cells by column."""

_UNKNOWN: Final[Mapping[Kind, Cell]] = {
    "text": None,
    "number": np.nan,
    "time": np.nan,
    "offset": 0.0,
    "hash": 0,
    "shingles": np.zeros(PROMPT_SHINGLES, np.uint64),
    "vector": np.zeros(len(FAMILIES)),
}


def columns_of(layout: Layout, rows: Sequence[Mapping[str, Cell]], usual: Mapping[str, Cell] | None = None) -> BlockColumns:
    """Return all columns of a layout, as it encodes them.

    Args:
        layout: Of the block.
        rows: Cells by column; a name that is no column is refused.
        usual: Cells of rows that do not say otherwise; without it they are unknown, and vectors zeros by family.

    Raises:
        KeyError: A cell is of no column.
    """
    usual = usual or {}
    if strangers := {name for row in (*rows, usual) for name in row} - layout.columns.keys():
        raise KeyError(f"the layout {layout.name} has no columns {sorted(strangers)}")
    cells = {name: [_cell(row, name, usual.get(name, _UNKNOWN[kind])) for row in rows] for name, kind in layout.columns.items()}
    return {
        name: [value if isinstance(value, str) else None for value in values] if layout.columns[name] == "text" else np.array(values)
        for name, values in cells.items()
    }


def _cell(row: Mapping[str, Cell], name: str, usual: Cell) -> Cell:
    cell = row.get(name, usual)
    if isinstance(cell, Mapping) and isinstance(usual, Sequence | np.ndarray):
        return [cell.get(family, value) for family, value in zip(FAMILIES, usual, strict=True)]
    return cell


def evidence_of(accounts: Sequence[str], router: str = "00000000000000aa") -> EvidenceRows:
    """Return a row of evidence for each of these members of a router: every number is 1, and its hashes are its position."""
    rows = len(accounts)
    ones, by_family, by_feature = np.ones(rows), np.ones((rows, len(FAMILIES)), np.float32), np.ones((rows, 1), np.float32)
    return EvidenceRows(
        time=ones,
        entity_kind=["router"] * rows,
        entity_id=[router] * rows,
        account_id=list(accounts),
        accounts=ones,
        common=ones,
        population=ones,
        requests=ones,
        output_tokens=ones,
        first=ones,
        extraction=ones,
        rule=[None] * rows,
        question=[None] * rows,
        routing=ones,
        handed_over=ones,
        false_alerts=ones,
        families=by_family,
        counted=by_family,
        features=by_feature,
        nats=by_feature,
        usual_low=by_feature,
        usual_high=by_feature,
        links={link: np.arange(rows, dtype=np.uint64) for link in CASE_LINKS},
    )
