"""Which shingles recur, in how many accounts: the templates behind prompts, without a template miner.

A prompt keeps its 8 smallest keyed shingle hashes, so prompts from one template keep the same ones of the template's shingles wherever
it stands in the text. One table of cells, one shingle a cell; a newcomer wears a resident down before it takes its place (the majority vote
of Boyer and Moore 1981, cell by cell), so what recurs stays and what was said once goes. Accounts are counted by linear counting over
32 bits (Whang, Vander-Zanden, Taylor 1990).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.columns import Columns, Field, Slots

Hashes = NDArray[np.uint64]

CHUNK_CELLS = 8192
_BITS = 32
_HALF_LIFE = 24 * 3600.0


@dataclass(frozen=True)
class Templates:
    """What the table says of each event, shape (events,): its template, and how common that is."""

    template: Hashes
    """The shingle that stands for the prompt's template, 0 where nothing in the prompt recurs."""
    accounts: Floats
    """About how many accounts use it (up to ~100)."""
    share: Floats
    """Its share of this partition's prompts, decayed with a half-life of a day."""


class Recurring:
    """A bounded table of shingles seen lately: their decayed count, newest time, and accounts."""

    def __init__(self, cells: int = 1 << 18, least: float = 3.0) -> None:
        """Keep `cells` shingles (a power of two); a shingle seen `least` times counts as a template's."""
        self.table = Columns(
            "shingles",
            {"shingle": Field("u8"), "count": Field("f4"), "seen": Field("f8", -np.inf), "accounts": Field("u4")},
            chunk_rows=CHUNK_CELLS,
            cells=cells,
        )
        self._mask = np.uint64(cells - 1)
        self._least = least
        self._total = Columns("prompts", {"count": Field("f8"), "seen": Field("f8", -np.inf)}, cells=1)

    @property
    def tables(self) -> tuple[Columns, Columns]:
        """The tables that a checkpoint has to keep."""
        return self.table, self._total

    def observe(self, shingles: Hashes, accounts: Hashes, now: float, offset: int) -> None:
        """Count a block's shingles. shingles: (events, 8), 0 for none. accounts: (events,), a hash each. now: seconds."""
        flat = shingles.reshape(-1)
        used = flat != 0
        values, which, counts = np.unique(flat[used], return_inverse=True, return_counts=True)
        bits = np.left_shift(np.uint32(1), (np.repeat(accounts, shingles.shape[1])[used] % np.uint64(_BITS)).astype(np.uint32))
        seen_by = np.zeros(len(values), np.uint32)
        np.bitwise_or.at(seen_by, which, bits)
        cells = (values & self._mask).astype(np.int64)
        fresh = self.table.fresh(cells, offset)
        self._merge(cells[fresh], values[fresh], counts[fresh].astype(np.float64), seen_by[fresh], now)
        self.table.touch(cells[fresh], offset)
        self._count_prompts(int((shingles != 0).any(axis=1).sum()), now, offset)

    def _merge(self, cells: Slots, values: Hashes, counts: Floats, seen_by: NDArray[np.uint32], now: float) -> None:
        state = self.table
        worth = state["count"][cells] * np.exp2(np.minimum(state["seen"][cells] - now, 0.0) / _HALF_LIFE)
        same = state["shingle"][cells] == values
        wins = ~same & (counts >= worth)
        stays = ~same & ~wins
        np.maximum.at(state["seen"], cells, now)
        state["count"][cells[stays]] = worth[stays] - counts[stays]
        state["count"][cells[same]] = worth[same] + counts[same]
        state["accounts"][cells[same]] |= seen_by[same]
        # of two newcomers to one cell the later in hash order stays: arbitrary, but the same in every run
        state["shingle"][cells[wins]] = values[wins]
        state["count"][cells[wins]] = counts[wins]
        state["accounts"][cells[wins]] = seen_by[wins]

    def _count_prompts(self, prompts: int, now: float, offset: int) -> None:
        total, cell = self._total, np.zeros(1, np.int64)
        if not total.fresh(cell, offset)[0]:
            return
        newest = max(now, float(total["seen"][0]))
        total["count"][0] = total["count"][0] * np.exp2((total["seen"][0] - newest) / _HALF_LIFE) + prompts
        total["seen"][0] = newest
        total.touch(cell, offset)

    def templates(self, shingles: Hashes) -> Templates:
        """Say which template each prompt shows. shingles: (events, 8)."""
        state = self.table
        cells = (shingles & self._mask).astype(np.int64)
        held = (state["shingle"][cells] == shingles) & (shingles != 0)
        counts = np.where(held, state["count"][cells], 0.0)
        most = counts.max(axis=1)
        # several shingles of one template recur about equally often: the smallest is in the most samples, so all partitions agree on it
        candidate = np.where((counts >= most[:, None] / 2) & (counts >= self._least), shingles, np.iinfo(np.uint64).max)
        chosen = candidate.argmin(axis=1)
        rows = np.arange(len(shingles))
        found = most >= self._least
        bits = np.bitwise_count(state["accounts"][cells[rows, chosen]]).astype(np.float64)
        accounts = -_BITS * np.log1p(-np.minimum(bits, _BITS - 1) / _BITS)
        share = counts[rows, chosen] / max(float(self._total["count"][0]), 1.0)
        return Templates(
            np.where(found, shingles[rows, chosen], np.uint64(0)),
            np.where(found, accounts, 0.0),
            np.where(found, np.minimum(share, 1.0), 0.0),
        )

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Take over stored chunks of both tables."""
        stored: list[tuple[str, Any]] = list(chunks)
        for table in self.tables:
            table.load([item for item in stored if item[0].startswith(f"{table.name}/")])
