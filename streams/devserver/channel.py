"""The two directions of one native connection: bytes in with a deadline, packets out."""

from __future__ import annotations

import logging
import select
import socket
import struct
from collections.abc import Sequence

from streams.devserver import frames, native
from streams.devserver.wire import PatientSocket, ProtocolError, WireReader, text, varint

log = logging.getLogger(__name__)

S_HELLO, S_DATA, S_EXCEPTION, S_PROGRESS, S_PONG, S_END, S_PROFILE, S_TOTALS, S_EXTREMES = range(9)
S_PROFILE_EVENTS = 14
BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
MARKED_BLOCKS = 54454
"""From this revision on each column of a block has a mark of its serialisation: one byte, 0."""


class Channel:
    """One client's socket. `reader` reads its packets; the `send_*` methods answer."""

    def __init__(self, sock: socket.socket, send_seconds: float) -> None:
        """Use the socket `sock`; a client that does not read an answer for `send_seconds` is dropped."""
        self._patience = PatientSocket(sock)
        self.reader = WireReader(self._patience.receive)
        self.revision = 0
        self.method = frames.LZ4  # of what is sent compressed
        self._sock = sock
        self._send_seconds = send_seconds
        self._arrivals = select.poll()
        self._arrivals.register(sock, select.POLLIN)

    @property
    def marks(self) -> bool:
        """Whether the columns of blocks carry marks."""
        return self.revision >= MARKED_BLOCKS

    def allow(self, seconds: float) -> None:
        """Set the deadline of the client's next packet to `seconds` from now."""
        self._patience.allow(seconds)

    def waiting(self) -> bool:
        """Return whether the client has sent bytes that are not read yet, or has left."""
        return bool(self.reader.buffered or self._arrivals.poll(0))

    def send(self, data: bytes) -> None:
        """Send one packet.

        Raises:
            OSError: the client is gone, or does not take it.
        """
        self._sock.settimeout(self._send_seconds)
        self._sock.sendall(data)

    def send_block(self, block: bytes, *, compressed: bool, kind: int = S_DATA) -> None:
        """Send a block (`kind`: of data, totals or extremes), in frames of the query's method if the client asked for it (`compressed`)."""
        body = BLOCK_INFO + block
        self.send(varint(kind) + text("") + (frames.compress(body, self.method) if compressed else body))

    def send_header(self, columns: Sequence[tuple[str, str]], *, compressed: bool) -> None:
        """Send a block that only names the columns (name, type)."""
        self.send_block(native.header(columns, marks=self.marks), compressed=compressed)

    def send_profile_events(self) -> None:
        """Send an empty block of profile events: newer clients wait for one after each block of an insert."""
        self.send(varint(S_PROFILE_EVENTS) + text("") + BLOCK_INFO + native.header([], marks=self.marks))

    def send_exception(self, words: str, code: int) -> None:
        """Send an exception with ClickHouse's `code`."""
        shown = words if words.startswith("DB::Exception") else f"DB::Exception: {words}"
        head = varint(S_EXCEPTION) + struct.pack("<i", code)
        self.send(head + text("DB::Exception") + text(shown) + text("") + b"\0")

    def close_because(self, error: ProtocolError) -> None:
        """Send the reason of the end, and let the client read it: a reset of the connection would discard it."""
        log.info("closing a client's connection: %s", error)
        try:
            self.send_exception(str(error), error.code)
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(1.0)
            for _ in range(64):
                if not self._sock.recv(65_536):
                    return
        except OSError:
            log.debug("the client did not wait for the reason")
