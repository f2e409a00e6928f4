"""Real programs, started or installed once for all integration tests."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from streams.devserver.kafka import ApacheKafka
from streams.testing.builders import foreign_python
from streams.testing.processes import StartedInFolder, free_port

STARTS_WITHIN_SECONDS: Final = 240.0
WITHOUT_NETWORK: Final = {"LITELLM_TELEMETRY": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def litellm_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python with LiteLLM's proxy and the client of its database."""
    packages = ("litellm[proxy]", "prisma==0.15.0", "msgspec")
    return foreign_python(tmp_path_factory.mktemp("litellm"), "LITELLM_PYTHON", *packages, seconds=500.0)


@pytest.fixture(scope="session")
def started_litellm(litellm_python: str) -> StartedInFolder:
    """Start LiteLLM's proxy as its command does, with the `config.yaml` of a folder, and wait until it answers. Its log is `log` there."""

    @contextmanager
    def started(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
        port = free_port()
        command = [str(Path(litellm_python).with_name("litellm")), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env={**os.environ, **WITHOUT_NETWORK, **environment}, cwd=folder, stdout=log, stderr=log)
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/health/readiness", process, folder / "log", database="DATABASE_URL" in environment)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)

    return started


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path, *, database: bool) -> None:
    """Wait until a proxy says that it is ready, with its database where it has one; fail with the end of its log."""
    give_up = time.monotonic() + STARTS_WITHIN_SECONDS
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < give_up, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if not database or json.load(answer).get("db") == "connected":
                    return
        except (OSError, ValueError):
            pass
        time.sleep(0.5)
