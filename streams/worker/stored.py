"""How a record of state lies in the changelog and on disk: a stamp, its bytes, and a code over key, stamp and bytes.

A topic is not ours alone, and a disk may fail: the code (HMAC-SHA256 under the seal key, cut to 16 bytes) tells a record of ours from a
record of another writer, and from a damaged one. The stamp tells whose it is and what it contains.
"""

from __future__ import annotations

import hmac
import struct
from typing import Final, NamedTuple

_HEADER: Final = struct.Struct(">qqq")
_HEADER_BEFORE_EPOCHS: Final = struct.Struct(">q")
_CODE_BYTES: Final = 16
_LAYOUT: Final = b"epoch, complete_to, read_from"
NO_OFFSET: Final = -1


class Stamp(NamedTuple):
    """Who wrote a record, and what it contains."""

    epoch: int
    """Of the writer. Each owner of a partition claims a higher one than the owner before; 0 before there were epochs."""
    complete_to: int
    """The highest input offset that the record may contain. Of two records of one epoch the later one has no lower."""
    read_from: int
    """The first input offset whose block may be missing in the record, NO_OFFSET before there were epochs."""


class Stored(NamedTuple):
    """One record, opened."""

    stamp: Stamp
    data: bytes


class Seal:
    """Packs records under one key, and opens them under it and under the key before."""

    def __init__(self, key: bytes, previous: bytes | None = None) -> None:
        """Take the seal key, and the one that it replaces."""
        self._keys = [_Key.of(key), *([_Key.of(previous)] if previous else [])]

    def packed(self, key: bytes, stamp: Stamp, data: bytes) -> bytes:
        """Return the record of a key whose value is `data`."""
        body = _HEADER.pack(*stamp) + data
        return body + _code(self._keys[0].now, key, body)

    def opened(self, key: bytes | None, value: bytes | None) -> Stored | None:
        """Return the record of a key, or None when it is damaged or not ours."""
        found = (sealed.opened(key, value) for sealed in self._keys)
        return next((stored for stored in found if stored is not None), None)

    def is_old(self, key: bytes | None, value: bytes | None) -> bool:
        """Return whether a record is sealed under the key before."""
        return len(self._keys) > 1 and self._keys[0].opened(key, value) is None and self._keys[1].opened(key, value) is not None


class _Key(NamedTuple):
    """One seal key, as it seals now and as it sealed before there were epochs."""

    now: bytes
    before_epochs: bytes

    @classmethod
    def of(cls, key: bytes) -> _Key:
        """Return the seal key `key`, derived."""
        return cls(hmac.digest(key, _LAYOUT, "sha256"), key)

    def opened(self, key: bytes | None, value: bytes | None) -> Stored | None:
        """Return the record of a key, or None when it is damaged or not under this key."""
        if not key or not value or len(value) < _HEADER_BEFORE_EPOCHS.size + _CODE_BYTES:
            return None
        body, code = value[:-_CODE_BYTES], value[-_CODE_BYTES:]
        if len(body) >= _HEADER.size and hmac.compare_digest(code, _code(self.now, key, body)):
            return Stored(Stamp(*_HEADER.unpack_from(body)), body[_HEADER.size :])
        if hmac.compare_digest(code, _code(self.before_epochs, key, body)):
            [complete_to] = _HEADER_BEFORE_EPOCHS.unpack_from(body)
            return Stored(Stamp(0, complete_to, NO_OFFSET), body[_HEADER_BEFORE_EPOCHS.size :])
        return None


def unsealed(value: bytes) -> bytes:
    """Return the bytes of a record without looking at its stamp or its code; only a search in them may read so."""
    return value[_HEADER.size : -_CODE_BYTES]


def _code(seal_key: bytes, key: bytes, body: bytes) -> bytes:
    return hmac.digest(seal_key, key + body, "sha256")[:_CODE_BYTES]
