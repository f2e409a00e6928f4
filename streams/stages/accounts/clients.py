"""What requests claim to be, and what they show: the input of `models/evidence/client_claims.py`, and a fingerprint's parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.evidence.client_claims import paired
from streams.features.events import hash_word
from streams.privacy.fingerprint import first_part, own_headers, software
from streams.schema.blocks import Block, Hashes

PARTS: Final = ("header_names", "accept_encoding", "http_version", "body_shape", "tls_ja4", "sdk_language")
"""What a router's fingerprint is made of (`streams/privacy/fingerprint.py`)."""
_OTHERS: Final = ("user_agent", "sdk_runtime")
_READ: Final[dict[str, Callable[[str], str]]] = {
    "header_names": own_headers,
    "tls_ja4": first_part,
    "user_agent": software,
    "sdk_runtime": software,
}
"""How a word is read that says more than is wanted here."""
_PRIME: Final = np.uint64(0xD6E8FEB86659FD93)

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Clients:
    """The clients of a block's requests; every array is (rows,), 0 where unknown."""

    broad: Hashes
    """The user agent's products."""
    narrow: Hashes
    """These with SDK language and runtime, where both are told."""
    connection: Hashes
    """JA4's first part and the HTTP version; unknown without the first: a log that leaves it out says nothing about its clients."""
    head: Hashes
    """Header order and accept-encoding; unknown without the first."""
    words: dict[str, Hashes]
    """The parts of the fingerprint, a hash each."""

    @classmethod
    def of(cls, block: Block) -> Clients:
        """Read a block."""
        words = {name: _words(block, name) for name in (*PARTS, *_OTHERS)}
        broad, language, runtime = words["user_agent"], words["sdk_language"], words["sdk_runtime"]
        told = (language != 0) & (runtime != 0)
        return cls(
            broad,
            _mixed(_mixed(language, runtime), broad) * told,
            _mixed(words["tls_ja4"], words["http_version"]) * (words["tls_ja4"] != 0),
            _mixed(words["header_names"], words["accept_encoding"]) * (words["header_names"] != 0),
            words,
        )

    @property
    def claim(self) -> Hashes:
        """What each request claims to be, as precisely as it is told."""
        return np.where(self.narrow != 0, self.narrow, self.broad)

    def votes(self, rows: Rows) -> Hashes:
        """Return what these requests say is usual, for the broad claim and for the narrow one: keys, shape (rows, 6), 0 for unknown."""
        shown = self.connection[rows], self.head[rows]
        claims = self.broad[rows], self.narrow[rows]
        return np.column_stack([key for claim in claims for key in (claim, *(paired(claim, each) for each in shown))])

    def parts(self, rows: Rows) -> NDArray[np.uint32]:
        """Return short hashes of what these requests' fingerprints are made of, shape (rows, 6), 0 for unknown."""
        return np.column_stack([self.words[name][rows] for name in PARTS]).astype(np.uint32)


def _mixed(first: Hashes, second: Hashes) -> Hashes:
    return ((first * _PRIME) ^ second) * _PRIME


def _words(block: Block, name: str) -> Hashes:
    """Return a hash of each request's word as it is to be read; 0 where unknown, or where nothing of it is left."""
    read = _READ.get(name, str)
    table = [hash_word(each) if (each := read(word)) else 0 for word in block.words(name)]
    return np.array([*table, 0], np.uint64)[block.codes(name)]
