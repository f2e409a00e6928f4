"""TLS to ClickHouse, for real: the local server behind a listener with certificates of an authority of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.clickhouse.client import ClickHouse
from streams.core.errors import StoreUnavailableError
from streams.core.settings import Settings
from streams.devserver.process import LocalClickHouse
from streams.testing.builders import local_clickhouse
from streams.testing.certificates import Authority


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@contextmanager
def behind_tls(server: LocalClickHouse, certificate: Path) -> Iterator[int]:
    """Serve the native protocol over TLS, and give the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop, ports = asyncio.new_event_loop(), []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection(server.host, server.port)
        await asyncio.gather(carry(reader, behind[1]), carry(behind[0], writer), return_exceptions=True)

    async def listen() -> None:
        listener = await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context)
        ports.append(listener.sockets[0].getsockname()[1])

    loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.1))
        loop.close()


def answer(server: LocalClickHouse, port: int, cafile: Path | None, **changed: Any) -> list[tuple[Any, ...]]:
    login = {"clickhouse_user": server.user, "clickhouse_password": server.password, "clickhouse_database": "default"}
    where = {"clickhouse_host": "localhost", "clickhouse_port": port, "clickhouse_secure": True, "clickhouse_ssl_cafile": cafile}
    with closing(ClickHouse(Settings.model_validate({"mode": "local", **login, **where, **changed}))) as clickhouse:
        return clickhouse.query("SELECT 1 + 1")


def refused(server: LocalClickHouse, port: int, cafile: Path | None, **changed: Any) -> str:
    with pytest.raises(StoreUnavailableError) as caught:
        answer(server, port, cafile, **changed)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_server_of_a_known_authority_and_the_right_name_answers(server: LocalClickHouse, authority: Authority) -> None:
    with behind_tls(server, authority.issue("localhost")) as port:
        assert answer(server, port, authority.cafile) == [(2,)]


def test_a_wrong_password_is_told_over_tls_as_without(server: LocalClickHouse, authority: Authority) -> None:
    with behind_tls(server, authority.issue("localhost")) as port:
        said = refused(server, port, authority.cafile, clickhouse_password="wrong")
    assert "check HYDROMETER_CLICKHOUSE_USER and _PASSWORD" in said


def test_an_expired_certificate_is_told_in_one_line(server: LocalClickHouse, authority: Authority) -> None:
    with behind_tls(server, authority.issue("localhost", expired=True)) as port:
        assert "has a certificate that has expired" in refused(server, port, authority.cafile)


def test_a_certificate_of_another_name_is_told_in_one_line(server: LocalClickHouse, authority: Authority) -> None:
    with behind_tls(server, authority.issue("clickhouse.example")) as port:
        assert "has a certificate of another name than localhost" in refused(server, port, authority.cafile)


def test_an_unknown_authority_is_told_in_one_line(server: LocalClickHouse, authority: Authority) -> None:
    with behind_tls(server, authority.issue("localhost")) as port:
        assert "unknown authority: set HYDROMETER_CLICKHOUSE_SSL_CAFILE" in refused(server, port, None)


def test_a_server_without_tls_is_told_in_one_line(server: LocalClickHouse, authority: Authority) -> None:
    assert "speaks no TLS that we know" in refused(server, server.port, authority.cafile)
