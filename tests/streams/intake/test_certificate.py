"""TLS of the intake, for real on loopback: who verifies it gets through, and whatever is wrong fails closed in one line."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_pem_private_key

from streams.core.errors import SettingsError
from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.intake.certificate import Certificate
from streams.intake.connections import Connections
from streams.intake.http import serve
from streams.schema import topics
from streams.testing.certificates import Authority
from streams.testing.processes import free_port

TOKEN = {"Authorization": "Bearer development-only-intake-token"}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with EmbeddedBroker() as running:
        topics.ensure(Settings(mode="local", kafka=running.bootstrap, partitions=1))
        yield running.bootstrap


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@asynccontextmanager
async def door(kafka: str, certificate: Path) -> AsyncIterator[int]:
    """Serve with this certificate, and give the port."""
    port = free_port()
    settings = Settings(mode="local", kafka=kafka, partitions=1, intake_certificate=certificate)
    serving = asyncio.create_task(serve(settings, "127.0.0.1", port))
    async with asyncio.timeout(20):
        while not serving.done():
            with suppress(OSError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            await asyncio.sleep(0.02)
    try:
        yield port
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def send(port: int, cafile: Path | None, scheme: str = "https") -> int:
    """Send one event and return the status, as a client that verifies certificate and name does."""
    body = json.dumps({"timestamp": time.time(), "event.id": str(time.time_ns()), "account.id": "a1"})
    trusted = ssl.create_default_context(cafile=str(cafile) if cafile else None)
    timeout = aiohttp.ClientTimeout(total=15)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        answer = await session.post(f"{scheme}://localhost:{port}/v1/events", data=body, headers=TOKEN, ssl=trusted)
        return answer.status


async def test_a_client_that_trusts_the_authority_gets_through(broker: str, authority: Authority) -> None:
    async with door(broker, authority.issue("localhost")) as port:
        assert await send(port, authority.cafile) == 200


async def test_a_certificate_of_another_name_or_authority_gets_no_token(broker: str, authority: Authority, tmp_path: Path) -> None:
    async with door(broker, authority.issue("collect.example")) as port:
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match="Hostname mismatch"):
            await send(port, authority.cafile)
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match="unable to get local issuer"):
            await send(port, Authority(tmp_path / "other", "another authority").cafile)


async def test_plain_http_on_the_tls_port_gets_no_answer_and_leaves_the_door_open(
    broker: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with door(broker, authority.issue("localhost")) as port:
        with pytest.raises(aiohttp.ClientError):
            await send(port, authority.cafile, "http")
        assert await send(port, authority.cafile) == 200
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert "development-only" not in caplog.text


async def test_a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not(
    broker: str, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    later = Authority(tmp_path / "later", "a later authority")
    used = tmp_path / "used.pem"
    shutil.copy(authority.issue("localhost"), used)
    async with door(broker, used) as port:
        assert await send(port, authority.cafile) == 200
        shutil.copy(later.issue("localhost"), used)
        await asyncio.sleep(1.5)
        assert await send(port, later.cafile) == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await send(port, authority.cafile)
        shutil.copy(later.issue("localhost", expired=True), used)
        await asyncio.sleep(1.5)
        assert await send(port, later.cafile) == 200
    (error,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert error.startswith("the certificate before stays in use: HYDROMETER_INTAKE_CERTIFICATE: ")


async def test_a_handshake_that_says_nothing_is_closed_and_there_are_only_so_many(authority: Authority) -> None:
    class Server:
        """As much of aiohttp's server as the limits touch."""

        connections: tuple[()] = ()
        connection_made: Callable[..., None]
        connection_lost: Callable[..., None]

        def ignore(self, *_: object) -> None: ...

        def __call__(self) -> asyncio.Protocol:
            return asyncio.Protocol()

    server = Server()
    server.connection_made = server.connection_lost = server.ignore
    context = Certificate(authority.issue("localhost"), None).context
    limits = Connections(most=3, header_seconds=0.5)
    listener = await limits.listen(server, "127.0.0.1", 0, context)  # type: ignore[arg-type]
    host, port = listener.sockets[0].getsockname()[:2]
    began = time.monotonic()
    silent = [await asyncio.open_connection(host, port) for _ in range(5)]
    ends = []
    for reader, writer in silent:
        with suppress(ConnectionError):
            assert await reader.read() == b""
        ends.append(time.monotonic() - began)
        writer.close()
    assert max(ends) < 5
    listener.close()


def broken(authority: Authority, kind: str) -> dict[str, Path]:
    """Return settings whose certificate cannot be used."""
    good, folder = authority.issue("localhost"), authority.directory
    locked, text = folder / "locked.key", folder / "text.pem"
    passphrase = BestAvailableEncryption(b"a passphrase")
    locked.write_bytes(load_pem_private_key(good.read_bytes(), None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, passphrase))
    text.write_text("no certificate at all")
    chain, key = "intake_certificate", "intake_certificate_key"
    return {
        "expired": {chain: authority.issue("localhost", expired=True)},
        "no file": {chain: folder / "absent.pem"},
        "no key file": {chain: good, key: folder / "absent.key"},
        "key alone": {key: good},
        "key of another": {chain: good, key: authority.issue("other.example")},
        "passphrase": {chain: good, key: locked},
        "text": {chain: text},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("expired", "expired on "),
        ("no file", "HYDROMETER_INTAKE_CERTIFICATE: there is no file "),
        ("no key file", "HYDROMETER_INTAKE_CERTIFICATE_KEY: there is no file "),
        ("key alone", "HYDROMETER_INTAKE_CERTIFICATE is not set, but its key is"),
        ("key of another", "cannot be used (KEY_VALUES_MISMATCH)"),
        ("passphrase", "its key without a passphrase"),
        ("text", "give a PEM chain"),
    ],
)
async def test_a_certificate_that_cannot_be_used_is_told_in_one_line_before_anything_listens(
    authority: Authority, kind: str, message: str
) -> None:
    port = free_port()
    with pytest.raises(SettingsError) as caught:
        await serve(Settings.model_validate({"mode": "local", "kafka": "127.0.0.1:1", **broken(authority, kind)}), "127.0.0.1", port)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(OSError, match=str(port)):
        await asyncio.open_connection("127.0.0.1", port)


def test_the_command_ends_with_that_line(authority: Authority) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HYDROMETER_")}
    own = {"MODE": "local", "METRICS_PORT": "0", "INTAKE_CERTIFICATE": str(authority.issue("localhost", expired=True))}
    done = subprocess.run(
        [sys.executable, "-m", "streams", "collect", "--http", f"127.0.0.1:{free_port()}"],
        env=plain | {f"HYDROMETER_{name}": value for name, value in own.items()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if "expired on" in line]
    assert line == done.stderr.splitlines()[-1]
