"""Alerts delivered for real: rules on a ClickHouse, Debian's Alertmanager, and a webhook that listens."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from dashboards.alert_evaluator import Evaluator, send
from dashboards.alerts import new_extraction_case
from streams.clickhouse import migrate
from streams.clickhouse.client import ClickHouse, connect
from streams.core.settings import Settings
from streams.testing.builders import local_clickhouse
from streams.testing.http_answers import Asked, answering

pytestmark = pytest.mark.integration

PROGRAM = "prometheus-alertmanager"
CONFIG = Path(__file__).resolve().parents[2] / "deploy/alertmanager.yaml"
PATIENCE = 20.0


def until(found: Callable[[], Any]) -> Any:
    """Return the first thing found that is true, or fail after some seconds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.05)
    return pytest.fail(f"nothing came within {PATIENCE:.0f} s")


@pytest.fixture(scope="session")
def program() -> str:
    if not shutil.which(PROGRAM) and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", PROGRAM], check=False, capture_output=True, timeout=100)
    found = shutil.which(PROGRAM)
    if not found:
        pytest.skip(f"{PROGRAM} is not installed and cannot be: apt-get install {PROGRAM}")
    return found


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Where to send webhooks, and what has come."""
    messages: list[dict[str, Any]] = []

    def answer(asked: Asked) -> tuple[int, bytes]:
        messages.append({**json.loads(asked.body), "path": asked.path})
        return 200, b""

    with answering(answer) as url:
        yield url, messages


@pytest.fixture
def alertmanager(program: str, heard: tuple[str, list[Any]], tmp_path: Path) -> Iterator[str]:
    """Debian's Alertmanager with our configuration, in which only the waiting is shorter and the webhooks are ours."""
    config = yaml.safe_load(CONFIG.read_text())
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        receiver["webhook_configs"][0]["url"] = f"{heard[0]}/{receiver['name']}"
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = [f"--config.file={tmp_path}/alertmanager.yaml", f"--storage.path={tmp_path}/data", "--cluster.listen-address="]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program, *flags, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _ready(url))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path) as server:
        where = {"clickhouse_host": server.host, "clickhouse_port": server.port, "clickhouse_user": server.user}
        settings = Settings.model_validate({"mode": "local", **where, "clickhouse_password": SecretStr(server.password)})
        migrate.run(settings)
        _cases(settings, "open", version=1)
        yield settings


def test_cases_are_delivered_together_once_and_then_resolved(
    alertmanager: str, heard: tuple[str, list[dict[str, Any]]], settings: Settings
) -> None:
    clickhouse, messages = ClickHouse(settings), heard[1]
    evaluator = Evaluator(clickhouse.named, {"new_extraction_case": replace(new_extraction_case.rule, lingers="0s")})
    for _ in range(3):
        send(alertmanager, evaluator.evaluate(time.time(), 30))
    (first,) = until(lambda: list(messages))
    assert (first["path"], first["status"], first["groupLabels"]) == ("/soc", "firing", {"rule": "new_extraction_case"})
    assert sorted(alert["annotations"]["summary"] for alert in first["alerts"]) == [
        f"case-{number}: 3 account(s) look like distillation of the model." for number in (1, 2)
    ], "two cases, one message"

    for _ in range(4):
        send(alertmanager, evaluator.evaluate(time.time(), 30))
        time.sleep(0.5)
    assert len(messages) == 1, "what was said is not said again"

    _cases(settings, "resolved", version=2)
    send(alertmanager, evaluator.evaluate(time.time(), 30))
    resolved = until(lambda: [each for each in messages if each["status"] == "resolved"])
    assert {alert["labels"]["case_id"] for alert in resolved[0]["alerts"]} == {"case-1", "case-2"}
    clickhouse.close()


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _cases(settings: Settings, state: str, version: int) -> None:
    now = datetime.now(UTC)
    names = "case_id, version, opened_at, updated_at, state, behaviour, accounts, extraction, payload"
    rows = [(f"case-{number}", version, now, now, state, "extraction", 3, 9.0, "{}") for number in (1, 2)]
    client = connect(settings)
    try:
        client.execute(f"INSERT INTO cases ({names}) VALUES", rows, settings={"async_insert": 0})
    finally:
        client.disconnect()
