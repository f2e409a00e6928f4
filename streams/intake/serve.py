"""The inputs that `collect` serves until it is stopped: HTTP, `requests-raw`, or both in one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying

from streams.core.errors import SettingsError
from streams.core.loopback import check_host
from streams.core.settings import Settings
from streams.intake import http, raw_topic
from streams.intake.formats.registry import AUTO
from streams.schema import topics

log = logging.getLogger(__name__)

RESTART_SECONDS: Final = 2.0
"""Time before a session with Kafka that ended is begun again."""


async def serve(
    settings: Settings,
    address: tuple[str, int] | None,
    log_format: str = AUTO,
    known_corpus: Path | None = None,
    *,
    topic: bool = False,
    backfill: bool = False,
) -> None:
    """Serve HTTP on `address` (host, port) if one is given, and read `requests-raw` if `topic`; until cancelled, or one fails.

    A blown fuse pauses only its source. With `backfill` events may be older than the allowed skew.
    Raises SettingsError for an address that is not available, BrokerUnavailableError.
    """
    ways: list[Coroutine[Any, Any, None]] = []
    if address:
        ways.append(_serve_http(settings, address, log_format, known_corpus, backfill=backfill))
    if topic:
        ways.append(_serve_topic(settings, log_format, known_corpus, backfill=backfill))
    await asyncio.gather(*ways)


async def _serve_http(settings: Settings, address: tuple[str, int], log_format: str, known_corpus: Path | None, *, backfill: bool) -> None:
    host, port = address
    check_host(settings, host)
    try:
        await http.serve(settings, host, port, log_format, known_corpus=known_corpus, backfill=backfill)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port} ({error.strerror}): choose another with --http HOST:PORT") from error


async def _serve_topic(settings: Settings, log_format: str, known_corpus: Path | None, *, backfill: bool) -> None:
    """Read the topic. When Kafka ends a session, or is away, everything since the last acknowledgement is read again."""
    while True:
        async for attempt in AsyncRetrying(**topics.patience(settings)):
            with attempt:
                await asyncio.to_thread(topics.missing, settings)  # says what aiokafka does not: a wrong password, a missing right
        try:
            await raw_topic.consume(settings, log_format, known_corpus, backfill=backfill)
        except KafkaError as error:
            log.warning("%s is read again from its last acknowledgement: %s", topics.REQUESTS_RAW, type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS)
