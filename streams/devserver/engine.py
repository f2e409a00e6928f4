"""chdb, ClickHouse's engine in this process: one engine per process, one connection per client."""

from __future__ import annotations

import fcntl
import functools
import importlib
import json
import os
import re
import secrets
import tempfile
import threading
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from streams.core.errors import MissingToolError, SettingsError
from streams.devserver import sql
from streams.devserver.confinement import Refused

_CODE = re.compile(r"Code: (\d+)\. (DB::Exception: .*)", re.DOTALL)
_NOT_STREAMED = "Streaming query is not supported for query"
_CHECKED_BYTES = 1024 * 1024
_DEFAULTS = {
    "async_insert": "0",  # 26.9 inserts asynchronously by default: the client would get success too early
    "output_format_native_write_json_as_string": "1",
}

_EXACT_JSON = {f"output_format_json_quote_{kind}": "1" for kind in ("64bit_integers", "64bit_floats", "denormals", "decimals")}


class QueryError(Exception):
    """The engine refused a statement. The client gets ClickHouse's code and message; the connection stays open."""

    def __init__(self, message: str, code: int) -> None:
        """Keep ClickHouse's error code."""
        super().__init__(message)
        self.code = code


def _explained(error: Exception) -> QueryError:
    words = str(error)
    found = _CODE.search(words)
    return QueryError(found[2], int(found[1])) if found else QueryError(f"DB::Exception: {words}", 1002)


class ClickHouseEngine:
    """The engine on one data directory, which only one process may use."""

    def __init__(self, data_dir: Path) -> None:
        """Open (and create) `data_dir`: `engine/` belongs to chdb, `spool/` to inserts that are arriving.

        Raises:
            MissingToolError: chdb is not installed.
            SettingsError: another process uses the directory, or it cannot be opened.
        """
        chdb = _chdb()
        self._connect = chdb.connect
        self._lock = _locked(data_dir)
        self._spool = data_dir / "spool"
        self._spool.mkdir(exist_ok=True)
        for left_over in self._spool.iterdir():
            left_over.unlink()
        hidden = f"files_{secrets.token_hex(8)}"
        path = (data_dir / "engine").resolve()
        _keep_default(path)
        self._path = f"{path}?default_database={hidden}"
        chdb._chdb.set_signal_handlers_enabled(0)  # noqa: SLF001 - the only way to keep SIGTERM and SIGINT ours
        try:
            self._control = self._connect(self._path)
        except RuntimeError as error:
            os.close(self._lock)
            raise SettingsError(f"the data directory {data_dir} cannot be opened: {' '.join(str(error).split())[:300]}") from error
        self._control_lock = threading.Lock()
        self._names: dict[int, str] = {}
        self.version: str = self._ask("SELECT version()").strip()
        self.timezone: str = self._ask("SELECT timezone()").strip()
        self.refused = Refused.of(lambda query: self._ask(query).split(), hidden)
        names = self._ask("SELECT name FROM system.settings").split()
        self.known_settings = frozenset(names) - {"log_comment"}  # it marks the query's client

    def connect(self) -> Connection:
        """Return a new connection, with its own database, settings and temporary tables."""
        try:
            raw = self._connect(self._path)
        except RuntimeError:  # a client dropped the database default
            self._ask("CREATE DATABASE IF NOT EXISTS default")
            raw = self._connect(self._path)
        return Connection(self, raw)

    def named(self, message: str, code: int) -> str:
        """Return an error's message with the name of its `code` at its end, which the engine leaves out of a syntax error."""
        if code not in self._names:
            self._names[code] = self._ask(f"SELECT errorCodeToName({code})").strip()
        name = self._names[code]
        return message if not name or f"({name})" in message else f"{message.rstrip()} ({name})"

    def spool_file(self) -> Path:
        """Return the path of a new, empty file for an insert's data. The caller removes it."""
        descriptor, path = tempfile.mkstemp(dir=self._spool)
        os.close(descriptor)
        return Path(path)

    def kill(self, mark: str | None = None) -> None:
        """Cancel the query of the connection marked `mark`, or of every connection."""
        whose = "1" if mark is None else f"Settings['log_comment'] = {sql.quote(mark)}"
        self._ask(f"KILL QUERY WHERE {whose} ASYNC")

    def close(self) -> None:
        """Close the engine and free the directory. Every connection must be closed before."""
        self._control.close()
        os.close(self._lock)

    def _ask(self, query: str) -> str:
        with self._control_lock:
            return bytes(self._control.query(query, "TSV").bytes()).decode()


def _chdb() -> Any:
    try:
        return importlib.import_module("chdb")
    except ImportError as error:
        raise MissingToolError("chdb is not installed: run pip install 'hydrometer[local]'") from error


