"""The client that each request claims, its transport, and the parts of its fingerprint: input of `models/evidence/client_claims.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import Hashes
from models.evidence.client_claims import paired
from streams.core.word_hash import hash_word
from streams.privacy.fingerprint import FINGERPRINT_PARTS, first_part, own_headers, software
from streams.schema.blocks import Block

_CLAIM_PARTS: Final = ("user_agent", "sdk_runtime")
_NORMALISERS: Final[dict[str, Callable[[str], str]]] = {
    "header_names": own_headers,
    "tls_ja4": first_part,
    "user_agent": software,
    "sdk_runtime": software,
}
"""Normaliser per column (drops versions, comments, proxy headers)."""
_HASH_MULTIPLIER: Final = np.uint64(0xD6E8FEB86659FD93)

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Clients:
    """The clients of a block's requests; every array is (rows,), 0 where unknown."""

    broad: Hashes
    """The user agent's products."""
    narrow: Hashes
    """The products with SDK language and runtime, where both are known."""
    connection: Hashes
    """First part of JA4 with the HTTP version; unknown where JA4 is."""
    head: Hashes
    """Header order with accept-encoding; unknown where the header order is."""
    words: dict[str, Hashes]
    """Hash of each part of the fingerprint, by column."""

    @classmethod
    def of(cls, block: Block) -> Clients:
        """Return the clients of a block's requests."""
        words = {name: _words(block, name) for name in (*FINGERPRINT_PARTS, *_CLAIM_PARTS)}
        broad, language, runtime = words["user_agent"], words["sdk_language"], words["sdk_runtime"]
        known = (language != 0) & (runtime != 0)
        return cls(
            broad,
            _mixed(_mixed(language, runtime), broad) * known,
            _mixed(words["tls_ja4"], words["http_version"]) * (words["tls_ja4"] != 0),
            _mixed(words["header_names"], words["accept_encoding"]) * (words["header_names"] != 0),
            words,
        )

    @property
    def claim(self) -> Hashes:
        """The client that each request claims to be: the narrow claim where known, else the broad one."""
        return np.where(self.narrow != 0, self.narrow, self.broad)

    def votes(self, rows: Rows) -> Hashes:
        """Return the keys of these requests' votes, for the broad and for the narrow claim, (rows, 2 * VOTE_KEYS), 0 for unknown."""
        layers = self.connection[rows], self.head[rows]
        claims = self.broad[rows], self.narrow[rows]
        return np.column_stack([key for claim in claims for key in (claim, *(paired(claim, layer) for layer in layers))])

    def parts(self, rows: Rows) -> NDArray[np.uint32]:
        """Return short hashes of the parts of these requests' fingerprints, (rows, parts), 0 for unknown."""
        return np.column_stack([self.words[name][rows] for name in FINGERPRINT_PARTS]).astype(np.uint32)


def _mixed(first: Hashes, second: Hashes) -> Hashes:
    return ((first * _HASH_MULTIPLIER) ^ second) * _HASH_MULTIPLIER


def _words(block: Block, name: str) -> Hashes:
    """Return a hash of each request's normalised word, (rows,); 0 where it is unknown or empty after normalisation."""
    normalise = _NORMALISERS.get(name, str)
    table = [hash_word(normal) if (normal := normalise(word)) else 0 for word in block.words(name)]
    return np.array([*table, 0], np.uint64)[block.codes(name)]
