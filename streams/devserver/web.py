"""ClickHouse's HTTP interface, as far as clickhouse-connect and Grafana's plugin use it: `GET /ping` and queries on `/`."""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
import re
import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from streams.devserver import access, body, frames, native, sql
from streams.devserver.access import AUTHENTICATION_FAILED_CODE, NOBODY
from streams.devserver.channel import BLOCK_INFO, MARKED_BLOCKS
from streams.devserver.engine import Connection, QueryError
from streams.devserver.request import UNKNOWN_SETTING_CODE
from streams.devserver.wire import NOT_ENOUGH_SPACE_CODE, DisconnectedError, PatientSocket, ProtocolError, WireReader, no_space

if TYPE_CHECKING:
    from streams.devserver.server import WebServer

log = logging.getLogger(__name__)

UNKNOWN_TABLE_CODE = 60
READONLY_CODE = 164
MAX_RESULT_BYTES = 1024**3
_STATUS = {
    AUTHENTICATION_FAILED_CODE: HTTPStatus.FORBIDDEN,
    UNKNOWN_TABLE_CODE: HTTPStatus.NOT_FOUND,
    81: HTTPStatus.NOT_FOUND,
    62: HTTPStatus.BAD_REQUEST,
    body.TOO_LARGE_CODE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    body.CANNOT_DECOMPRESS: HTTPStatus.BAD_REQUEST,
    body.UNKNOWN_PACKING: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
_NOT_SETTINGS = re.compile(
    "query|query_id|database|default_format|user|password|session_id|session_timeout|session_check|compress|decompress|role|quota_key|client_protocol_version|"
    "enable_http_compression|http_zlib_compression_level|buffer_size|wait_end_of_query|close_session|send_progress_in_http_headers|"
    "cancel_http_readonly_queries_on_client_close|http_headers_progress_interval_ms|param_.*"
)
_TYPES = {
    "JSON": "application/json",
    "CSV": "text/csv",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "TabSeparated": "text/tab-separated-values",
    "TSV": "text/tab-separated-values",
}
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:;|SETTINGS\b|\Z)", re.IGNORECASE)