def _locked(data_dir: Path) -> int:
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(descriptor, 32, 0).decode().strip()
        os.close(descriptor)
        raise SettingsError(f"the data directory {data_dir} is in use by process {owner}: stop it, or choose another directory") from error
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _keep_default(engine: Path) -> None:
    """Make `default` a database of tables alone.

    chdb would make it an overlay of tables and all files of the machine (`SELECT * FROM '/etc/passwd'`). It makes that of the database that
    `default_database` names, and gives it the UUID that the link `metadata/default` names.
    """
    metadata = engine / "metadata"
    metadata.mkdir(parents=True, exist_ok=True)
    link, definition = metadata / "default", metadata / "default.sql"
    if not definition.exists():
        number = link.readlink().name if link.is_symlink() else str(uuid.uuid4())
        definition.write_text(f"ATTACH DATABASE _ UUID '{number}'\nENGINE = Atomic\n")
    link.unlink(missing_ok=True)  # the engine makes it anew


def _native(path: Path) -> str:
    return f"SELECT * FROM file({sql.quote(str(path))}, 'Native')"  # noqa: S608 - quoted


class Whole(NamedTuple):
    """A whole result: the names and types of its columns, and Native blocks whose columns are numbered."""

    names: list[str]
    kinds: list[str]
    rows: bytes
    totals: bytes
    """Of a query `WITH TOTALS`, else b"". One row."""
    extremes: bytes
    """With the setting `extremes`, else b"". The row of minima, then that of maxima."""


