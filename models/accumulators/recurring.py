"""Shingles that recur, and in how many accounts: the templates behind prompts, without a template miner.

A prompt has its 8 smallest keyed shingle hashes, so prompts from one template have the same ones of the template's shingles, wherever the
template is in the text. The table has one shingle a cell. A cell is a majority vote (Boyer and Moore 1981): another shingle reduces the
count of the resident, and replaces it when the count is used up. So recurring shingles stay and single ones disappear. Accounts and payers
are counted by linear counting over 32 bits (Whang, Vander-Zanden, Taylor 1990).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats, Hashes
from models.state.columns import Columns, Field, Slots

CHUNK_CELLS = 8192
_ACCOUNT_BITS = 32
_HALF_LIFE_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Templates:
    """The recurring shingles ("pieces") of each event's prompt: several of its template, and others of a task that was asked before."""

    pieces: Hashes
    """Recurring shingles of each prompt, (events, pieces), 0 for none."""
    piece_accounts: Floats
    """Approximate number of accounts with each piece (up to ~100), (events, pieces)."""
    piece_payers: Floats
    """Approximate number of payers of these accounts (up to ~100), (events, pieces)."""
    piece_shares: Floats
    """Share of this partition's prompts with each piece, decayed with a half-life of a day, (events, pieces)."""
    chosen: Slots
    """Position of the piece that represents the prompt's template, (events,)."""

    @cached_property
    def template(self) -> Hashes:
        """The piece that represents each prompt's template, (events,), 0 where no shingle of the prompt recurs."""
        return self.pieces[self._rows, self.chosen]

    @cached_property
    def accounts(self) -> Floats:
        """Approximate number of accounts with the template, (events,)."""
        return self.piece_accounts[self._rows, self.chosen]

    @cached_property
    def payers(self) -> Floats:
        """Approximate number of payers with the template, (events,)."""
        return self.piece_payers[self._rows, self.chosen]

    @cached_property
    def share(self) -> Floats:
        """Share of this partition's prompts with the template, (events,)."""
        return self.piece_shares[self._rows, self.chosen]

    @property
    def _rows(self) -> Slots:
        return np.arange(len(self.chosen))


