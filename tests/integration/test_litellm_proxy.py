"""A real LiteLLM proxy with our configuration, called through the OpenAI SDK: each call arrives as an event, failures too.

The proxy lives in an environment of its own under `build/`, made from PyPI once; it answers from a mock, without a network.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kafka import KafkaConsumer, TopicPartition

from streams.core.settings import Settings
from streams.schema import topics
from streams.schema.blocks import REQUESTS, Block, decode
from streams.testing.builders import embedded_broker
from streams.testing.processes import wait_for_health

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "litellm[proxy]==1.108.7"
CALLS = """
from openai import BadRequestError, OpenAI
client = OpenAI(base_url=%r, api_key="sk-master")
def ask(text, **options):
    return client.chat.completions.create(messages=[{"role": "user", "content": text}], **{"model": "large-1"} | options)
ask("What is a river?", user="end-user-7", temperature=0.2)
for _ in ask("What is a lake?", stream=True):
    pass
try:
    ask("What is a sea?", model="unknown")
except BadRequestError:
    print("refused")
"""


@pytest.fixture(scope="module")
def python_of_litellm() -> Path:
    """Return the interpreter of an environment that has the proxy; skip where PyPI cannot be reached."""
    folder = ROOT / "build" / PACKAGE
    python, uv = folder / "bin" / "python", Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder], check=True)
    done = subprocess.run([uv, "pip", "install", "--quiet", "--python", python, PACKAGE], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{PACKAGE} cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return python


@pytest.fixture
def settings() -> Iterator[Settings]:
    with embedded_broker() as bootstrap:
        local = Settings(mode="local", kafka=bootstrap, partitions=1)
        topics.ensure(local)
        yield local


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_calls_through_a_real_proxy_arrive_with_their_client_and_without_their_text(
    python_of_litellm: Path, settings: Settings, tmp_path: Path
) -> None:
    intake, proxy = free_port(), free_port()
    ours = yaml.safe_load((ROOT / "deploy" / "shippers" / "litellm.yaml").read_text())
    ours["callback_settings"]["hydrometer"]["endpoint"] = f"http://127.0.0.1:{intake}/v1/events"
    model = {"model": "openai/large-1", "api_key": "none", "mock_response": "A river is water that flows."}
    theirs = {"model_list": [{"model_name": "large-1", "litellm_params": model}], "general_settings": {"master_key": "sk-master"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(ours | theirs))
    environment = {**os.environ, "HYDROMETER_MODE": "local", "HYDROMETER_KAFKA": settings.kafka}
    token = {"GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {settings.intake_token.get_secret_value()}"}
    collect = [sys.executable, "-m", "streams", "collect", "--http", f"127.0.0.1:{intake}"]
    command = str(python_of_litellm.with_name("litellm"))
    litellm = [command, "--config", str(tmp_path / "config.yaml"), "--host", "127.0.0.1", "--port", str(proxy)]
    with (
        (tmp_path / "proxy.log").open("wb") as log,
        subprocess.Popen(collect, env=environment) as ours_running,
        subprocess.Popen(litellm, env=os.environ | token, stdout=log, stderr=log) as theirs_running,
    ):
        try:
            wait_for_health(intake)
            wait_until_alive(f"http://127.0.0.1:{proxy}/health/liveliness", theirs_running)
            script = CALLS % f"http://127.0.0.1:{proxy}/v1"
            called = subprocess.run([python_of_litellm, "-c", script], check=True, capture_output=True, text=True)
            assert called.stdout == "refused\n"
            blocks = events_of(settings, 3)
        finally:
            theirs_running.terminate()
            ours_running.terminate()
    rows = sorted((row for block in blocks for row in block.batch.to_pylist()), key=lambda row: str(row["time"]))
    assert [row["status"] for row in rows] == [200, 200, 400]
    assert [row["streamed"] for row in rows] == [False, True, False]
    assert {row["sdk_language"] for row in rows} == {"python"}
    assert all("x-stainless-lang" in str(row["header_names"]) for row in rows)
    assert len({row["simhash"] for row in rows}) == 3
    assert rows[0]["temperature"] == pytest.approx(0.2)
    assert b"river" not in b"".join(block.batch.serialize().to_pybytes() for block in blocks)


def wait_until_alive(url: str, process: subprocess.Popen[bytes], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "the proxy ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.5)
        else:
            return
    pytest.fail("the proxy does not answer")


def events_of(settings: Settings, count: int, seconds: float = 120.0) -> list[Block]:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(topics.REQUESTS, 0)])
    consumer.seek_to_beginning()
    blocks: list[Block] = []
    deadline = time.monotonic() + seconds
    while sum(map(len, blocks)) < count and time.monotonic() < deadline:
        blocks += [decode(record.value, REQUESTS) for records in consumer.poll(timeout_ms=1000).values() for record in records]
    consumer.close()
    assert sum(map(len, blocks)) == count
    return blocks