class Connection:
    """One client's view of the engine. Used by one thread at a time, except `cancel`."""

    def __init__(self, engine: ClickHouseEngine, raw: Any) -> None:
        """Wrap a chdb connection; `mark` names its queries, so that they can be cancelled."""
        self.engine = engine
        self.mark = str(uuid.uuid4())
        self._raw = raw
        self._apply({**_DEFAULTS, "log_comment": self.mark})
        self.run("USE default", "Null")

    def run(self, query: str, form: str, params: Mapping[str, str] | None = None) -> bytes:
        """Return the whole result in the format `form` (a FORMAT clause wins); `params` are values for `{name:Type}`.

        Raises:
            QueryError: the engine refused it.
        """
        return bytes(self._result(query, form, params).bytes())

    def answer(self, query: str, form: str, params: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        """Return what `run` returns for a `query` in a `form` with `params`, and what it cost, as ClickHouse's HTTP summary names it.

        Raises:
            QueryError: the engine refused it.
        """
        result = self._result(query, form, params)
        content = bytes(result.bytes())
        figures = {
            "read_rows": result.storage_rows_read(),
            "read_bytes": result.storage_bytes_read(),
            "written_rows": result.rows_written(),
            "written_bytes": result.bytes_written(),
            "result_rows": result.rows_read(),
            "result_bytes": len(content),
            "elapsed_ns": round(result.elapsed() * 1e9),
        }
        return content, {name: str(value) for name, value in figures.items()}

    def stream(self, query: str, params: Mapping[str, str] | None = None) -> Generator[bytes, None, None]:
        """Yield the result in Native format, piece by piece; closing the iterator cancels the query.

        Raises:
            QueryError: the engine refused it, or it failed on the way.
        """
        try:
            result = self._raw.send_query(query, "Native", params=dict(params or {}))
        except RuntimeError as error:
            if _NOT_STREAMED not in str(error):
                raise _explained(error) from error
            yield self.run(query, "Native", params)
            return
        try:
            for piece in result:
                yield bytes(piece.bytes())
        except RuntimeError as error:
            raise _explained(error) from error
        finally:
            result.close()

    def with_totals(self, query: str, params: Mapping[str, str]) -> Whole:
        """Return a whole result with its totals and extremes, which the engine's Native format leaves out.

        The query runs once, as JSON whose numbers are exact, and the engine reads each part back.

        Raises:
            QueryError: the engine refused it.
        """
        restore = self.set(_EXACT_JSON)
        try:
            lines = self.run(query, "JSONCompactEachRowWithProgress", params).splitlines()
        finally:
            restore()
        parts: dict[bytes, list[bytes]] = {}
        for line in lines:  # {"kind":value}, whatever the order
            kind, _, value = line[2:-1].partition(b'":')
            parts.setdefault(kind, []).append(value)
        columns = json.loads(b"".join(parts.get(b"meta", [b"[]"])))
        kinds = [column["type"] for column in columns]
        part = functools.partial(self._native_of, kinds)
        extremes = parts.get(b"min", []) + parts.get(b"max", [])
        return Whole(
            [column["name"] for column in columns], kinds, part(parts.get(b"row", [])), part(parts.get(b"totals", [])), part(extremes)
        )

    def _native_of(self, kinds: Sequence[str], rows: Sequence[bytes]) -> bytes:
        """Return rows, each a JSON array, in Native format; the columns are numbered. b"" for no rows."""
        structure = ", ".join(f"`{number}` {kind}" for number, kind in enumerate(kinds))
        path = self.engine.spool_file()
        try:
            path.write_bytes(b"\n".join(rows))
            source = f"file({sql.quote(str(path))}, 'JSONCompactEachRow', {sql.quote(structure)})"
            return self.run(f"SELECT * FROM {source}", "Native") if rows else b""  # noqa: S608 - quoted
        finally:
            path.unlink()

    def kinds_of(self, words: str, params: Mapping[str, str]) -> list[str]:
        """Return the names of the types of a query's columns, if one has a zone that Native leaves out, else none."""
        try:
            kinds = [kind for _, kind, _ in self.describe(f"({words.strip().rstrip(';')}\n)", params)]
        except QueryError:  # not a SELECT, or its own error comes with the query
            return []
        return kinds if any(kind.startswith("DateTime(") for kind in kinds) else []

    def describe(self, what: str, params: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
        """Return name, type and kind of default of each column of `what`: a table, or a query in parentheses."""
        query = f"DESCRIBE {what} SETTINGS print_pretty_type_names = 0"
        rows = map(json.loads, self.run(query, "JSONCompactEachRow", params).splitlines())
        return [(name, kind, default) for name, kind, default, *_ in rows]

    def insert_columns(self, insert: sql.Insert) -> list[tuple[str, str]]:
        """Return the columns (name, type) that an INSERT expects, in its order."""
        what = f"(SELECT {insert.columns} FROM {insert.target})" if insert.columns else f"TABLE {insert.target}"  # noqa: S608
        return [(name, kind) for name, kind, default in self.describe(what) if default in ("", "DEFAULT")]

    def insert_native(self, insert: sql.Insert, path: Path) -> int:
        """Insert a file in Native format, completely or with an error; return the number of rows written.

        chdb's own `send_insert` reports success and loses rows when a constraint or a view fails: never use it.
        """
        source = f"{_native(path)} SETTINGS max_threads = 1, max_insert_threads = 1"  # rows keep their order
        return int(self._result(f"{insert.head} {insert.settings} {source}", "Null").rows_written())

    def insert_file(self, insert: sql.Insert, path: Path) -> int:
        """Insert a file in the INSERT's own format; return the number of rows written.

        Values are expressions: those of a file that is too large to be read here must be literals.

        Raises:
            RefusedError: the values would reach files or the network.
        """
        if insert.format.lower() == "values":
            if path.stat().st_size > _CHECKED_BYTES:
                self._apply({"input_format_values_interpret_expressions": "0"})
            elif reason := self.engine.refused.reason_in_values(path.read_text(errors="replace")):
                raise sql.RefusedError(f"hydrometer local refuses these values: {reason}", sql.SUPPORT_IS_DISABLED)
        source = f"FROM INFILE {sql.quote(str(path))} {insert.settings} FORMAT {insert.format}"
        return int(self._result(f"{insert.head} {source}", "Null").rows_written())

    def load(self, tables: Mapping[str, Path]) -> None:
        """Create a temporary table from each file in Native format."""
        for name, path in tables.items():
            self.run(f"CREATE TEMPORARY TABLE {sql.identifier(name)} AS {_native(path)}", "Null")

    def unload(self, tables: Mapping[str, Path]) -> None:
        """Drop the tables that `load` made."""
        for name in tables:
            self.run(f"DROP TEMPORARY TABLE IF EXISTS {sql.identifier(name)}", "Null")

    def set(self, settings: Mapping[str, str]) -> Callable[[], None]:
        """Apply settings for one query; the returned function restores the values before.

        Raises:
            RefusedError: one of them can name files, addresses or expressions.
        """
        for name in settings:
            if name in self.engine.refused.settings:
                raise sql.RefusedError(f"hydrometer local refuses the setting {name}", sql.SUPPORT_IS_DISABLED)
        names = ", ".join(f"toString(getSetting({sql.quote(name)}))" for name in settings)
        before = self._row(f"SELECT {names}") if settings else []
        self._apply(settings)
        return lambda: self._apply(dict(zip(settings, before, strict=True)))

    def on_progress(self, report: Callable[[dict[str, int]], None]) -> None:
        """Call `report` with the running totals of each query, about ten times a second, from the engine's thread."""
        self._raw.set_progress_callback(report)

    def cancel(self) -> None:
        """Cancel the running query, from any thread."""
        self.engine.kill(self.mark)

    def renewed(self) -> Connection:
        """Close this connection, and return a fresh one on the same database."""
        (database,) = self._row("SELECT currentDatabase()")
        self.close()
        fresh = self.engine.connect()
        fresh.run(f"USE {sql.identifier(database)}", "Null")
        return fresh

    def close(self) -> None:
        """Close the connection."""
        self._raw.close()

    def _row(self, query: str) -> list[Any]:
        """Return the one row of a query, in a format that never has extremes."""
        row: list[Any] = json.loads(self.run(query, "JSONCompactEachRow"))
        return row

    def _apply(self, settings: Mapping[str, str]) -> None:
        if settings:
            pairs = ", ".join(f"{name} = {sql.quote(value)}" for name, value in settings.items())
            self.run(f"SET {pairs}", "Null")

    def _result(self, query: str, form: str, params: Mapping[str, str] | None = None) -> Any:
        try:
            return self._raw.query(query, form, params=dict(params or {}))
        except RuntimeError as error:
            raise _explained(error) from error
