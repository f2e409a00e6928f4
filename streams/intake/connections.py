"""Limits of the intake's connections: their number, and the time until the first request."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any, Final

from aiohttp import web

MAX_CONNECTIONS: Final = 256
HEADER_SECONDS: Final = 10.0
"""Time from a connection to its first whole request."""


class Connections:
    """A cap on open connections and a deadline for each one's first request; aiohttp has neither."""

    def __init__(self, most: int = MAX_CONNECTIONS, header_seconds: float = HEADER_SECONDS) -> None:
        """Allow `most` connections at a time; close one that has sent no request within `header_seconds`."""
        self._most = most
        self._seconds = header_seconds
        self._shaking: set[Any] = set()
        self._silent: set[Any] = set()

    def begun(self, request: web.Request) -> None:
        """Mark the connection of a request as active: it is no longer closed for silence."""
        self._silent.discard(request.protocol)

    async def listen(self, server: web.Server, host: str, port: int, context: ssl.SSLContext | None = None) -> asyncio.Server:
        """Listen with these limits, and return the listening socket's server; with a context, TLS alone.

        Raises OSError when the address is not available.
        """
        made = server.connection_made

        def accept() -> Any:
            """Return the handler of a new connection, before TLS. Raising closes the connection, and nothing is logged."""
            if len(server.connections) + len(self._shaking) >= self._most:
                raise ConnectionRefusedError
            handler = server()
            self._shaking.add(handler)
            loop.call_later(self._seconds, self._shaking.discard, handler)  # a failed handshake is not reported
            return handler

        def connection_made(handler: Any, transport: asyncio.Transport) -> None:
            self._shaking.discard(handler)
            made(handler, transport)
            self._silent.add(handler)
            loop.call_later(self._seconds, self._expire, handler, transport)

        loop = asyncio.get_running_loop()
        server.connection_made = connection_made  # type: ignore[method-assign]
        deadline = self._seconds if context else None
        return await loop.create_server(accept, host, port, ssl=context, ssl_handshake_timeout=deadline, ssl_shutdown_timeout=deadline)

    def _expire(self, handler: Any, transport: asyncio.Transport) -> None:
        if handler in self._silent:
            self._silent.discard(handler)
            transport.abort()


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
