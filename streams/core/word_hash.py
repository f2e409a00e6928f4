"""A hash of a word without a key, for cells of state within a process."""

from __future__ import annotations

from hashlib import blake2b

from streams.core.remembered import remembered


@remembered(calls=1 << 16)
def hash_word(word: str) -> int:
    """Return a stable 64-bit hash of a word, never 0. It has no key: it identifies cells of state and never leaves a process.

    >>> hash_word("python") == hash_word("python") != hash_word("node")
    True
    """
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little") or 1