class Recurring:
    """A bounded table of recent shingles: decayed count, newest time, accounts and payers of each."""

    def __init__(self, cells: int = 1 << 18, least: float = 3.0) -> None:
        """Start empty.

        Args:
            cells: Number of cells, a power of two.
            least: Decayed count from which a shingle recurs.
        """
        self.table = Columns(
            "shingles",
            {"shingle": Field("u8"), "count": Field("f4"), "seen": Field("f8", -np.inf), "accounts": Field("u4"), "payers": Field("u4")},
            chunk_rows=CHUNK_CELLS,
            cells=cells,
        )
        self._mask = np.uint64(cells - 1)
        self._least = least
        self._total = Columns("prompts", {"count": Field("f8"), "seen": Field("f8", -np.inf)}, cells=1)

    @property
    def tables(self) -> tuple[Columns, Columns]:
        """The tables that a checkpoint has to store."""
        return self.table, self._total

    def observe(self, shingles: Hashes, accounts: Hashes, now: float, offset: int, payers: Hashes | None = None) -> None:
        """Count a block's shingles.

        Two prompts have shingle 3, one of them has shingle 5 too:

        >>> table = Recurring(cells=16)
        >>> table.observe(np.array([[3, 5], [3, 0]], np.uint64), accounts=np.array([1, 2], np.uint64), now=0.0, offset=0)
        >>> table.table["count"][[3, 5]].tolist(), table.shares(np.array([3, 5], np.uint64)).tolist()
        ([2.0, 1.0], [1.0, 0.5])

        Args:
            shingles: (events, pieces), 0 for none.
            accounts: Hash of each event's account, (events,).
            now: Newest event time of the block, epoch seconds.
            offset: Offset of the block; a cell that contains this block already is not changed.
            payers: Hash of who pays for each event, (events,); the accounts when None.
        """
        flat = shingles.reshape(-1)
        order = np.argsort(flat)
        order = order[np.searchsorted(flat, 1, sorter=order) :]  # zeros (no shingle) sort first
        ordered = flat[order]
        starts = np.flatnonzero(np.concatenate([ordered[:1] != 0, ordered[1:] != ordered[:-1]]))
        if len(starts):
            by = np.stack([_bit(accounts), _bit(accounts if payers is None else payers)], axis=1)
            seen_by = np.bitwise_or.reduceat(by[order // shingles.shape[1]], starts)
            counts = np.diff(starts, append=len(order)).astype(np.float64)
            self._observe(ordered[starts], counts, seen_by, now, offset)
        self._count_prompts(int((shingles != 0).any(axis=1).sum()), now, offset)

    def _observe(self, values: Hashes, counts: Floats, seen_by: NDArray[np.uint32], now: float, offset: int) -> None:
        cells = (values & self._mask).astype(np.int64)
        not_applied = self.table.not_applied(cells, offset)
        if not not_applied.all():
            cells, values, counts, seen_by = cells[not_applied], values[not_applied], counts[not_applied], seen_by[not_applied]
        self._merge(cells, values, counts, seen_by, now)
        self.table.touch(cells, offset)

    def _merge(self, cells: Slots, values: Hashes, counts: Floats, seen_by: NDArray[np.uint32], now: float) -> None:
        """Add shingles to their cells: the resident is counted, another shingle reduces its count or replaces it.

        Shingle 5 comes three times; shingle 9 reduces its count once, and replaces it when it comes four times:

        >>> table, cell, seen_by = Recurring(cells=4), np.array([1]), np.array([[0b1, 0b1]], np.uint32)
        >>> for shingle, count in ((5, 3.0), (9, 1.0), (9, 4.0)):
        ...     table._merge(cell, np.array([shingle], np.uint64), np.array([count]), seen_by, now=0.0)
        ...     print(int(table.table["shingle"][1]), float(table.table["count"][1]))
        5 3.0
        5 2.0
        9 4.0

        Args:
            cells: The cell of each shingle, (shingles,); several may have one cell.
            values: The shingles, (shingles,), ascending, each once.
            counts: Number of occurrences, (shingles,).
            seen_by: Bits of the accounts and of the payers with it, (shingles, 2).
            now: Newest event time, seconds.
        """
        state = self.table
        seen, before = state["seen"][cells], state["count"][cells]
        worth = before * np.exp2(np.minimum(seen - now, 0.0) / _HALF_LIFE_SECONDS)
        same = state["shingle"][cells] == values
        wins = ~same & (counts >= worth)
        state["seen"][cells] = np.maximum(seen, now)
        # a newcomer that loses reduces the resident's count, one that wins starts with its own
        after = np.where(same, worth + counts, np.where(wins, counts, worth - counts))
        known, new = np.flatnonzero(same), np.flatnonzero(wins)
        stays = np.flatnonzero(~(same | wins))
        for rows in (stays, known, new):  # of several shingles for one cell the resident is written after losers, a winner last
            state["count"][cells[rows]] = after[rows]
        for column, name in enumerate(("accounts", "payers")):
            state[name][cells[known]] |= seen_by[known, column]
            state[name][cells[new]] = seen_by[new, column]
        # of two winners in one cell the one with the larger hash stays: arbitrary, but the same in every run
        state["shingle"][cells[new]] = values[new]

    def _count_prompts(self, prompts: int, now: float, offset: int) -> None:
        total, cell = self._total, np.zeros(1, np.int64)
        if not total.not_applied(cell, offset)[0]:
            return
        newest = max(now, float(total["seen"][0]))
        total["count"][0] = total["count"][0] * np.exp2((total["seen"][0] - newest) / _HALF_LIFE_SECONDS) + prompts
        total["seen"][0] = newest
        total.touch(cell, offset)

    def end(self, before: float, offset: int) -> None:
        """Empty the cells whose shingle was last seen before this time.

        >>> table = Recurring(cells=16)
        >>> table.observe(np.array([[3, 0]], np.uint64), np.array([1], np.uint64), now=10.0, offset=0)
        >>> table.end(before=10.0, offset=1)
        >>> int(table.table["shingle"][3])
        3
        >>> table.end(before=11.0, offset=2)
        >>> int(table.table["shingle"][3]), float(table.table["count"][3])
        (0, 0.0)

        Args:
            before: Epoch seconds.
            offset: Offset of the block just applied.
        """
        old = np.flatnonzero((self.table["seen"] < before) & (self.table["shingle"] != 0))
        if len(old):
            for name, field in self.table.fields.items():
                self.table[name][old] = field.fill
            self.table.touch(old, offset)

    def templates(self, shingles: Hashes, own: int | None = None) -> Templates:
        """Return the recurring pieces and the template of each prompt.

        Shingle 3 recurs, in prompts of two accounts; shingle 5 does not:

        >>> table = Recurring(cells=16, least=2.0)
        >>> table.observe(np.array([[3, 5], [3, 0]], np.uint64), accounts=np.array([1, 2], np.uint64), now=0.0, offset=0)
        >>> templates = table.templates(np.array([[5, 3]], np.uint64))
        >>> templates.template.tolist(), round(float(templates.accounts[0]), 1), templates.share.tolist()
        ([3], 2.1, [1.0])

        Args:
            shingles: (events, pieces), 0 for none.
            own: Number of the first pieces that can stand for the template; all when None.
        """
        state = self.table
        cells = (shingles & self._mask).astype(np.int64)
        counts = np.where((state["shingle"][cells] == shingles) & (shingles != 0), state["count"][cells], 0.0)
        recurs = counts >= self._least
        accounts, payers = (_distinct(np.where(recurs, state[name][cells], 0)) for name in ("accounts", "payers"))
        # shingles of one template recur about equally often; the smallest is in most samples, so all partitions choose the same
        candidates = np.where(recurs & (counts >= counts[:, :own].max(axis=1, keepdims=True) / 2), shingles, np.iinfo(np.uint64).max)
        pieces, shares = np.where(recurs, shingles, np.uint64(0)), np.where(recurs, self._shares(counts), 0.0)
        return Templates(pieces, accounts, payers, shares, candidates[:, :own].argmin(axis=1))

    def shares(self, shingles: Hashes) -> Floats:
        """Return each shingle's share of this partition's prompts, 0..1, shape as given; 0 for one that is not in the table."""
        cells = (shingles & self._mask).astype(np.int64)
        known = (self.table["shingle"][cells] == shingles) & (shingles != 0)
        return np.where(known, self._shares(self.table["count"][cells]), 0.0)

    def _shares(self, counts: Floats) -> Floats:
        shares: Floats = np.minimum(counts / max(float(self._total["count"][0]), 1.0), 1.0)
        return shares

    def rarity(self, shingles: Hashes) -> Floats:
        """Return -ln of each shingle's share of this partition's prompts, shape as given; of one not in the table that of one prompt.

        >>> table = Recurring(cells=16)
        >>> table.observe(np.array([[3, 5], [3, 0]], np.uint64), accounts=np.array([1, 2], np.uint64), now=0.0, offset=0)
        >>> table.rarity(np.array([3, 5, 7], np.uint64)).astype(np.float64).round(2).tolist()
        [0.0, 0.69, 0.69]
        """
        least = 1.0 / max(float(self._total["count"][0]), 1.0)
        rarity: Floats = 0.0 - np.log(np.maximum(self.shares(shingles), least))
        return rarity

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Load stored chunks of both tables."""
        stored: list[tuple[str, Any]] = list(chunks)
        for table in self.tables:
            table.load([item for item in stored if item[0].startswith(f"{table.name}/")])


def _bit(hashes: Hashes) -> NDArray[np.uint32]:
    return np.left_shift(np.uint32(1), (hashes % np.uint64(_ACCOUNT_BITS)).astype(np.uint32))


def _distinct(bits: NDArray[np.uint32]) -> Floats:
    """Return about how many different hashes have set these bits, shape as given."""
    ones = np.bitwise_count(bits).astype(np.float64)
    distinct: Floats = -_ACCOUNT_BITS * np.log1p(-np.minimum(ones, _ACCOUNT_BITS - 1) / _ACCOUNT_BITS)
    return distinct