class Handler(BaseHTTPRequestHandler):
    """Answers one HTTP connection. Every request has its own connection to the engine."""

    server: WebServer
    protocol_version = "HTTP/1.1"
    server_version = "hydrometer-local"
    sys_version = ""

    def setup(self) -> None:
        """Read the client's words up to a deadline, instead of one that each byte renews."""
        super().setup()
        self._patience = PatientSocket(self.connection)
        self.rfile = io.BufferedReader(self._patience)

    def handle_one_request(self) -> None:
        """Wait for a request; drop a client that is too slow to say it."""
        self._patience.allow(self.server.limits.packet_seconds)
        try:
            super().handle_one_request()
        except DisconnectedError:
            self.close_connection = True

    def parse_request(self) -> bool:
        """Read the request's head; refuse what a page of another site lets the user's browser send."""
        if not super().parse_request():
            return False
        stranger = access.stranger(self.headers)
        if stranger:
            self.close_connection = True
            self._answer(HTTPStatus.FORBIDDEN, f"{stranger}\n".encode(), {"Content-Type": "text/plain; charset=UTF-8"})
        return not stranger

    def do_GET(self) -> None:
        """Answer a health check, or a query that only reads."""
        path, _, query = self.path.partition("?")
        if path == "/ping" or (path == "/" and not query):
            self._answer(HTTPStatus.OK, b"Ok.\n", {"Content-Type": "text/plain; charset=UTF-8"})
        else:
            self._query(path, query)

    def do_POST(self) -> None:
        """Answer a query; its text comes in the address, in the body, or first in the address with data in the body."""
        path, _, query = self.path.partition("?")
        self._query(path, query)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Write requests to our log at debug level, without their addresses: these may hold a password."""
        log.debug("%s %s", self.command, args[1] if len(args) > 1 else format)

    def _query(self, path: str, query: str) -> None:
        if path != "/":
            self._refuse(f"There is no handle {path[:200]}", UNKNOWN_TABLE_CODE)
            return
        try:
            fields = dict(parse_qsl(query, keep_blank_values=True))
            self._authenticate(fields)
            with closing(self.server.engine.connect()) as connection:
                self._run(connection, fields)
        except DisconnectedError:
            self.close_connection = True
        except (QueryError, sql.RefusedError, ProtocolError) as error:
            self._refuse(str(error), error.code)
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            self._refuse(str(no_space(error)), NOT_ENOUGH_SPACE_CODE)

    def _authenticate(self, fields: dict[str, str]) -> None:
        user = self.headers.get("X-ClickHouse-User") or fields.get("user", "default")
        password = self.headers.get("X-ClickHouse-Key") or fields.get("password", "")
        scheme, _, packed = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(packed).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                password = ""
        if not self.server.account.admits(user, password):
            raise sql.RefusedError(f"{user[:64]}: {NOBODY}", AUTHENTICATION_FAILED_CODE)

    # -- running

    def _run(self, connection: Connection, fields: dict[str, str]) -> None:
        database = self.headers.get("X-ClickHouse-Database") or fields.get("database")
        if database:
            sql.check_values([database], self.server.engine.refused)
            connection.run(f"USE {sql.identifier(database)}", "Null")
        connection.set(self._settings(fields))
        if self.command != "POST":
            connection.set({"readonly": "1"})  # last: nothing can be set after it
        words, data = self._statement(fields)
        sql.check(words, self.server.engine.refused)
        if self.command != "POST" and not sql.has_result(words):  # KILL and SYSTEM are no writes to the engine
            raise sql.RefusedError(f"a {self.command} only reads: send this statement by POST", READONLY_CODE)
        insert = sql.insert(words)
        if insert:
            self._insert(connection, insert, data)
        else:
            self._select(connection, fields, words)

    def _statement(self, fields: dict[str, str]) -> tuple[str, Iterator[bytes]]:
        """Tell a statement from the data of an INSERT: either may come in the body, or both."""
        if self.headers.get_content_maintype() == "multipart":
            raise ProtocolError(
                "forms of several parts are not read: put the query into the body, or the data into a table", body.UNKNOWN_PACKING
            )
        words = fields.get("query", "")
        data = body.pieces(self.rfile, self.headers, framed=fields.get("decompress") == "1")
        if sql.insert(words):
            return words, data
        text = body.whole(data, self.server.limits.query_bytes)
        start = None if words else sql.inline_data(text)
        if start is not None:
            return text[:start].decode(errors="replace"), iter([text[start:]])
        return "\n".join(filter(None, (words, text.decode(errors="replace")))), iter(())

    def _settings(self, fields: dict[str, str]) -> dict[str, str]:
        settings = {name: value for name, value in fields.items() if not _NOT_SETTINGS.fullmatch(name)}
        for name in settings:
            if name not in self.server.engine.known_settings:
                raise sql.RefusedError(f"Unknown setting '{name[:200]}'", UNKNOWN_SETTING_CODE)
        settings.setdefault("max_result_bytes", str(MAX_RESULT_BYTES))  # an answer is held in memory as a whole
        return settings

    def _select(self, connection: Connection, fields: dict[str, str], words: str) -> None:
        params = {name.removeprefix("param_"): value for name, value in fields.items() if name.startswith("param_")}
        form = self.headers.get("X-ClickHouse-Format") or fields.get("default_format") or "TabSeparated"
        sql.check_values(params.values(), self.server.engine.refused)
        result, summary = connection.answer(words, form, params)
        named = _FORMAT.search(sql.mask(words))
        form = named[1] if named else form
        kind = next((kind for start, kind in _TYPES.items() if form.startswith(start)), "text/plain")
        if form == "Native":
            revision = body.number(fields.get("client_protocol_version", ""))
            result = _for_client(result, revision, connection.kinds_of(sql.without_format(words), params) if revision else [])
        headers = {"Content-Type": f"{kind}; charset=UTF-8", "X-ClickHouse-Summary": json.dumps(summary)}
        headers |= {"X-ClickHouse-Format": form} if result or sql.has_result(words) else {}
        if fields.get("compress") == "1":
            result = frames.compress(result)
        elif fields.get("enable_http_compression") == "1":
            encoding, result = body.packed_for(self.headers, result)
            headers |= {"Content-Encoding": encoding} if encoding != "identity" else {}
        self._answer(HTTPStatus.OK, result, headers)

    def _insert(self, connection: Connection, insert: sql.Insert, data: Iterator[bytes]) -> None:
        path = self.server.engine.spool_file()
        try:
            size = body.store(data, path, self.server.limits.insert_bytes)
            run = connection.insert_native if insert.format == "Native" else connection.insert_file
            rows = run(insert, path) if size else 0
        finally:
            path.unlink()
        summary = json.dumps({"written_rows": str(rows), "written_bytes": str(size), "result_rows": str(rows)})
        self._answer(HTTPStatus.OK, b"", {"X-ClickHouse-Summary": summary, "Content-Type": "text/plain; charset=UTF-8"})

    # -- the answer

    def _refuse(self, reason: str, code: int) -> None:
        self.close_connection = True  # the rest of the body was not read
        shown = self.server.engine.named(reason.removeprefix("DB::Exception: "), code)
        words = f"Code: {code}. DB::Exception: {shown} (version {self.server.engine.version})\n".encode()
        status = _STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
        self._answer(status, words, {"X-ClickHouse-Exception-Code": str(code), "Content-Type": "text/plain; charset=UTF-8"})

    def _query_id(self) -> str:
        """Return the id that the client gave its query, or a new one."""
        given = dict(parse_qsl(self.path.partition("?")[2])).get("query_id", "")
        return given if re.fullmatch(r"[\w.:-]{1,128}", given, re.ASCII) else str(uuid.uuid4())

    def _answer(self, status: HTTPStatus, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-ClickHouse-Server-Display-Name", "hydrometer local")
        self.send_header("X-ClickHouse-Query-Id", self._query_id())
        self.send_header("X-ClickHouse-Timezone", self.server.engine.timezone)
        self.send_header("X-ClickHouse-Exception-Tag", secrets.token_hex(8))  # no data are taken for an error in the middle of an answer
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.connection.settimeout(self.server.limits.packet_seconds)
        self.wfile.write(content)


def _for_client(blocks: bytes, revision: int, kinds: Sequence[str] = ()) -> bytes:
    """Return Native blocks as a client of this revision reads them: each with its BlockInfo, and marks."""
    reader, out = WireReader.over(blocks), list[bytes]()
    while revision and reader.buffered:
        out.append(BLOCK_INFO)
        native.pass_block(reader, out.append, 2 * MAX_RESULT_BYTES, marks_out=revision >= MARKED_BLOCKS, kinds=kinds)
    return b"".join(out) or blocks
