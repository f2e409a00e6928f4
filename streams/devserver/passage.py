"""A pass-through of bytes: counted against a budget, and passed on without decoding."""

from __future__ import annotations

from collections.abc import Callable

from streams.devserver.wire import ProtocolError, WireReader, varint

TOO_LARGE_CODE = 131


class Passage:
    """A pass-through of bytes: read from `reader`, counted against a budget, written on unchanged."""

    def __init__(self, reader: WireReader, write: Callable[[bytes], object], budget: int) -> None:
        """Pass at most `budget` bytes on to `write`."""
        self.reader = reader
        self.write = write
        self.left = budget

    def copy(self, count: int) -> None:
        """Pass `count` bytes, piece by piece: a false length costs no memory."""
        self._spend(count)
        while count:
            piece = self.reader.piece(count)
            self.write(piece)
            count -= len(piece)

    def uint64(self) -> int:
        """Pass one number and return it."""
        data = self._pass(8)
        return int.from_bytes(data, "little")

    def last_uint64(self, count: int) -> int:
        """Pass `count` numbers and return the last one (0 for none)."""
        if not count:
            return 0
        self.copy(8 * (count - 1))
        return self.uint64()

    def texts(self, count: int) -> None:
        """Pass `count` strings. Short ones, the usual case, are passed within the current piece."""
        while count:
            count -= self._short_texts(count)
            if count:
                length = self.reader.varint()
                self._spend(1)
                self.write(varint(length))
                self.copy(length)
                count -= 1

    def _short_texts(self, count: int) -> int:
        """Pass strings that are complete in the current piece, up to the first that is not; return their number."""
        reader = self.reader
        data, start = reader.data, reader.position
        position, end, left = start, len(data), count
        while left and position < end:
            after = position + 1 + data[position]
            if data[position] > 127 or after > end:  # noqa: PLR2004 - a length of two bytes or more
                break
            position = after
            left -= 1
        self._spend(position - start)
        self.write(data[start:position])
        reader.position = position
        return count - left

    def _pass(self, count: int) -> bytes:
        self._spend(count)
        data = self.reader.take(count)
        self.write(data)
        return data

    def _spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ProtocolError("the data exceeds the limit of one insert: send smaller inserts", TOO_LARGE_CODE)
