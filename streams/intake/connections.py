"""Limits of the intake's connections: their number, a source's share of it, and the time until the first request."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from streams.intake.rate_limits import Shares

MAX_CONNECTIONS: Final = 256
HEADER_SECONDS: Final = 10.0
"""Time from a connection to its first whole request."""


@dataclass
class _Connection:
    transport: asyncio.Transport
    source: str | None = None
    """Whose token its last request had; None: of a stranger."""
    silent: bool = True
    """Whether no request has begun."""
    idle: bool = False
    """Whether it waits for the next request of its source."""


class Connections:
    """A cap on open connections and a deadline for each one's first request; aiohttp has neither.

    At the cap a new connection takes the place of another: of an idle one, else of a stranger's, else of the source with the most. It is
    the one that has been so for the longest. A source may have half of the places that others leave in requests at a time.
    """

    def __init__(self, most: int = MAX_CONNECTIONS, header_seconds: float = HEADER_SECONDS) -> None:
        """Allow `most` connections at a time; close one that has sent no request within `header_seconds`."""
        self._most = most
        self._seconds = header_seconds
        self._shaking: set[Any] = set()
        self._open: dict[Any, _Connection] = {}
        """By handler; the one whose state changed last is the last."""
        self._shares = Shares(most)

    def begun(self, request: web.Request) -> None:
        """Mark the connection of a request as active: it is no longer closed for silence."""
        if connection := self._open.get(request.protocol):
            connection.silent = connection.idle = False

    @contextmanager
    def serving(self, request: web.Request, source: str) -> Iterator[bool]:
        """Hold a source's request until the context ends. Yields whether it is within the source's share of the connections."""
        within = self._shares.take(source, 1)
        self._change(request.protocol, source, idle=False)
        try:
            yield within
        finally:
            if within:
                self._shares.give_back(source, 1)
            self._change(request.protocol, source, idle=True)

    async def listen(self, server: web.Server, host: str, port: int, context: ssl.SSLContext | None = None) -> asyncio.Server:
        """Listen with these limits, and return the listening socket's server; with a context, TLS alone.

        Raises OSError when the address is not available.
        """
        made, lost = server.connection_made, server.connection_lost

        def accept() -> Any:
            """Return the handler of a new connection, before TLS. Raising closes the connection, and nothing is logged."""
            if len(self._open) + len(self._shaking) >= self._most and not self._make_room():
                raise ConnectionRefusedError
            handler = server()
            self._shaking.add(handler)
            loop.call_later(self._seconds, self._shaking.discard, handler)  # a failed handshake is not reported
            return handler

        def connection_made(handler: Any, transport: asyncio.Transport) -> None:
            self._shaking.discard(handler)
            made(handler, transport)
            self._open[handler] = _Connection(transport)
            loop.call_later(self._seconds, self._expire, handler)

        def connection_lost(handler: Any, error: BaseException | None = None) -> None:
            self._open.pop(handler, None)
            lost(handler, error)

        loop = asyncio.get_running_loop()
        server.connection_made = connection_made  # type: ignore[method-assign]
        server.connection_lost = connection_lost  # type: ignore[method-assign,assignment]
        deadline = self._seconds if context else None
        return await loop.create_server(accept, host, port, ssl=context, ssl_handshake_timeout=deadline, ssl_shutdown_timeout=deadline)

    def _change(self, handler: Any, source: str, *, idle: bool) -> None:
        if connection := self._open.pop(handler, None):
            connection.source, connection.idle = source, idle
            self._open[handler] = connection

    def _make_room(self) -> bool:
        """Close a connection for a new one; return False when all are in a TLS handshake."""
        of_sources = Counter(connection.source for connection in self._open.values())

        def rank(handler: Any) -> tuple[int, int]:
            connection = self._open[handler]
            kind = 0 if connection.idle else 1 if connection.source is None else 2
            return kind, 0 if connection.source is None else -of_sources[connection.source]

        handler = min(self._open, key=rank, default=None)
        if handler is None:
            return False
        self._open.pop(handler).transport.abort()
        return True

    def _expire(self, handler: Any) -> None:
        connection = self._open.get(handler)
        if connection and connection.silent:
            connection.transport.abort()


def quiet() -> logging.Logger:
    """Return a logger for aiohttp's server that keeps only an error's name: its message may quote a token."""
    logger = logging.getLogger("streams.intake.aiohttp")
    if not logger.filters:
        logger.addFilter(_without_text)
    return logger


def _without_text(record: logging.LogRecord) -> bool:
    error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else record.levelname.lower()
    record.msg, record.args, record.exc_info, record.exc_text = "a request failed (%s)", (error,), None, None
    return True
