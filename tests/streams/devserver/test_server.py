"""Whatever arrives, there is one clear outcome, bounded memory, and the server goes on."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from streams.devserver import frames
from streams.devserver.access import ClientLimits
from streams.devserver.channel import BLOCK_INFO
from streams.devserver.native import header
from streams.devserver.process import LocalClickHouse
from streams.devserver.server import LocalServer
from streams.devserver.wire import text, varint
from streams.testing.builders import driver, local_clickhouse

HELLO = varint(0) + text("test") + varint(1) + varint(1) + varint(54459) + text("")
CLIENT_INFO = b"\x01" + text("") * 3 + bytes(8) + b"\x01" + text("") * 3 + bytes(3) + text("") + bytes(2) + b"\0" + bytes(3)


def hello(server: LocalClickHouse, password: str | None = None) -> bytes:
    return HELLO + text(server.user) + text(server.password if password is None else password) + text("")


def query(words: str, *, compressed: bool = False) -> bytes:
    return varint(1) + text("") + CLIENT_INFO + text("") + text("") + varint(2) + varint(compressed) + text(words) + text("")


def data(block: bytes = b"\0\0", name: str = "") -> bytes:
    return varint(2) + text(name) + BLOCK_INFO + block


def say(server: LocalClickHouse, said: bytes, *, end: bool = True) -> bytes:
    """Send bytes and return all that comes back until the server hangs up."""
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall(said)
        if end:
            sock.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while piece := sock.recv(65_536):
                heard += piece
        except ConnectionResetError:
            pass
        return heard


def exception(heard: bytes) -> tuple[int, str]:
    """Find the exception in what the server said: its code, and its words."""
    start = heard.index(b"\x0dDB::Exception") - 4
    return struct.unpack("<i", heard[start : start + 4])[0], heard[start:].decode(errors="replace")


@pytest.fixture(autouse=True)
def goes_on(clickhouse: LocalClickHouse) -> Iterator[None]:
    yield
    with driver(clickhouse) as client:
        assert client.execute("SELECT 1") == [(1,)]


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 1000, b"\x16\x03\x01\x02\x00\x01", b"\x07"])
def test_another_protocol_is_told_so(clickhouse: LocalClickHouse, garbage: bytes) -> None:
    code, words = exception(say(clickhouse, garbage, end=False))
    assert code == 99
    assert "hello" in words or "number" in words


def test_random_bytes_never_stop_the_server(clickhouse: LocalClickHouse) -> None:
    source = random.Random(7)
    for _ in range(100):
        say(clickhouse, hello(clickhouse) + source.randbytes(source.randrange(1, 300)))


def test_every_truncation_of_a_conversation_is_survived(clickhouse: LocalClickHouse) -> None:
    with driver(clickhouse) as client:
        client.execute("CREATE TABLE cut (a UInt8, s String) ENGINE = Memory")
    block = varint(2) + varint(1) + text("a") + text("UInt8") + b"\0\x05" + text("s") + text("String") + b"\0" + text("x")
    whole = hello(clickhouse) + query("INSERT INTO cut VALUES") + data() + data(block) + data()
    for length in range(0, len(whole), 3):
        say(clickhouse, whole[:length])
    with driver(clickhouse) as client:
        assert client.execute("SELECT count() FROM cut") == [(0,)]  # no insert without its end
    say(clickhouse, whole)
    with driver(clickhouse) as client:
        assert client.execute("SELECT * FROM cut") == [(5, "x")]


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (varint(10**9) + varint(1), 131),  # columns
        (varint(1) + varint(2**60) + text("number") + text("UInt64") + b"\0", 131),  # rows
        (varint(1) + varint(1) + varint(2**62), 131),  # the length of a name
        (varint(1) + varint(1) + text("number") + text("Array(UInt8)") + b"\0" + struct.pack("<Q", 2**63), 131),
        (varint(1) + varint(1) + text("number") + text("String") + b"\0" + varint(2**63 - 1), 131),
        (varint(1) + varint(1) + text("number") + text("LowCardinality(String)") + b"\0" + struct.pack("<QQQQ", 1, 0, 0, 2**40), 99),
        (varint(1) + varint(1) + text("number") + text("AggregateFunction(sum, UInt8)") + b"\0", 50),
        (varint(1) + varint(1) + text("number") + text("Array(" * 1000 + "UInt8" + ")" * 1000) + b"\0", 50),
        (varint(1) + varint(1) + text("number") + text("FixedString(-1)") + b"\0", 50),
        (varint(1) + varint(1) + text("number") + text("Tuple(") + b"\0", 50),
        (varint(1) + varint(1) + text("number") + text("UInt8") + b"\x01", 50),  # sparse
        (varint(1) + varint(1) + text("other") + text("UInt8") + b"\0\x01", 171),
        (b"\xff" * 11, 99),
    ],
)
def test_a_lying_block_is_refused_with_a_code(clickhouse: LocalClickHouse, block: bytes, code: int) -> None:
    insert = query("INSERT INTO FUNCTION null('number UInt64') VALUES") + data()
    assert exception(say(clickhouse, hello(clickhouse) + insert + data(block), end=False))[0] == code


def frame(content: bytes, *, method: int = 0x82, size: int | None = None, packed: int | None = None) -> bytes:
    head = struct.pack("<BII", method, 9 + len(content) if packed is None else packed, len(content) if size is None else size)
    return frames._checksum(head + content) + head + content


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (bytes(16) + struct.pack("<BII", 0x82, 20, 10) + bytes(11), 40),  # the checksum
        (frame(b"x" * 20, method=0x99), 89),
        (frame(b"x" * 20), 271),  # no LZ4
        (frame(b"x" * 20, method=2, size=21), 271),
        (frame(b"x", packed=2**32 - 1), 135),
        (frame(b"x", size=2**32 - 1), 135),
        (frame(b"x", packed=3), 135),
        (frame(BLOCK_INFO + b"\0\0more", method=2), 99),
    ],
)
def test_a_broken_frame_is_refused_with_a_code(clickhouse: LocalClickHouse, body: bytes, code: int) -> None:
    said = hello(clickhouse) + query("SELECT 1", compressed=True) + varint(2) + text("") + body
    assert exception(say(clickhouse, said, end=False))[0] == code


def test_a_query_that_is_too_long_is_refused(clickhouse: LocalClickHouse) -> None:
    said = hello(clickhouse) + query("SELECT 1")[: -len(text("SELECT 1")) - 1] + varint(2**40)
    assert exception(say(clickhouse, said, end=False))[0] == 131


def test_endless_settings_are_refused(clickhouse: LocalClickHouse) -> None:
    many = b"".join(text(f"s{number}") + b"\0" + text("1" * 1_000_000) for number in range(20))
    assert exception(say(clickhouse, hello(clickhouse) + varint(1) + text("") + CLIENT_INFO + many, end=False))[0] == 131


def test_a_packet_out_of_turn_is_refused(clickhouse: LocalClickHouse) -> None:
    assert exception(say(clickhouse, hello(clickhouse) + text("") + varint(9), end=False))[0] == 99
    assert exception(say(clickhouse, hello(clickhouse) + text("") + query("SELECT 1") + varint(4), end=False))[0] == 99


def test_nothing_is_done_before_the_login(clickhouse: LocalClickHouse) -> None:
    heard = say(clickhouse, hello(clickhouse, password="wrong") + query("SELECT 'done'") + data(), end=False)
    assert exception(heard)[0] == 516
    assert b"done" not in heard


def test_one_packet_at_a_time_may_also_come_byte_by_byte(clickhouse: LocalClickHouse) -> None:
    with socket.create_connection((clickhouse.host, clickhouse.port), timeout=10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in hello(clickhouse) + query("SELECT 'slow'") + data():
            sock.sendall(bytes([byte]))
        sock.shutdown(socket.SHUT_WR)
        heard = b""
        while piece := sock.recv(65_536):
            heard += piece
    assert header([("'slow'", "String")], marks=True) in heard


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    limits = ClientLimits(hello_seconds=0.3, packet_seconds=0.5, idle_seconds=5.0, query_bytes=10_000, insert_bytes=1_000_000, clients=4)
    folder: Path = tmp_path_factory.mktemp("strict")
    with LocalServer(folder, user="u", password="p", limits=limits) as server:
        yield LocalClickHouse("127.0.0.1", server.native_port, server.http_port, "u", "p", 0)


@pytest.mark.parametrize("part", [0, 1, 10])
def test_a_silent_client_is_dropped(strict: LocalClickHouse, part: int) -> None:
    started = time.monotonic()
    assert say(strict, hello(strict)[:part], end=False) == b""
    assert time.monotonic() - started < 3


def test_a_slow_client_is_dropped_even_if_it_never_stops(strict: LocalClickHouse) -> None:
    with socket.create_connection((strict.host, strict.port), timeout=10) as sock, pytest.raises(OSError, match=r"reset|pipe"):
        drip(sock, seconds=10)


def drip(sock: socket.socket, seconds: float) -> None:
    end = time.monotonic() + seconds
    sock.sendall(b"\0")
    while time.monotonic() < end:
        sock.sendall(b"\x80")
        time.sleep(0.05)


def test_a_client_that_does_not_read_is_dropped(strict: LocalClickHouse) -> None:
    with socket.create_connection((strict.host, strict.port), timeout=10) as sock:
        sock.sendall(hello(strict) + text("") + query("SELECT number FROM numbers(1000000000)") + data())
        time.sleep(2)
        with driver(strict) as client:
            assert client.execute("SELECT count() FROM system.processes") == [(1,)]


def test_an_insert_over_the_limit_is_refused(strict: LocalClickHouse) -> None:
    with driver(strict) as client:
        client.execute("CREATE TABLE much (s String) ENGINE = Memory")
        with pytest.raises((ServerException, OSError)):
            client.execute("INSERT INTO much VALUES", [("x" * 1000,)] * 2000)
        assert client.execute("SELECT count() FROM much") == [(0,)]


def test_more_clients_than_there_is_room_for_are_told(strict: LocalClickHouse) -> None:
    clients = [Client(strict.host, strict.port, user="u", password="p") for _ in range(5)]
    for client in clients[:4]:
        client.execute("SELECT 1")
    with pytest.raises(ServerException, match="Too many") as caught:
        clients[4].execute("SELECT 1")
    assert caught.value.code == 202
    clients[0].disconnect()
    time.sleep(0.5)
    assert clients[4].execute("SELECT 1") == [(1,)]
    for client in clients:
        client.disconnect()


def test_a_server_that_cannot_keep_what_it_is_sent_says_so(tmp_path: Path) -> None:
    with local_clickhouse(tmp_path) as server, driver(server) as client:
        assert client.execute("SELECT 1") == [(1,)]
        (tmp_path / "clickhouse" / "spool").rmdir()
        with pytest.raises(ServerException, match="cannot keep what was sent") as caught:
            client.execute("SELECT 1")
        assert caught.value.code == 243
        who = {"X-ClickHouse-User": server.user, "X-ClickHouse-Key": server.password}
        question = Request(f"http://{server.host}:{server.http_port}/?query=INSERT+INTO+t+FORMAT+TSV", b"1", who)
        with pytest.raises(HTTPError, match="500") as answer:
            urlopen(question)
        assert b"cannot keep what was sent" in answer.value.read()
        (tmp_path / "clickhouse" / "spool").mkdir()
        assert client.execute("SELECT 1") == [(1,)]
