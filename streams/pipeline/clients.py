"""What a request claims to be, and what it shows: the keys that `models/claims.py` counts, and the parts of a router's fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.claims import paired
from streams.blocks import Block, Hashes
from streams.feature import hash_word
from streams.fingerprint import first_part, own_headers, software

PARTS: Final = ("header_names", "accept_encoding", "http_version", "body_shape", "tls_ja4", "sdk_language")
"""What a router's fingerprint is made of (`streams/fingerprint.py`)."""
_PRIME: Final = np.uint64(0xD6E8FEB86659FD93)

Rows = NDArray[np.intp]


def claimed(block: Block) -> Hashes:
    """Return the keys of each request's claim as precisely as it is known, shape (rows, 3), 0 for unknown.

    The claim is the user agent's products with SDK language and runtime where both are told, else the products alone. It is judged
    only where JA4 and header names are known: a log that leaves them out says nothing about its clients.
    """
    broad, narrow, connection, head = _hashes(block, None)
    return _keys(np.where(narrow != 0, narrow, broad), connection, head)


def votes(block: Block, rows: Rows) -> Hashes:
    """Return what these requests say is usual, for the broad claim and for the narrow one, shape (rows, 6), 0 for unknown."""
    broad, narrow, connection, head = _hashes(block, rows)
    return np.hstack([_keys(broad, connection, head), _keys(narrow, connection, head)])


def parts(block: Block, rows: Rows) -> NDArray[np.uint32]:
    """Return short hashes of what these requests' fingerprints are made of, shape (rows, 6), 0 for unknown."""
    columns = [_words(block, name, first_part if name == "tls_ja4" else str, rows) for name in PARTS]
    return np.column_stack(columns).astype(np.uint32)


def _hashes(block: Block, rows: Rows | None) -> tuple[Hashes, Hashes, Hashes, Hashes]:
    """Return broad and narrow claim, connection and head of the requests, (rows,) each."""
    product, runtime = (_words(block, name, software, rows) for name in ("user_agent", "sdk_runtime"))
    language = _words(block, "sdk_language", str, rows)
    ja4, version = _words(block, "tls_ja4", first_part, rows), _words(block, "http_version", str, rows)
    names, encoding = _words(block, "header_names", own_headers, rows), _words(block, "accept_encoding", str, rows)
    return product, _with(_joined(language, runtime), product), _with(ja4, version), _with(names, encoding)


def _keys(claim: Hashes, connection: Hashes, head: Hashes) -> Hashes:
    return np.column_stack([claim, paired(claim, connection), paired(claim, head)])


def _joined(first: Hashes, second: Hashes) -> Hashes:
    """Return one hash of two, 0 where either is unknown."""
    return np.where((first != 0) & (second != 0), _with(first, second), np.uint64(0))


def _with(first: Hashes, second: Hashes) -> Hashes:
    """Return one hash of two, 0 where the first is unknown."""
    return np.where(first != 0, ((first * _PRIME) ^ second) * _PRIME | np.uint64(1), np.uint64(0))


def _words(block: Block, name: str, of: Callable[[str], str], rows: Rows | None) -> Hashes:
    """Return a hash of each request's word, as `of` reads it; 0 where unknown, or where nothing of it is left."""
    read = [of(word) for word in block.words(name)]
    table = np.array([*(hash_word(word) if word else 0 for word in read), 0], np.uint64)
    codes = block.codes(name)
    return table[codes if rows is None else codes[rows]]
