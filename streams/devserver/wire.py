"""The smallest parts of ClickHouse's native protocol: numbers and strings, read from a source that arrives in pieces."""

from __future__ import annotations

import io
import socket
import struct
import time
from collections.abc import Callable

NAME_BYTES = 64 * 1024
"""Longest name, type, setting or identifier that is believed."""

NOT_ENOUGH_SPACE_CODE = 243


class ProtocolError(Exception):
    """The peer's bytes cannot be this protocol, or exceed a limit. It is told why, and the connection closes."""

    def __init__(self, message: str, code: int = 99) -> None:
        """Keep ClickHouse's error `code` for this failure (99: unknown packet from client)."""
        super().__init__(message)
        self.code = code


class DisconnectedError(ProtocolError):
    """The peer went away, or stayed silent for too long in the middle of a packet."""


def no_space(error: OSError) -> ProtocolError:
    """Return what a client reads when a file of the server's fails with `error`, as on a full disk."""
    return ProtocolError(f"the server cannot keep what was sent: {error.strerror}: free disk space", NOT_ENOUGH_SPACE_CODE)


class PatientSocket(io.RawIOBase):
    """What a socket says, up to a deadline: a peer that sends a byte a minute is cut off, too."""

    def __init__(self, sock: socket.socket) -> None:
        """Read from `sock`; call `allow` first."""
        self._sock = sock
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """Give the peer `seconds` from now for what it is to say next, as a whole."""
        self._deadline = time.monotonic() + seconds

    def receive(self, most: int = 262_144) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            DisconnectedError: nothing came before the deadline.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DisconnectedError("the peer is too slow")
        self._sock.settimeout(left)
        try:
            return self._sock.recv(most)
        except TimeoutError as error:
            raise DisconnectedError("the peer was silent for too long") from error

    def readable(self) -> bool:
        """Say yes: `io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a part of `buffer`, for `io.BufferedReader`."""
        data = self.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def varint(value: int) -> bytes:
    """Return `value` (>= 0) in 7-bit groups, lowest first."""
    out = bytearray()
    while value > 127:  # noqa: PLR2004 - seven bits
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value: str) -> bytes:
    """Return `value` as its UTF-8 length and bytes."""
    data = value.encode()
    return varint(len(data)) + data


class WireReader:
    """Typed reads over `more`, which returns the next piece of bytes, or none at the end. Holds one piece at a time."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        """Read from `more`; it may raise `DisconnectedError`."""
        self._more = more
        self.data = b""
        self.position = 0

    @classmethod
    def over(cls, data: bytes) -> WireReader:
        """Return a reader of `data` alone."""
        reader = cls(bytes)
        reader.data = data
        return reader

    @property
    def buffered(self) -> int:
        """Bytes that were received and not read yet."""
        return len(self.data) - self.position

    def ready(self) -> bool:
        """Tell whether there is another byte, and wait for it if need be."""
        if self.position == len(self.data):
            self.data, self.position = self._more(), 0
        return bool(self.data)

    def fill(self) -> None:
        """Make sure that at least one unread byte is in `data`.

        Raises:
            DisconnectedError: The client left.
        """
        if not self.ready():
            raise DisconnectedError("the connection ended in the middle of a packet")

    def piece(self, most: int) -> bytes:
        """Return 1 to `most` bytes: what is at hand."""
        self.fill()
        start = self.position
        self.position = min(start + most, len(self.data))
        return self.data[start : self.position]

    def take(self, count: int) -> bytes:
        """Return exactly `count` bytes. The caller has checked `count` against a limit."""
        if count <= self.buffered:
            self.position += count
            return self.data[self.position - count : self.position]
        pieces = []
        while count:
            pieces.append(self.piece(count))
            count -= len(pieces[-1])
        return b"".join(pieces)

    def byte(self) -> int:
        """Return one byte as a number."""
        self.fill()
        self.position += 1
        return self.data[self.position - 1]

    def varint(self) -> int:
        """Return a number of at most 64 bits, written in 7-bit groups.

        Raises:
            ProtocolError: It is longer.
        """
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 - the highest bit says that more follow
                return value
        raise ProtocolError("a number is longer than 64 bits")

    def uint64(self) -> int:
        """Return eight bytes as a number."""
        return int(struct.unpack("<Q", self.take(8))[0])

    def text(self, most: int = NAME_BYTES) -> str:
        """Return a string of at most `most` bytes; invalid UTF-8 is replaced.

        Raises:
            ProtocolError: It is longer.
        """
        length = self.varint()
        if length > most:
            raise ProtocolError(f"a string of {length} bytes exceeds the limit of {most} bytes", 131)
        return self.take(length).decode(errors="replace")
