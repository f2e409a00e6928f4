from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from streams.core.settings import Settings
from streams.exports.outlet import DeliveryError
from streams.exports.outlets.webhook import Outlet
from streams.testing.destination import SECRET, Destination

SETTINGS = Settings.model_validate({"mode": "local", "webhook_token": SECRET})


class Hook:
    """A webhook: what it heard, and what it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.heard.append((self.headers.get("Authorization"), body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"


@contextmanager
def served() -> Iterator[Hook]:
    found = Hook()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with served() as found:
        yield found


@contextmanager
def destination(folder: Path) -> Iterator[Destination]:
    del folder
    with served() as hook, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{unused.getsockname()[1]}/{SECRET}"
        wrong = (f"ftp://siem.example.com/{SECRET}", f"https:///{SECRET}", f"siem.example.com/{SECRET}", f"https://[{SECRET}/")
        yield Destination(hook.url, SETTINGS, lambda: [each for _, body in hook.heard for each in body], (away, SETTINGS), wrong)


def test_the_token_is_sent_as_a_bearers(hook: Hook) -> None:
    Outlet.open(hook.url, SETTINGS).deliver([{"n": 1}])
    assert hook.heard == [(f"Bearer {SECRET}", [{"n": 1}])]


def test_what_a_webhook_refuses_is_told_by_its_status_and_host(hook: Hook) -> None:
    hook.status = 503
    with pytest.raises(DeliveryError, match=r"the webhook at 127\.0\.0\.1 refuses findings \(HTTP 503\)") as error:
        Outlet.open(hook.url, SETTINGS).deliver([{"n": 1}])
    assert SECRET not in str(error.value)
