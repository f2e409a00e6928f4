"""The ways in that `collect` serves until it is told to stop: HTTP, `requests-raw`, or both in one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from aiokafka.errors import KafkaError

from streams.agents.health import publisher
from streams.errors import BrokerUnavailableError, SettingsError, StoreUnavailableError
from streams.formats.registry import AUTO
from streams.intake import http, raw_topic
from streams.settings import MissingSecret, Settings
from streams.topics import COLLECT

REPORT: Final = 10.0
"""Seconds between two reports of health."""

_log = logging.getLogger(__name__)


async def serve(
    settings: Settings, address: tuple[str, int] | None, log_format: str = AUTO, known_corpus: Path | None = None, *, topic: bool = False
) -> None:
    """Serve HTTP on `address` (host, port) if one is given, and read `requests-raw` if `topic`; until cancelled, or one of them fails.

    When the settings hold ClickHouse's password, the process also reports its health there, as workers do.

    Raises FuseBlownError, SettingsError for an address that cannot be had, BrokerUnavailableError.
    """
    ways: list[Coroutine[Any, Any, None]] = []
    if address:
        ways.append(_listen(settings, address, log_format, known_corpus))
    if topic:
        ways.append(_read(settings, log_format, known_corpus))
    if not isinstance(settings.clickhouse_password, MissingSecret):
        ways.append(_report(publisher(settings, COLLECT)))
    await asyncio.gather(*ways)


async def _listen(settings: Settings, address: tuple[str, int], log_format: str, known_corpus: Path | None) -> None:
    host, port = address
    try:
        await http.serve(settings, host, port, log_format, known_corpus=known_corpus)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port} ({error.strerror}): choose another with --http HOST:PORT") from error


async def _report(publish: Callable[[], None], every: float = REPORT) -> None:
    """Report health every so many seconds until cancelled, and once more then: a blown fuse is the last thing to be told."""
    try:
        while True:
            await asyncio.sleep(every)
            await asyncio.to_thread(_tell, publish)
    finally:
        await asyncio.to_thread(_tell, publish)


def _tell(publish: Callable[[], None]) -> None:
    try:
        publish()
    except StoreUnavailableError as error:
        _log.warning("this report of health is lost: %s", error)


async def _read(settings: Settings, log_format: str, known_corpus: Path | None) -> None:
    try:
        await raw_topic.consume(settings, log_format, known_corpus)
    except KafkaError as error:
        reason = type(error).__name__.removesuffix("Error")
        message = f"Kafka at {settings.kafka} does not answer ({reason}): start it, or set HYDROMETER_KAFKA"
        raise BrokerUnavailableError(message) from error
