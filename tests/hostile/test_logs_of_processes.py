"""At debug level, over the real processes: no secret and no text of a request is in any line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from kafka import KafkaProducer

from streams.core.settings import Settings
from streams.schema import topics
from streams.testing.builders import embedded_broker

TOKEN = "quokka-token-5d21c0"
MARKER = "quokka-7f3a-marker"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def raw(port: int, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        connection.settimeout(2)
        connection.recv(4096)


def post(port: int, body: bytes) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/events", body, {"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_for(port: int) -> None:
    give_up = time.monotonic() + 40
    while time.monotonic() < give_up:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError("collect does not answer")


def test_collect_says_nothing_of_what_it_reads(tmp_path: Path) -> None:
    with embedded_broker() as kafka:
        topics.ensure(Settings(mode="local", kafka=kafka, partitions=1))
        port, log = free_port(), tmp_path / "log"
        variables = {"MODE": "local", "KAFKA": kafka, "PARTITIONS": "1", "INTAKE_TOKEN": TOKEN, "METRICS_PORT": "0"}
        env = {**os.environ, **{f"HYDROMETER_{name}": value for name, value in variables.items()}}
        words = [sys.executable, "-m", "streams", "-v", "collect", "--http", f"127.0.0.1:{port}", "--topic"]
        with log.open("wb") as written:
            process = subprocess.Popen(words, env=env, stdout=written, stderr=written)
        try:
            wait_for(port)
            line = f'{{"timestamp": {time.time()}, "event.id": "e1", "account.id": "a1", "prompt": "{MARKER}"}}'.encode()
            assert post(port, line) == 200
            assert post(port, MARKER.encode()) == 400
            raw(port, f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\rX\r\n\r\n".encode())
            raw(port, f"POST /{MARKER} HTTP/9\r\nAuthorization Bearer {TOKEN}\r\n\r\n".encode())
            producer = KafkaProducer(bootstrap_servers=kafka)
            for value in (line, MARKER.encode()):
                producer.send(topics.REQUESTS_RAW, value, key=MARKER.encode(), headers=[(MARKER, MARKER.encode())]).get(timeout=20)
            producer.close()
            time.sleep(3)
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(30)
        text = log.read_bytes()
        assert b" DEBUG " in text, "nothing was logged, so nothing would be found"
        assert TOKEN.encode() not in text
        assert MARKER.encode() not in text
