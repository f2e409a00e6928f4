"""The local server: two listeners on loopback, native and HTTP, in front of one engine.

    python -m streams.devserver --data-dir D --native-port N --http-port M --user U --password-file F

prints one line of JSON with its ports when it is ready, and ends on SIGTERM or SIGINT.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import struct
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from streams.core.errors import SettingsError
from streams.core.loopback import is_loopback
from streams.devserver.access import Account, ClientLimits
from streams.devserver.engine import ClickHouseEngine
from streams.devserver.session import NativeSession
from streams.devserver.web import Handler
from streams.devserver.wire import text, varint

log = logging.getLogger(__name__)

TOO_MANY_CODE = 202
_STOP_SECONDS = 10.0


class _Clients(socketserver.ThreadingTCPServer):
    """One thread per client, up to a maximum, and a way to stop them all."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    busy = b""
    handler: type[socketserver.BaseRequestHandler]

    def __init__(self, address: tuple[str, int], engine: ClickHouseEngine, account: Account, limits: ClientLimits) -> None:
        """Listen on a loopback `address`."""
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.engine, self.account, self.limits = engine, account, limits
        self._open: set[socket.socket] = set()
        self._room = threading.BoundedSemaphore(limits.clients)
        super().__init__(address, self.handler)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a client in its own thread, or answer that the server is full."""
        if not self._room.acquire(blocking=False):
            self._turn_away(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a client, then free its slot."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)
            self._room.release()

    def _turn_away(self, request: socket.socket) -> None:
        request.settimeout(1.0)
        try:
            request.sendall(self.busy)
            request.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        request.close()

    def hang_up(self) -> None:
        """Stop every session; each then cancels its query."""
        for request in list(self._open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it ended by itself

    def drain(self, end: float) -> None:
        """Wait until every session has ended, or until the monotonic time `end`."""
        while self._open and time.monotonic() < end:
            time.sleep(0.02)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections; print every other error, which is our bug. The server goes on."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Native(socketserver.BaseRequestHandler):
    server: NativeServer

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        NativeSession(self.request, self.server.engine, self.server.account, self.server.limits).run()


class NativeServer(_Clients):
    """The native protocol's listener."""

    handler = _Native
    busy = varint(2) + struct.pack("<i", TOO_MANY_CODE) + text("DB::Exception") + text("DB::Exception: Too many clients") + text("") + b"\0"


class WebServer(_Clients):
    """The HTTP listener."""

    handler = Handler
    busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class LocalServer:
    """ClickHouse's engine on `data_dir`, served on loopback. One per process, as the engine requires.

    with LocalServer(data_dir, user="hydrometer", password="...") as server:
        Client("127.0.0.1", server.native_port, user="hydrometer", password="...")
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        user: str,
        password: str,
        host: str = "127.0.0.1",
        native_port: int = 0,
        http_port: int = 0,
        limits: ClientLimits | None = None,
    ) -> None:
        """Prepare a server; a `native_port` or `http_port` of 0 is a free one.

        Raises:
            SettingsError: `host` is not a loopback address, or there is no user or password.
        """
        if not is_loopback(host):
            raise SettingsError(f"hydrometer local listens on loopback only, not on {host}: use 127.0.0.1, or a real ClickHouse")
        if not user or not password:
            raise SettingsError(
                "hydrometer local needs a user and a password: set HYDROMETER_CLICKHOUSE_USER and HYDROMETER_CLICKHOUSE_PASSWORD"
            )
        self._data_dir, self._host = data_dir, host
        self._ports = native_port, http_port
        self._account, self._limits = Account(user, password), limits or ClientLimits()
        self._engine: ClickHouseEngine | None = None
        self._listeners: list[_Clients] = []
        self._threads: list[threading.Thread] = []

    @property
    def native_port(self) -> int:
        """The port of the native protocol. The server must be running."""
        return self._listeners[0].port

    @property
    def http_port(self) -> int:
        """The port of HTTP. The server must be running."""
        return self._listeners[1].port

    def start(self) -> None:
        """Open the engine and listen.

        Raises:
            MissingToolError: chdb is not installed.
            SettingsError: the data directory or a port is in use.
        """
        self._engine = ClickHouseEngine(self._data_dir)
        try:
            for kind, port in zip((NativeServer, WebServer), self._ports, strict=True):
                self._listeners.append(kind((self._host, port), self._engine, self._account, self._limits))
        except OSError as error:
            self.stop()
            raise SettingsError(f"cannot listen on {self._host}:{port}: {error.strerror}: choose another port") from error
        for listener in self._listeners:
            thread = threading.Thread(target=listener.serve_forever, args=(0.2,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Close the ports, stop every session and query, close the engine and free the directory."""
        for listener, _ in zip(self._listeners, self._threads, strict=False):
            listener.shutdown()
        for listener in self._listeners:
            listener.server_close()
            listener.hang_up()
        for thread in self._threads:
            thread.join()
        if self._engine:
            self._engine.kill()
            end = time.monotonic() + _STOP_SECONDS
            for listener in self._listeners:
                listener.drain(end)
            self._engine.close()
        self._listeners, self._threads, self._engine = [], [], None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self.stop()
