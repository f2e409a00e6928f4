from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.testing.http_answers import Asked, answering


def environment(ground: Any) -> dict[str, str]:
    settings = ground.clickhouse._settings
    return {
        "HYDROMETER_MODE": "local",
        "HYDROMETER_CLICKHOUSE_PORT": str(settings.clickhouse_port),
        "HYDROMETER_CLICKHOUSE_USER": settings.clickhouse_user,
        "HYDROMETER_CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value(),
    }


def invoke(ground: Any, *words: str) -> str:
    return CliRunner(env=environment(ground)).invoke(cli, list(words), catch_exceptions=False).output


@pytest.fixture
def alertmanager() -> Iterator[tuple[str, Queue[list[Any]]]]:
    """Where something takes alerts as an Alertmanager does, and what it was told."""
    told: Queue[list[Any]] = Queue()

    def answer(asked: Asked) -> tuple[int, bytes]:
        told.put(json.loads(asked.body))
        return 200, b""

    with answering(answer) as url:
        yield url, told


def test_what_fires_now_is_one_line_each_with_how_urgent_it_is(ground: Any) -> None:
    ground.case("case-1", behaviour="routing", accounts=40)
    assert re.findall(r"^(\w+) +(\w+) +(\S+)", invoke(ground, "alerts", "show"), re.MULTILINE) == [
        ("page", "heartbeat", "No"), ("ticket", "new_routing_case", "case-1:"),
    ]  # fmt: skip


def test_the_open_cases_are_printed_once(ground: Any) -> None:
    ground.case("case-1", accounts=40)
    ground.case("case-2", state="resolved")
    shown = invoke(ground, "watch", "--once")
    assert "1 of extraction, 0 of routing, 40 accounts" in shown
    assert "case-1" in shown
    assert "case-2" not in shown


def test_who_evaluates_the_rules_tells_of_itself_too_and_is_no_sign_of_life_of_the_workers(
    ground: Any, alertmanager: tuple[str, Queue[list[Any]]]
) -> None:
    url, told = alertmanager
    ground.case("case-1")
    ground.health("started", 1)
    command = [sys.executable, "-m", "streams", "alerts", "run", "--alertmanager", url, "--every", "0.2"]
    with subprocess.Popen(command, env={**os.environ, **environment(ground)}) as running:
        first = told.get(timeout=60)
        told.get(timeout=60)  # the first was counted by now
        running.terminate()
        assert running.wait(timeout=30) == 143
    assert [alert["labels"]["rule"] for alert in first] == ["new_extraction_case"]
    rows = dict(ground.clickhouse.query("SELECT metric, max(value) FROM health WHERE process = 'alerts' GROUP BY metric"))
    assert rows["hydrometer_alerts_told"] >= 1
    assert rows["hydrometer_started"] > 1
