"""One client of the native protocol, from hello to goodbye.

The server announces revision 54459: the first with server-side parameters. Up to 54453 a chunk of chdb's Native format is the wire's
block; from 54454 on each column carries one more byte, which `native.pass_block` adds and removes.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from streams.devserver import frames, native, sql
from streams.devserver.access import AUTHENTICATION_FAILED_CODE, NOBODY, Account, ClientLimits
from streams.devserver.channel import S_DATA, S_END, S_EXTREMES, S_HELLO, S_PONG, S_PROFILE, S_PROGRESS, S_TOTALS, Channel
from streams.devserver.engine import ClickHouseEngine, Connection, QueryError
from streams.devserver.request import OLDEST, REVISION, Hello, Query, read_hello, read_query
from streams.devserver.wire import DisconnectedError, ProtocolError, WireReader, no_space, text, varint

T = TypeVar("T")
log = logging.getLogger(__name__)

C_QUERY, C_DATA, C_CANCEL, C_PING = range(1, 5)
ADDENDUM, INSERT_EVENTS = 54458, 54456
WRONG_COLUMNS = 171

_UNBOUNDED_BYTES = 1 << 62
_PROGRESS = ("read_rows", "read_bytes", "total_rows_to_read", "written_rows", "written_bytes")


class NativeSession:
    """Serves one client over a socket until it leaves, errs or is stopped."""

    def __init__(self, sock: socket.socket, engine: ClickHouseEngine, account: Account, limits: ClientLimits) -> None:
        """Make a session; `run` does the work."""
        self._channel = Channel(sock, limits.packet_seconds)
        self._engine = engine
        self._account = account
        self._limits = limits
        self._worker = ThreadPoolExecutor(1, "query")
        self._connection: Connection | None = None
        self._totals: dict[str, int] = {}
        self._reported: dict[str, int] = {}
        self._cancelled = False
        self._listening = True
        self._reports = False

    @property
    def connection(self) -> Connection:
        """The client's connection to the engine, open after the hello.

        Raises:
            ProtocolError: The client has not sent its hello.
        """
        if self._connection is None:
            raise ProtocolError("the first packet must be a hello")
        return self._connection

    def run(self) -> None:
        """Serve the client until the session ends. Never raises for a client's error."""
        try:
            self._channel.allow(self._limits.hello_seconds)
            self._greet(read_hello(self._channel.reader))
            while self._next():
                pass
        except DisconnectedError:
            log.debug("a client left in the middle of a packet")
        except ProtocolError as error:
            self._channel.close_because(error)
        except (ConnectionError, TimeoutError) as error:
            log.debug("a client's connection broke: %s", error)
        except OSError as error:  # of a file of ours, as on a full disk: the client is told
            self._channel.close_because(no_space(error))
        finally:
            self._worker.shutdown()
            if self._connection:
                self._connection.close()

    def _greet(self, hello: Hello) -> None:
        if not self._account.admits(hello.user, hello.password):
            raise ProtocolError(f"{hello.user[:64]}: {NOBODY}", AUTHENTICATION_FAILED_CODE)
        if hello.revision < OLDEST:
            raise ProtocolError(f"the client's revision {hello.revision} is older than {OLDEST}: use a newer client")
        self._channel.revision = min(hello.revision, REVISION)
        self._connection = self._engine.connect()
        self._connection.on_progress(self._totals.update)
        if hello.database:
            try:
                sql.check_values([hello.database], self._engine.refused)
                self._connection.run(f"USE {sql.identifier(hello.database)}", "Null")
            except (QueryError, sql.RefusedError) as error:
                raise ProtocolError(str(error), error.code) from error
        major, minor, patch = (varint(int(part)) for part in self._engine.version.split(".")[:3])
        names = text(self._engine.timezone) + text("hydrometer local")
        self._channel.send(varint(S_HELLO) + text("ClickHouse") + major + minor + varint(REVISION) + names + patch)
        if self._channel.revision >= ADDENDUM:
            self._channel.reader.text()  # the quota key

    def _next(self) -> bool:
        """Serve one packet; False when the client has left between packets."""
        self._channel.allow(self._limits.idle_seconds)
        reader = self._channel.reader
        try:
            reader.fill()
        except DisconnectedError:
            return False
        self._channel.allow(self._limits.packet_seconds)
        kind = reader.varint()
        if kind == C_PING:
            self._channel.send(varint(S_PONG))
        elif kind == C_QUERY:
            self._query(read_query(reader, self._channel.revision, self._engine.known_settings, self._limits.query_bytes))
        elif kind != C_CANCEL:  # a cancel that came after its query ended
            raise ProtocolError(f"unexpected packet {kind} from the client")
        return True

    # -- queries

    def _query(self, query: Query) -> None:
        self._cancelled, self._listening, self._reports = False, True, False
        zstd = query.settings.get("network_compression_method", "").upper() == "ZSTD"
        self._channel.method = frames.ZSTD if zstd else frames.LZ4
        externals = self._read_externals(compressed=query.compressed)
        try:
            sql.check(query.text, self._engine.refused)
            sql.check_values(query.params.values(), self._engine.refused)
            self._prepared(query, externals)
        except (QueryError, sql.RefusedError) as error:
            self._channel.send_exception(self._engine.named(str(error), error.code), error.code)
        finally:
            _remove(externals)

    def _prepared(self, query: Query, externals: Mapping[str, Path]) -> None:
        """Answer with the query's own settings and tables, which are gone afterwards."""
        restore = self._wait(lambda: self.connection.set(query.settings))
        try:
            self._wait(lambda: self.connection.load(externals))
            self._answer(query)
        finally:
            try:
                self._wait(lambda: self.connection.unload(externals))
                self._wait(restore)
            except QueryError:  # with `readonly` set, nothing can be set back
                self._connection = self._wait(self.connection.renewed)
                self._connection.on_progress(self._totals.update)

    def _answer(self, query: Query) -> None:
        inline = sql.inline_data(query.text.encode())
        if inline:
            self._insert_inline(query.text.encode(), inline)
        elif insert := sql.insert(query.text):
            self._insert(insert, compressed=query.compressed)
        else:
            self._select(query)
        self._send_progress()
        self._reports = False
        self._channel.send(varint(S_END))

    def _select(self, query: Query) -> None:
        words = sql.without_format(query.text)
        kinds = self._wait(lambda: self.connection.kinds_of(words, query.params)) if sql.has_result(words) else []
        self._report(allowed=True)
        if sql.has_totals(words) or query.settings.get("extremes", "0") != "0":
            self._select_whole(words, query)
            return
        pieces = self.connection.stream(words, query.params)
        sent: list[native.Shape] = []
        try:
            while not self._cancelled and (piece := self._wait(lambda: next(pieces, None))) is not None:
                sent += self._send_piece(piece, kinds, compressed=query.compressed, first=not sent)
                self._heed_cancel()
        except QueryError:
            if not self._cancelled:
                raise
        finally:
            self._wait(pieces.close)
        if not sent and not self._cancelled:
            self._send_empty(words, query)
        self._send_profile(sent)

    def _send_profile(self, sent: Sequence[native.Shape]) -> None:
        rows = sum(shape.rows for shape in sent)
        self._channel.send(varint(S_PROFILE) + varint(rows) + varint(len(sent)) + varint(0) + b"\0" + varint(0) + b"\0")

    def _select_whole(self, words: str, query: Query) -> None:
        """Answer with a result that may have totals and extremes."""
        whole = self._wait(lambda: self.connection.with_totals(words, query.params))
        sent: list[native.Shape] = []
        for kind, part in ((S_DATA, whole.rows), (S_TOTALS, whole.totals), (S_EXTREMES, whole.extremes)):
            if kind == S_DATA and not part:
                self._send_empty(words, query)
            for shape, block in self._blocks(part, whole.names, whole.kinds):
                if kind == S_DATA and not sent:
                    self._channel.send_header(shape.columns, compressed=query.compressed)
                self._channel.send_block(block, compressed=query.compressed, kind=kind)
                sent += [shape] * (kind == S_DATA)
        self._send_profile(sent)

    def _send_piece(self, piece: bytes, kinds: Sequence[str], *, compressed: bool, first: bool) -> list[native.Shape]:
        shapes: list[native.Shape] = []
        for shape, block in self._blocks(piece, kinds=kinds):
            if first and not shapes:
                self._channel.send_header(shape.columns, compressed=compressed)
            self._channel.send_block(block, compressed=compressed)
            shapes.append(shape)
        self._send_progress()
        return shapes

    def _blocks(self, piece: bytes, names: Sequence[str] = (), kinds: Sequence[str] = ()) -> Iterator[tuple[native.Shape, bytes]]:
        reader = WireReader.over(piece)
        while reader.buffered:
            out: list[bytes] = []
            try:
                shape = native.pass_block(reader, out.append, _UNBOUNDED_BYTES, marks_out=self._channel.marks, names=names, kinds=kinds)
            except ProtocolError as error:  # the type is not supported by the protocol: not the client's fault
                raise QueryError(str(error), error.code) from error
            yield shape, b"".join(out)

    def _send_empty(self, words: str, query: Query) -> None:
        """Name the columns of a result without rows, if there are any."""
        try:
            columns = self._wait(lambda: self.connection.describe(f"({words.strip().rstrip(';')}\n)", query.params))
        except QueryError:
            return  # not a SELECT
        self._channel.send_header([column[:2] for column in columns], compressed=query.compressed)

    def _report(self, *, allowed: bool) -> None:
        """Report progress from here on: clients do not expect it while a query is prepared."""
        self._totals.clear()
        self._reported, self._reports = {}, allowed

    def _send_progress(self) -> None:
        totals = dict(self._totals)
        steps = [max(totals.get(name, 0) - self._reported.get(name, 0), 0) for name in _PROGRESS]
        self._reported = totals
        if self._reports and any(steps):
            self._channel.send(varint(S_PROGRESS) + b"".join(map(varint, steps)))

    # -- waiting for the engine

    def _wait(self, work: Callable[[], T]) -> T:
        """Run `work` on the session's worker thread; meanwhile report progress and watch for a cancel."""
        future: Future[T] = self._worker.submit(work)
        while not wait([future], timeout=0.1).done:
            if self._heed_cancel():
                self.connection.cancel()
            self._send_progress()
        return future.result()

    def _heed_cancel(self) -> bool:
        """Return whether the client has cancelled its query, or left."""
        if not self._listening or not self._channel.waiting():
            return False
        self._listening = False
        reader = self._channel.reader
        try:
            reader.fill()
        except DisconnectedError:
            self._cancelled = True
            return True
        if reader.data[reader.position] == C_CANCEL:
            reader.byte()
            self._cancelled = True
        return self._cancelled

    # -- data from the client

    def _insert(self, insert: sql.Insert, *, compressed: bool) -> None:
        columns = self._wait(lambda: self.connection.insert_columns(insert))
        self._channel.send_header(columns, compressed=compressed)
        path = self._engine.spool_file()
        try:
            if self._spool(path, columns, compressed=compressed):
                self._report(allowed=self._channel.revision >= INSERT_EVENTS)  # older clients read only one packet after an insert, the end
                self._totals["written_rows"] = self._wait(lambda: self.connection.insert_native(insert, path))
            self._send_progress()
            self._acknowledge()
        finally:
            path.unlink()

    def _insert_inline(self, statement: bytes, start: int) -> None:
        insert, path = sql.insert(statement[:start].decode()), self._engine.spool_file()
        try:
            path.write_bytes(statement[start:])
            if insert:
                self._totals["written_rows"] = self._wait(lambda: self.connection.insert_file(insert, path))
        finally:
            path.unlink()

    def _spool(self, path: Path, columns: list[tuple[str, str]], *, compressed: bool) -> int:
        """Write the client's blocks to `path` up to the empty one, and return their rows."""
        rows, names = 0, [name for name, _ in columns]
        with path.open("wb") as file:
            while shape := self._read_data(file.write, self._limits.insert_bytes - file.tell(), compressed=compressed)[1]:
                if [name for name, _ in shape.columns] != names:
                    raise ProtocolError("the columns of a block differ from those of the INSERT", WRONG_COLUMNS)
                rows += shape.rows
                self._acknowledge()
        return rows

    def _acknowledge(self) -> None:
        if self._channel.revision >= INSERT_EVENTS:
            self._channel.send_profile_events()

    def _read_data(self, write: Callable[[bytes], object], budget: int, *, compressed: bool) -> tuple[str, native.Shape | None]:
        """Read one data packet; return its table's name, and its shape, or None for the empty block that ends the data."""
        self._channel.allow(self._limits.packet_seconds)
        raw = self._channel.reader
        if (kind := raw.varint()) != C_DATA:
            raise ProtocolError(f"unexpected packet {kind} instead of data")
        name = raw.text()
        reader = WireReader(lambda: frames.read_frame(raw)) if compressed else raw
        native.skip_info(reader)
        shape = native.pass_block(reader, write, budget, marks_in=self._channel.marks)
        if compressed and reader.buffered:
            raise ProtocolError("a compressed block is followed by other bytes in its frame")
        return name, shape if shape.columns else None

    def _read_externals(self, *, compressed: bool) -> dict[str, Path]:
        """Read the tables that a client sends along with a query, up to the empty block that ends them."""
        files: dict[str, Path] = {}
        path = self._engine.spool_file()
        try:
            while True:
                with path.open("wb") as file:
                    name, shape = self._read_data(file.write, self._limits.insert_bytes, compressed=compressed)
                if not shape:
                    path.unlink()
                    return files
                files[name], path = path, self._engine.spool_file()
        except (ProtocolError, OSError):
            _remove({**files, "": path})
            raise


def _remove(files: Mapping[str, Path]) -> None:
    for path in files.values():
        path.unlink(missing_ok=True)
