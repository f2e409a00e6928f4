"""Start the desk and keep it running: its address, its one-time links, its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from aiohttp import web

from streams.clickhouse.client import ClickHouse
from streams.core.errors import SettingsError
from streams.core.loopback import check_host, is_loopback
from streams.core.settings import Settings
from streams.desk.acting import KafkaOutbox
from streams.desk.app import Desk
from streams.desk.oidc_login import CALLBACK, OidcLogin
from streams.desk.queries import DeskQueries
from streams.desk.sessions import Person, Sessions
from streams.intake import bodies


def origins_of(host: str, port: int, public_url: str) -> frozenset[str]:
    """Return the origins under which the desk answers: that of `public_url`, else those of the loopback interface.

    Raises SettingsError for a public address that is not `https://host`, and for a listening address that needs one.
    """
    if public_url:
        parts = urlsplit(public_url)
        if parts.scheme != "https" or not parts.netloc or parts.path not in ("", "/") or "@" in parts.netloc:
            raise SettingsError(f"{public_url!r} is not the desk's public address: write https://desk.example.com")
        return frozenset({f"https://{parts.netloc}"})
    if not is_loopback(host):
        raise SettingsError(f"the desk listens on {host}: name the address that people open, --public-url https://desk.example.com")
    return frozenset({f"http://127.0.0.1:{port}", f"http://localhost:{port}"})


async def serve(
    settings: Settings, address: tuple[str, int], people: Sequence[Person], announce: Callable[[str], None], public_url: str = ""
) -> None:
    """Serve the desk until cancelled; say the one-time link of each person.

    Args:
        settings: With the analysts' key, Kafka and ClickHouse.
        address: Host and port to listen on.
        people: Who is invited.
        announce: Prints a line.
        public_url: The https address of a proxy in front; empty on this machine alone.

    Raises:
        SettingsError: The address is not available, or not allowed in local mode; or no key signs.
    """
    host, port = address
    check_host(settings, host)
    origins, sessions, outbox = origins_of(host, port, public_url), Sessions(), KafkaOutbox(settings)
    if outbox.author and any(person.name != outbox.author for person in people):
        raise SettingsError(f"HYDROMETER_AUTHOR_KEY signs for {outbox.author} alone: invite no one else, or set HYDROMETER_ANALYST_KEY")
    base = next(iter(sorted(origins)))
    provider = await asyncio.to_thread(OidcLogin, settings, base + CALLBACK) if settings.oidc_issuer else None
    if provider is not None and outbox.author:
        raise SettingsError(f"HYDROMETER_AUTHOR_KEY signs for {outbox.author} alone: for logins at a provider set HYDROMETER_ANALYST_KEY")
    desk = Desk(DeskQueries(ClickHouse(settings)), outbox, sessions, origins, provider)
    runner = web.AppRunner(desk.app(), **bodies.SERVER)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise SettingsError(f"cannot listen on {host}:{port} ({error.strerror}): choose another --port") from error
        if provider is not None:
            announce(f"people log in at {base}/login, through {settings.oidc_issuer}")
        for person in people:
            announce(f"{person.name} ({person.role}), once within ten minutes: {base}/login?token={sessions.invite(person)}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
