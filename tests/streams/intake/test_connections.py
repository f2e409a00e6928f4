"""At the cap, a new connection takes the place of one that is needed least."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from streams.core.settings import Settings
from streams.intake import bodies
from streams.intake.certificate import Certificate
from streams.intake.connections import Connections
from streams.intake.http import Intake
from streams.testing.certificates import Authority

TOKENS = {source: f"{source}-token-of-16-letters" for source in ("north", "east", "south", "west")}
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def door(folder: Path, most: int, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, int]]:
    """A server of `most` connections; its address. context: it speaks TLS."""
    tokens = folder / "tokens"
    tokens.write_text("".join(f"{source} {token}\n" for source, token in TOKENS.items()))
    served = Intake(Settings(mode="local", kafka="127.0.0.1:1", partitions=1, intake_tokens=tokens))
    served.connections = Connections(most=most)
    runner = web.AppRunner(served.app(), shutdown_timeout=0.1, **bodies.SERVER)
    await runner.setup()
    assert runner.server is not None
    listener = await served.connections.listen(runner.server, "127.0.0.1", 0, context)
    try:
        yield listener.sockets[0].getsockname()[:2]
    finally:
        listener.close()
        await runner.cleanup()


async def sent(address: tuple[str, int], text: str) -> Connection:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(text.encode())
    await writer.drain()
    return reader, writer


def post(source: str, length: int) -> str:
    token = f"Authorization: Bearer {TOKENS[source]}"
    return f"POST /v1/events HTTP/1.1\r\nHost: x\r\n{token}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"


async def slow_body(address: tuple[str, int], source: str) -> Connection:
    """Begin a request whose body never comes, once the server has seen its head."""
    connection = await sent(address, post(source, 1_000))
    assert await asyncio.wait_for(connection[0].readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
    return connection


async def status(address: tuple[str, int], source: str) -> bytes:
    """Return the status line of the answer to a body of nothing."""
    reader, writer = await sent(address, post(source, 0).replace("Expect: 100-continue\r\n", ""))
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    return line


async def is_closed(connection: Connection) -> bool:
    """Wait until the server closes a connection."""
    try:
        while await asyncio.wait_for(connection[0].read(1_000), 5):
            pass
    except ConnectionError:
        pass
    return True


async def test_slow_bodies_of_one_source_leave_places_to_another(tmp_path: Path) -> None:
    async with door(tmp_path, most=8) as address:
        slow = [await slow_body(address, "east") for _ in range(8)]
        for reader, _ in slow[4:]:
            assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == b"503"
        assert (await status(address, "west")).split()[1] == b"400", "a body without an event"


async def test_a_connection_of_a_stranger_is_closed_after_its_answer(tmp_path: Path) -> None:
    async with door(tmp_path, most=8) as address:
        for path in ("/healthz", "/metrics", "/nowhere", "/v1/events"):
            assert await is_closed(await sent(address, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))


async def test_at_the_cap_an_idle_connection_makes_room_and_then_the_oldest_of_strangers(tmp_path: Path) -> None:
    async with door(tmp_path, most=4) as address:
        strangers = [await sent(address, "POST /v1/ev") for _ in range(2)]
        idle = await sent(address, post("east", 0).replace("Expect: 100-continue\r\n", ""))
        assert (await asyncio.wait_for(idle[0].readline(), 5)).split()[1] == b"400"
        busy = await slow_body(address, "east")
        other = await slow_body(address, "south")
        assert await is_closed(idle)
        assert (await status(address, "west")).split()[1] == b"400"
        assert await is_closed(strangers[0])
        assert not busy[0].at_eof()
        assert not other[0].at_eof()


async def test_when_all_are_in_use_the_source_with_the_most_makes_room(tmp_path: Path) -> None:
    async with door(tmp_path, most=5) as address:
        first, *others = [await slow_body(address, source) for source in ("east", "north", "east", "south", "west")]
        late = await sent(address, post("south", 0))
        assert await is_closed(first)
        assert (await asyncio.wait_for(late[0].readline(), 5)).split()[1] == b"100"
        assert not any(reader.at_eof() for reader, _ in others)


async def test_handshakes_that_never_end_keep_nobody_out_and_the_address_with_most_of_them_makes_room(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    trusted = ssl.create_default_context(cafile=str(authority.cafile))
    async with door(tmp_path, most=4, context=Certificate(authority.issue("localhost"), None).context) as (host, port):
        alone = await asyncio.open_connection(host, port, local_addr=("127.0.0.2", 0))
        unfinished = [await asyncio.open_connection(host, port) for _ in range(8)]
        for connection in unfinished[:5]:
            assert await is_closed(connection)
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, port, ssl=trusted, server_hostname="localhost")
            writer.write(post("west", 0).replace("Expect: 100-continue\r\n", "").encode())
            assert (await reader.readline()).split()[1] == b"400", "a body without an event"
        assert await is_closed(unfinished[5])
        assert not alone[0].at_eof()
        for _, unneeded in (alone, *unfinished, (reader, writer)):
            unneeded.close()
