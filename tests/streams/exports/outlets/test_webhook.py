from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.core.settings import Settings
from streams.exports.outlet import DeliveryError
from streams.exports.outlets.webhook import Outlet
from streams.testing.destination import SECRET, TrialDestination
from streams.testing.http_answers import Asked, answering

SETTINGS = Settings.model_validate({"mode": "local", "webhook_token": SECRET})


class Hook:
    """A webhook: what it heard, and what it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, Any]] = []
        self.status, self.url = 200, ""

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        self.heard.append((asked.headers.get("Authorization"), json.loads(asked.body)))
        return self.status, b""


@contextmanager
def served() -> Iterator[Hook]:
    hook = Hook()
    with answering(hook.answer) as url:
        hook.url = f"{url}/{SECRET}"
        yield hook


@pytest.fixture
def hook() -> Iterator[Hook]:
    with served() as found:
        yield found


@contextmanager
def destination(folder: Path) -> Iterator[TrialDestination]:
    del folder
    with served() as hook, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{unused.getsockname()[1]}/{SECRET}"
        wrong = (f"ftp://siem.example.com/{SECRET}", f"https:///{SECRET}", f"siem.example.com/{SECRET}", f"https://[{SECRET}/")
        yield TrialDestination(hook.url, SETTINGS, lambda: [each for _, body in hook.heard for each in body], (away, SETTINGS), wrong)


def test_the_token_is_sent_as_a_bearers(hook: Hook) -> None:
    Outlet.open(hook.url, SETTINGS).deliver([{"n": 1}])
    assert hook.heard == [(f"Bearer {SECRET}", [{"n": 1}])]


def test_what_a_webhook_refuses_is_told_by_its_status_and_host(hook: Hook) -> None:
    hook.status = 503
    with pytest.raises(DeliveryError, match=r"the webhook at 127\.0\.0\.1 refuses findings \(HTTP 503\)") as error:
        Outlet.open(hook.url, SETTINGS).deliver([{"n": 1}])
    assert SECRET not in str(error.value)
