"""Limits of the intake's connections: their number, and the time until the first request."""

from __future__ import annotations

import asyncio
import logging
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
        self._silent: set[Any] = set()

    def begun(self, request: web.Request) -> None:
        """Mark the connection of a request as active: it is no longer closed for silence."""
        self._silent.discard(request.protocol)

    def guard(self, server: web.Server) -> None:
        """Apply the limits to the connections of a server."""
        made = server.connection_made

        def connection_made(handler: Any, transport: asyncio.Transport) -> None:
            made(handler, transport)
            if len(server.connections) > self._most:
                transport.abort()
            else:
                self._silent.add(handler)
                asyncio.get_running_loop().call_later(self._seconds, self._expire, handler, transport)

        server.connection_made = connection_made  # type: ignore[method-assign]

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
