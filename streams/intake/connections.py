"""Limits of the intake's connections: their number, a source's share of it, and the time until the first request."""

from __future__ import annotations

import asyncio
import logging
import ssl
from asyncio.sslproto import SSLProtocol
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiohttp import web

from streams.intake.rate_limits import Shares

MAX_CONNECTIONS: Final = 256
HEADER_SECONDS: Final = 10.0
"""Time from a connection to its first whole request."""
HANDSHAKE_SECONDS: Final = 5
"""Of it, time for the handshake of TLS."""


@dataclass
class _Connection:
    transport: asyncio.Transport
    address: str
    source: str | None = None
    """Whose token its last request had; None: of a stranger."""
    silent: bool = True
    """Whether no request has begun."""
    idle: bool = False
    """Whether it waits for the next request of its source."""


class _Handshake(SSLProtocol):
    """A connection of TLS, which asyncio's own server shows to nobody before its handshake is done."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handler: Any,
        context: ssl.SSLContext,
        opened: Callable[[Any, asyncio.Transport], None],
        failed: Callable[[Any, None], object],
    ) -> None:
        """Shake hands, then be the handler's transport. `opened` is called first, and `failed` when the connection ends."""
        nobody_waits: Any = None
        super().__init__(
            loop,
            handler,
            context,
            nobody_waits,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=HANDSHAKE_SECONDS,
        )
        self._handler, self._opened, self._failed = handler, opened, failed

    def connection_made(self, transport: Any) -> None:
        """Begin the handshake."""
        self._opened(self._handler, transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End, whether or not the handshake did."""
        self._failed(self._handler, None)
        super().connection_lost(exc)


class Connections:
    """A cap on open connections and a deadline for each one's first request; aiohttp has neither.

    At the cap a new connection takes the place of another: of an idle one, else of a stranger's (of the address with most of them), else of
    the source with the most. It is the one that has been so for the longest. A handshake of TLS is a stranger's connection. A source may
    have half of the places that others leave in requests at a time.
    """

    def __init__(self, most: int = MAX_CONNECTIONS, header_seconds: float = HEADER_SECONDS) -> None:
        """Allow `most` connections at a time; close one that has sent no request within `header_seconds`."""
        self._most = most
        self._seconds = header_seconds
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
        within = self._shares.try_reserve(source, 1)
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

        def opened(handler: Any, transport: asyncio.Transport) -> None:
            """Count a connection from its first packet on, and make room for it."""
            if len(self._open) >= self._most:
                self._make_room()
            self._open[handler] = _Connection(transport, str((transport.get_extra_info("peername") or ("",))[0]))
            loop.call_later(self._seconds, self._expire, handler)

        def connection_made(handler: Any, transport: asyncio.Transport) -> None:
            made(handler, transport)
            if context is None:
                opened(handler, transport)

        def connection_lost(handler: Any, error: BaseException | None = None) -> None:
            self._open.pop(handler, None)
            lost(handler, error)

        loop = asyncio.get_running_loop()
        server.connection_made = connection_made  # type: ignore[method-assign]
        server.connection_lost = connection_lost  # type: ignore[method-assign,assignment]
        made_by = partial(_Handshake, loop, context=context, opened=opened, failed=self._open.pop) if context else None
        return await loop.create_server((lambda: made_by(server())) if made_by else server, host, port)

    def _change(self, handler: Any, source: str, *, idle: bool) -> None:
        if connection := self._open.pop(handler, None):
            connection.source, connection.idle = source, idle
            self._open[handler] = connection

    def _make_room(self) -> None:
        """Close a connection for a new one."""
        of_sources = Counter(connection.source for connection in self._open.values())
        of_strangers = Counter(connection.address for connection in self._open.values() if connection.source is None)

        def rank(handler: Any) -> tuple[int, int]:
            connection = self._open[handler]
            if connection.idle:
                return 0, 0
            return (1, -of_strangers[connection.address]) if connection.source is None else (2, -of_sources[connection.source])

        self._open.pop(min(self._open, key=rank)).transport.abort()

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
