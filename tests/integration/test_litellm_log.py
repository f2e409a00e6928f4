"""The real LiteLLM proxy with our callback's configuration: calls of the real OpenAI SDK arrive as events, and none of their text does.

The proxy lives in an environment of its own, as in `test_litellm_proxy.py`; LITELLM_PYTHON names one that has `litellm[proxy]` already.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.schema import topics
from streams.schema.blocks import Block, decode
from streams.schema.layouts import REQUESTS
from streams.testing.builders import records_of
from streams.testing.processes import StartedInFolder, free_port, hydrometer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "shippers" / "litellm.yaml"
MARKER = "xylophone quokka manifesto"
CALLS = 4
WHO = """
from litellm.proxy._types import UserAPIKeyAuth


async def auth(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, user_id=api_key.removeprefix("key-of-"), org_id="org")
"""
CLIENT = f"""
import sys

from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="key-of-ada", max_retries=0)
question = [{{"role": "system", "content": "be brief {MARKER}"}}, {{"role": "user", "content": "why {MARKER}"}}]
client.chat.completions.create(model="mock", messages=question, temperature=0.5, max_tokens=50)
list(client.chat.completions.create(model="mock", messages=question, stream=True))
client.chat.completions.create(model="mock", messages=question, seed=7, user="end-user-1")
OpenAI(base_url=sys.argv[1], api_key="key-of-kim", max_retries=0).chat.completions.create(model="mock", messages=question)
"""


def configured(folder: Path, collect_port: int) -> dict[str, str]:
    """Write a proxy's configuration: a mock model, and our own with another port of `collect`. Returns the variables that it needs."""
    ours: dict[str, object] = yaml.safe_load(CONFIGURATION.read_text().replace("collect:8088", f"127.0.0.1:{collect_port}"))
    model = {"model_name": "mock", "litellm_params": {"model": "openai/mock", "api_key": "none", "mock_response": f"an answer {MARKER}"}}
    general = {"custom_auth": "who.auth", "master_key": "sk-a-key-of-this-test-alone-0123456789"}
    (folder / "config.yaml").write_text(yaml.safe_dump({"model_list": [model], "general_settings": general, **ours}))
    (folder / "who.py").write_text(WHO)
    token = Settings(mode="local").intake_token.get_secret_value()
    return {"PYTHONPATH": str(folder), "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {token}"}


def delivered(kafka: str, count: int, log: Path) -> list[Block]:
    """Return the blocks of the topic once they have so many events."""
    deadline = time.monotonic() + 120
    while sum(map(len, blocks := [decode(record.value, REQUESTS) for record in records_of(kafka, topics.REQUESTS)])) < count:
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(1)
    return blocks


def test_calls_of_the_openai_sdk_arrive_with_account_client_and_sketch_though_collect_came_later(
    litellm_python: str, started_litellm: StartedInFolder, tmp_path: Path
) -> None:
    collect_port = free_port()
    with EmbeddedBroker() as broker, started_litellm(tmp_path, configured(tmp_path, collect_port)) as address:
        topics.ensure(Settings(mode="local", kafka=broker.bootstrap, partitions=1))
        subprocess.run([litellm_python, "-c", CLIENT, f"{address}/v1"], check=True, timeout=120)
        with hydrometer(
            "collect", "--http", f"127.0.0.1:{collect_port}", log=tmp_path / "collect.log", KAFKA=broker.bootstrap, PARTITIONS="1"
        ):
            blocks = delivered(broker.bootstrap, CALLS, tmp_path / "log")
        records = b"".join(record.value for record in records_of(broker.bootstrap, topics.REQUESTS))

    def column(name: str) -> list[Any]:
        kind = REQUESTS.columns[name]
        return [
            value
            for block in blocks
            for value in (block.texts(name) if kind == "text" else (block.hashes if kind == "hash" else block.numbers)(name).tolist())
        ]

    assert sorted(column("account_id")) == ["ada", "ada", "ada", "kim"]
    assert {*column("organization_id")} == {"org"}
    assert {*column("sdk_language")} == {"python"}
    assert len({*column("router")} - {0}) == 1, "one stack of client is one router fingerprint"
    assert 0 not in column("simhash")
    assert sum(streamed == 1 for streamed in column("streamed")) == 1
    assert sum(end_user != 0 for end_user in column("end_user")) == 1
    assert {*column("status")} == {200}
    assert all(tokens > 0 for tokens in column("output_tokens"))
    assert MARKER.encode() not in records
    assert MARKER not in (tmp_path / "collect.log").read_text()
