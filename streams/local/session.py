"""One client of the native protocol, from hello to goodbye.

The server announces revision 54459: the first with server-side parameters. Up to 54453 a chunk of chdb's Native format is the wire's
block; from 54454 on each column carries one more byte, which `native.pass_block` adds and removes.
"""

from __future__ import annotations

import hmac
import logging
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from streams.local import frames, native, sql
from streams.local.engine import UNKNOWN_SETTING, Connection, Engine, QueryError
from streams.local.wire import DisconnectedError, ProtocolError, Reader, text, varint

T = TypeVar("T")
log = logging.getLogger(__name__)

REVISION, OLDEST = 54459, 54429
MARKED_BLOCKS, PARAMETERS, ADDENDUM, START_TIME, DEPTH = 54454, 54459, 54458, 54449, 54448
SECRET, TRACE, REPLICAS, INSERT_EVENTS = 54441, 54442, 54453, 54456

C_HELLO, C_QUERY, C_DATA, C_CANCEL, C_PING = range(5)
S_HELLO, S_DATA, S_EXCEPTION, S_PROGRESS, S_PONG, S_END, S_PROFILE = range(7)
S_PROFILE_EVENTS = 14

BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
IMPORTANT = 1
AUTHENTICATION_FAILED, CLIENT_TOO_OLD = 516, 99


@dataclass(frozen=True)
class Limits:
    """How much of a client is believed, and for how long."""

    hello_seconds: float = 10.0
    packet_seconds: float = 120.0
    """Longest time for one packet to arrive, or one chunk to be taken."""
    idle_seconds: float = 3600.0
    query_bytes: int = 16 * 1024 * 1024
    insert_bytes: int = 4 * 1024**3
    """Most bytes of one insert: they wait on disk until the last block has come."""
    clients: int = 64


@dataclass(frozen=True)
class Account:
    """The one user of a local server."""

    user: str
    password: str

    def admits(self, user: str, password: str) -> bool:
        """Tell whether these are the right name and password, in constant time."""
        named = hmac.compare_digest(user.encode(), self.user.encode())
        return hmac.compare_digest(password.encode(), self.password.encode()) and named


@dataclass
class _Query:
    text: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    compressed: bool = False


