"""Who attacks the door of `collect` gets an answer in the 400s, costs nobody else theirs, and neither memory nor log grows."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams.core.settings import Settings
from streams.schema import topics
from streams.testing.builders import embedded_broker
from streams.testing.processes import Running, free_port, hydrometer, post, wait_for_health

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TOKEN, NEIGHBOUR = "quokka-token-5d21c0", "quokka-neighbour-91aa"
HALF_OPEN = 400
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Door:
    """A `collect` that serves HTTP, and its file of further tokens."""

    collect: Running
    port: int
    tokens: Path

    def send(self, body: bytes, token: str = TOKEN, path: str = "/v1/events", **headers: str) -> int:
        """Return the status of the answer to a body; underscores of header names are dashes."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return post(f"http://127.0.0.1:{self.port}{path}", body, {"Authorization": f"Bearer {token}", **given})


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    tokens = folder / "tokens"
    tokens.write_text("")
    with embedded_broker() as kafka:
        topics.ensure(Settings(mode="local", kafka=kafka, partitions=1))
        port = free_port()
        settings = {"KAFKA": kafka, "PARTITIONS": "1", "INTAKE_TOKEN": TOKEN, "INTAKE_TOKENS": str(tokens)}
        with hydrometer("collect", "--http", f"127.0.0.1:{port}", log=folder / "log", **settings) as collect:
            wait_for_health(port)
            yield Door(collect, port, tokens)


def line(number: int) -> bytes:
    return json.dumps({"timestamp": time.time(), "event.id": f"e{number}", "account.id": "a"}).encode()


def below_int64() -> bytes:
    attributes = [
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(-(2**70))}},
        {"key": "account.id", "value": {"intValue": "1"}},
    ]
    record = {"timeUnixNano": str(time.time_ns()), "spanId": "s", "attributes": attributes}
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()


def test_connections_that_say_nothing_keep_nobody_out_and_fill_no_log(door: Door) -> None:
    with ExitStack() as opened:
        for _ in range(HALF_OPEN):
            connection = opened.enter_context(socket.socket())
            connection.settimeout(2)
            try:
                connection.connect(("127.0.0.1", door.port))
                connection.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\n")
            except OSError:
                continue  # turned away
        assert wait_for_health(door.port, 30) < 15, "the door was kept shut"
        assert door.send(line(1)) == 200
    assert door.collect.log.stat().st_size < 1_000_000


def test_a_small_body_that_unpacks_to_much_costs_its_sender_alone(door: Door) -> None:
    door.tokens.write_text(f"neighbour {NEIGHBOUR}\n")
    give_up = time.monotonic() + 30
    while door.send(line(2), NEIGHBOUR) == 401 and time.monotonic() < give_up:
        time.sleep(0.5)  # the file is read again while it runs
    before = door.collect.peak_mb
    bombs = (b"\n" * (16 << 20), b" " * (256 << 20), b"[" * (16 << 20), b"{}\n" * 5_000_000)
    arrays = (b"[" + item * (15_000_000 // len(item)) + b"0]" for item in (b"{},", b"0,", b'"",', b"NaN,", b"[[]],"))
    for bomb in (*bombs, *arrays):
        assert 400 <= door.send(gzip.compress(bomb, 9), Content_Encoding="gzip") < 500
        began = time.monotonic()
        assert door.send(line(3), NEIGHBOUR) == 200
        assert time.monotonic() - began < 10
    assert door.collect.peak_mb - before < 200


@pytest.mark.parametrize(
    ("status", "path", "body", "headers"),
    [
        (415, "/v1/events", b"{}", {"Content_Encoding": "lzw"}),
        (415, "/v1/events", b"{}", {"Content_Encoding": "br"}),
        (415, "/v1/logs", b"{}", {"Content_Encoding": "zstd"}),
        (415, "/v1/events", b"{}", {"Content_Type": "image/png"}),
        (415, "/v1/events", b"{}", {"Content_Type": "application/x-protobuf"}),
        (400, "/v1/events", b"plain words", {}),
        (400, "/v1/events", b"{}", {}),
        (400, "/v1/logs", b"[", JSON),
        (400, "/v1/events", b"not packed", {"Content_Encoding": "gzip"}),
        (404, "/etc/passwd", b"", {}),
    ],
    ids=["encoding", "brotli", "zstd", "media type", "OTLP where lines go", "words", "no event", "half of JSON", "not packed", "path"],
)
def test_what_cannot_be_read_is_said_so(door: Door, status: int, path: str, body: bytes, headers: dict[str, str]) -> None:
    assert door.send(body, path=path, **headers) == status


def test_numbers_beyond_64_bits_are_no_fault_of_ours_and_an_array_is_a_list_of_events(door: Door) -> None:
    assert door.send(below_int64(), path="/v1/logs", Content_Type="application/json") < 500
    assert door.send(b"[" + line(4) + b"," + line(5) + b"]", Content_Type="application/json") == 200
    assert door.collect.runs