class Session:
    """Speaks with one client over `sock` until it leaves, errs or is told to stop."""

    def __init__(self, sock: socket.socket, engine: Engine, account: Account, limits: Limits) -> None:
        """Make a session; `run` does the work."""
        self._sock = sock
        self._engine = engine
        self._account = account
        self._limits = limits
        self._deadline = time.monotonic() + limits.hello_seconds
        self._reader = Reader(self._receive)
        self._revision = 0
        self._connection: Connection | None = None
        self._worker = ThreadPoolExecutor(1, "query")
        self._totals: dict[str, int] = {}
        self._sent_totals: dict[str, int] = {}
        self._cancelled = False
        self._listening = True

    @property
    def connection(self) -> Connection:
        """The session's connection to the engine, open after the hello."""
        if self._connection is None:
            message = "the first packet must be a hello"
            raise ProtocolError(message)
        return self._connection

    def run(self) -> None:
        """Serve the client. Returns when the conversation is over; never raises for what a client did."""
        try:
            self._hello()
            while self._next():
                pass
        except DisconnectedError:
            log.debug("a client left in the middle of a packet")
        except (ProtocolError, QueryError) as error:
            self._last_words(error)
        except OSError as error:
            log.debug("a client's connection broke: %s", error)
        finally:
            self._worker.shutdown()
            if self._connection:
                self._connection.close()

    # -- bytes

    def _receive(self) -> bytes:
        self._sock.settimeout(max(self._deadline - time.monotonic(), 0.001))
        try:
            return self._sock.recv(262_144)
        except TimeoutError as error:
            message = "the client was silent for too long"
            raise DisconnectedError(message) from error

    def _send(self, data: bytes) -> None:
        self._sock.settimeout(self._limits.packet_seconds)
        self._sock.sendall(data)

    def _exception(self, error: ProtocolError | QueryError | sql.RefusedError) -> None:
        words = str(error)
        shown = words if words.startswith("DB::Exception") else f"DB::Exception: {words}"
        self._send(varint(S_EXCEPTION) + struct.pack("<i", error.code) + text("DB::Exception") + text(shown) + text("") + b"\0")

    def _last_words(self, error: ProtocolError | QueryError) -> None:
        """Say why the connection ends, and let the client read it: a reset would throw it away."""
        log.info("closing a client's connection: %s", error)
        try:
            self._exception(error)
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(1.0)
            for _ in range(64):
                if not self._sock.recv(262_144):
                    return
        except OSError:
            log.debug("the client did not wait for the reason")

    # -- hello

    def _hello(self) -> None:
        reader = self._reader
        if reader.varint() != C_HELLO:
            message = "the first packet must be a hello of ClickHouse's native protocol"
            raise ProtocolError(message)
        reader.text(), reader.varint(), reader.varint()
        revision = reader.varint()
        database, user, password = reader.text(), reader.text(), reader.text()
        if not self._account.admits(user, password):
            message = f"{user[:64]}: Authentication failed: password is incorrect, or there is no user with such name."
            raise ProtocolError(message, AUTHENTICATION_FAILED)
        if revision < OLDEST:
            message = f"the client's revision {revision} is older than {OLDEST}: use a newer client"
            raise ProtocolError(message, CLIENT_TOO_OLD)
        self._revision = min(revision, REVISION)
        self._connection = self._engine.connect()
        self._connection.on_progress(self._totals.update)
        if database:
            self._connection.run(f"USE {sql.identifier(database)}", "Null")
        self._greet()

    def _greet(self) -> None:
        major, minor, patch = (int(part) for part in self._engine.version.split(".")[:3])
        numbers = varint(major) + varint(minor) + varint(REVISION)
        self._send(
            varint(S_HELLO) + text("ClickHouse") + numbers + text(self._engine.timezone) + text("hydrometer local") + varint(patch)
        )
        if self._revision >= ADDENDUM:
            self._reader.text()  # the quota key

    # -- packets

    def _next(self) -> bool:
        """Serve one packet; False when the client has left between packets."""
        self._deadline = time.monotonic() + self._limits.idle_seconds
        try:
            self._reader.fill()
        except DisconnectedError:
            return False
        self._deadline = time.monotonic() + self._limits.packet_seconds
        kind = self._reader.varint()
        if kind == C_PING:
            self._send(varint(S_PONG))
        elif kind == C_QUERY:
            self._query(self._read_query())
        elif kind != C_CANCEL:  # a cancel that came after its query ended
            message = f"unexpected packet {kind} from the client"
            raise ProtocolError(message)
        return True

    def _read_query(self) -> _Query:
        reader, revision = self._reader, self._revision
        reader.text()  # the query's id
        self._skip_client_info()
        settings = self._read_settings()
        if revision >= SECRET:
            reader.text()
        reader.varint()  # the stage
        compressed = bool(reader.varint())
        words = reader.text(self._limits.query_bytes)
        params = self._read_settings() if revision >= PARAMETERS else {}
        query = _Query(words, self._known(settings), {}, compressed)
        query.params = {name: sql.unquote(value) for name, (value, _) in params.items()}
        return query

    def _skip_client_info(self) -> None:
        reader, revision = self._reader, self._revision
        if not reader.byte():
            return
        for _ in range(3):  # the initial user, query and address
            reader.text()
        reader.take(8 * (revision >= START_TIME) + 1)
        for _ in range(3):  # the client's user, host and name
            reader.text()
        for _ in range(3):  # its version
            reader.varint()
        reader.text()  # the quota key
        if revision >= DEPTH:
            reader.varint()
        reader.varint()  # the patch of its version
        if revision >= TRACE and reader.byte():
            reader.take(24)
            reader.text()
            reader.take(1)
        for _ in range(3 * (revision >= REPLICAS)):
            reader.varint()

    def _read_settings(self) -> dict[str, tuple[str, int]]:
        settings: dict[str, tuple[str, int]] = {}
        while name := self._reader.text():
            flags = self._reader.varint()
            settings[name] = self._reader.text(self._limits.query_bytes), flags
        return settings

    def _known(self, settings: Mapping[str, tuple[str, int]]) -> dict[str, str]:
        """Drop unknown settings, as ClickHouse does, unless the client calls them important."""
        known = self._engine.known_settings
        for name, (_, flags) in settings.items():
            if name not in known and flags & IMPORTANT:
                message = f"Unknown setting '{name[:200]}'"
                raise ProtocolError(message, UNKNOWN_SETTING)
        return {name: value for name, (value, _) in settings.items() if name in known}

    # -- queries

    def _query(self, query: _Query) -> None:
        self._cancelled, self._listening = False, True
        self._totals.clear()
        self._sent_totals = {}
        externals = self._read_externals(query)
        try:
            sql.check(query.text)
            self._wait(lambda: self._load_externals(externals))
            restore = self._wait(lambda: self.connection.set(query.settings))
            try:
                self._answer(query)
            finally:
                self._wait(restore)
                self._wait(lambda: self._drop_externals(externals))
        except (QueryError, sql.RefusedError) as error:
            self._exception(error)
        finally:
            _remove(externals)

    def _answer(self, query: _Query) -> None:
        insert = sql.insert(query.text)
        if insert:
            self._insert(query, insert)
        else:
            self._select(query)
        self._send_progress()
        self._send(varint(S_END))

    def _select(self, query: _Query) -> None:
        words = sql.without_format(query.text)
        pieces = self.connection.stream(words, query.params)
        rows = blocks = size = 0
        try:
            while not self._cancelled and (piece := self._wait(lambda: next(pieces, None))) is not None:
                for shape, block in self._blocks(piece):
                    if not blocks:
                        self._send_block(native.header(shape.columns, marks=self._marks), query.compressed)
                    self._send_block(block, query.compressed)
                    rows, blocks, size = rows + shape.rows, blocks + 1, size + len(block)
                self._send_progress()
        except QueryError:
            if not self._cancelled:
                raise
        finally:
            self._wait(pieces.close)
        if not blocks and not self._cancelled:
            self._send_empty_header(query, words)
        self._send(varint(S_PROFILE) + varint(rows) + varint(blocks) + varint(size) + b"\0" + varint(0) + b"\0")

    def _send_empty_header(self, query: _Query, words: str) -> None:
        """Name the columns of a result without rows, if it is one."""
        try:
            columns = self._wait(lambda: self.connection.describe(f"({words.strip().rstrip(';')}\n)", query.params))
        except QueryError:
            return  # not a SELECT
        self._send_block(native.header([column[:2] for column in columns], marks=self._marks), query.compressed)

    def _blocks(self, piece: bytes) -> Iterator[tuple[native.Shape, bytes]]:
        reader = Reader.over(piece)
        while reader.buffered:
            out: list[bytes] = []
            shape = native.pass_block(reader, out.append, 1 << 62, marks_out=self._marks)
            yield shape, b"".join(out)

    @property
    def _marks(self) -> bool:
        return self._revision >= MARKED_BLOCKS

    def _send_block(self, block: bytes, compressed: bool) -> None:  # noqa: FBT001
        body = BLOCK_INFO + block
        self._send(varint(S_DATA) + text("") + (frames.compress(body) if compressed else body))

    def _send_progress(self) -> None:
        names = ("read_rows", "read_bytes", "total_rows_to_read", "written_rows", "written_bytes")
        totals = dict(self._totals)
        steps = [max(totals.get(name, 0) - self._sent_totals.get(name, 0), 0) for name in names]
        self._sent_totals = totals
        if any(steps):
            self._send(varint(S_PROGRESS) + b"".join(map(varint, steps)))

    # -- waiting for the engine

    def _wait(self, work: Callable[[], T]) -> T:
        """Do `work` on the session's worker, and meanwhile report progress and listen for a cancel."""
        future: Future[T] = self._worker.submit(work)
        while not wait([future], timeout=0.1).done:
            if self._wants_cancel():
                self._cancelled = True
                self.connection.cancel()
            self._send_progress()
        return future.result()

    def _wants_cancel(self) -> bool:
        if not self._listening:
            return False
        if not self._reader.buffered and not select.select([self._sock], [], [], 0)[0]:
            return False
        self._listening = False
        try:
            self._reader.fill()
        except DisconnectedError:
            return True
        if self._reader.data[self._reader.position] != C_CANCEL:
            return False
        self._reader.byte()
        return True

    # -- inserts

    def _insert(self, query: _Query, insert: sql.Insert) -> None:
        columns = self._wait(lambda: self.connection.insert_columns(insert))
        self._send_block(native.header(columns, marks=self._marks), query.compressed)
        path = self._engine.spool_file()
        try:
            rows = self._spool(path, query.compressed, columns)
            if rows:
                self._totals["written_rows"] = self._wait(lambda: self.connection.insert_native(insert, path))
        finally:
            path.unlink()

    def _spool(self, path: Path, compressed: bool, columns: list[tuple[str, str]]) -> int:  # noqa: FBT001
        """Write the client's blocks to `path` until the empty one, and return their rows."""
        rows = 0
        with path.open("wb") as file:
            while True:
                self._deadline = time.monotonic() + self._limits.packet_seconds
                self._expect_data()
                shape = self._read_block(file.write, compressed, self._limits.insert_bytes - file.tell())
                self._acknowledge_block()
                if not shape.columns:
                    return rows
                rows += shape.rows
                if [name for name, _ in shape.columns] != [name for name, _ in columns]:
                    message = "the columns of a block are not those of the INSERT"
                    raise ProtocolError(message, 171)

    def _acknowledge_block(self) -> None:
        """Send the (empty) profile events that newer clients wait for after each block."""
        if self._revision >= INSERT_EVENTS:
            self._send(varint(S_PROFILE_EVENTS) + text("") + BLOCK_INFO + native.header([], marks=self._marks))

    def _expect_data(self) -> str:
        kind = self._reader.varint()
        if kind != C_DATA:
            message = f"unexpected packet {kind} instead of data"
            raise ProtocolError(message)
        return self._reader.text()

    def _read_block(self, write: Callable[[bytes], object], compressed: bool, budget: int) -> native.Shape:  # noqa: FBT001
        reader = Reader(lambda: frames.read_frame(self._reader)) if compressed else self._reader
        while number := reader.varint():
            if number not in (1, 2):
                message = f"unknown field {number} of a block's information"
                raise ProtocolError(message)
            reader.take(1 if number == 1 else 4)
        shape = native.pass_block(reader, write, budget, marks_in=self._marks)
        if compressed and reader.buffered:
            message = "a compressed block is followed by other bytes in its frame"
            raise ProtocolError(message)
        return shape

    def _read_externals(self, query: _Query) -> dict[str, Path]:
        """Read the tables that a client sends along with a query, up to the empty block that ends them."""
        files: dict[str, Path] = {}
        try:
            while True:
                self._deadline = time.monotonic() + self._limits.packet_seconds
                name = self._expect_data()
                path = files.get(name) or self._engine.spool_file()
                with path.open("ab") as file:
                    files[name] = path
                    if not self._read_block(file.write, query.compressed, self._limits.insert_bytes).columns:
                        files.pop(name).unlink()
                        return files
        except BaseException:
            _remove(files)
            raise

    def _load_externals(self, files: Mapping[str, Path]) -> None:
        for name, path in files.items():
            source = f"SELECT * FROM file({sql.quote(str(path))}, 'Native')"
            self.connection.run(f"CREATE TEMPORARY TABLE {sql.identifier(name)} AS {source}", "Null")

    def _drop_externals(self, files: Mapping[str, Path]) -> None:
        for name in files:
            self.connection.run(f"DROP TEMPORARY TABLE IF EXISTS {sql.identifier(name)}", "Null")


def _remove(files: Mapping[str, Path]) -> None:
    for path in files.values():
        path.unlink()
