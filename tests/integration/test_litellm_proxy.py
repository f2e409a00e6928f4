"""The real LiteLLM proxy, from PyPI, with a mock model: it refuses, caps, strips and serves canaries as orders say, until they expire.

The proxy lives in an environment of its own, which this test makes with uv (a minute, and the package index once); LITELLM_PYTHON names one
that has `litellm[proxy]`, `prisma` and `msgspec` already.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import requests

from streams.core.settings import Settings
from streams.enforcement.connectors.litellm import Connector
from streams.enforcement.connectors.litellm_admin import Connector as AdminConnector
from streams.enforcement.orders import Order
from streams.exports.ocsf import Json
from streams.forensics.canary import CanaryPolicy
from streams.testing.http_answers import Asked, answering
from streams.testing.processes import StartedInFolder

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
model_list:
  - model_name: mock
    litellm_params: {model: openai/mock, api_key: none, mock_response: "For example, an answer"}
litellm_settings: {callbacks: [streams.enforcement.litellm_hook.enforcement, streams.forensics.litellm_hook.canary], drop_params: true}
general_settings: {custom_auth: who.auth, master_key: sk-a-key-of-this-test-alone-0123456789}
"""
WHO = """
from litellm.proxy._types import UserAPIKeyAuth


async def auth(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, user_id=api_key.removeprefix("key-of-"))
"""

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def proxy(started_litellm: StartedInFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The proxy's address, and the file of orders that it obeys."""
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "who.py").write_text(WHO)
    (folder / "canary.json").write_bytes(
        CanaryPolicy("case-1", 1, "J. Doe", "", ("kim", "zoe"), (("for instance,", "for example,"),)).json()
    )
    environment = {
        "PYTHONPATH": f"{ROOT}:{folder}", "HYDROMETER_ORDERS": str(folder / "orders.json"),
        "HYDROMETER_CANARY_POLICY": str(folder / "canary.json"), "HYDROMETER_CANARY_SERVED": str(folder / "served.jsonl"),
    }  # fmt: skip
    with started_litellm(folder, environment) as base:
        yield base, folder / "orders.json"


def ask(base: str, who: str, **more: Any) -> requests.Response:
    body = {"model": "mock", "messages": [{"role": "user", "content": "hello"}], **more}
    return requests.post(f"{base}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer key-of-{who}"}, timeout=60)


def answer_of(response: requests.Response) -> str:
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


def order(measure: str, who: str, seconds: float, rate: float = 0.0) -> Order:
    number = f"{abs(hash((measure, who))) % 16**16:016x}"
    return Order(number, measure, rate, [who], [], time.time() + seconds, f"a notice about {measure}")  # type: ignore[arg-type]


def test_calls_are_refused_capped_and_stripped_until_the_orders_expire(proxy: tuple[str, Path]) -> None:
    base, path = proxy
    assert ask(base, "ada").status_code == 200
    connector = Connector.open(str(path), Settings(mode="local"))
    ends = 45.0
    for one in (
        order("ban", "ada", ends),
        order("rate_cap", "bob", ends, rate=2.0),
        order("hide_reasoning", "eve", ends),
        order("canary", "kim", ends),
    ):
        connector.put(one)
    began = time.time()
    refused = ask(base, "ada")
    assert refused.status_code == 403
    assert "a notice about ban" in refused.text
    assert [ask(base, "bob").status_code for _ in range(3)] == [200, 200, 429]
    assert ask(base, "zoe").status_code == 200, "who is in no order is served"
    stripped = ask(base, "eve", logprobs=True, n=2)
    assert stripped.status_code == 200
    assert len(stripped.json()["choices"]) == 1
    assert not any(choice.get("logprobs") or choice["message"].get("reasoning_content") for choice in stripped.json()["choices"])
    assert [answer_of(ask(base, who)) for who in ("kim", "zoe")] == ["For instance, an answer", "For example, an answer"]
    time.sleep(max(ends - (time.time() - began) + 1, 0))
    assert [ask(base, who).status_code for who in ("ada", "bob", "eve")] == [200, 200, 200]
    assert answer_of(ask(base, "kim")) == "For example, an answer"
    assert (path.parent / "served.jsonl").read_text().count("\n") == 1
    assert json.loads(path.read_text().partition("\n")[0].removeprefix("# hydrometer orders: ")), "expired orders are still in the file"


def test_the_admin_connector_asks_for_what_the_proxys_own_openapi_document_offers(proxy: tuple[str, Path], tmp_path: Path) -> None:
    document = requests.get(f"{proxy[0]}/openapi.json", timeout=60).json()
    updated, listed = document["paths"]["/key/update"]["post"], document["paths"]["/key/list"]["get"]
    schema = updated["requestBody"]["content"]["application/json"]["schema"] | {"components": document["components"]}
    offered = {parameter["name"]: parameter["schema"] for parameter in listed["parameters"]}
    asked: list[Asked] = []

    def answer(request: Asked) -> tuple[int, bytes]:
        asked.append(request)
        key = {"token": "0" * 64, "user_id": "ada", "rpm_limit": 10, "metadata": {}}
        return 200, json.dumps({"keys": [key], "total_count": 1, "current_page": 1, "total_pages": 1}).encode()

    with answering(answer) as server:
        (tmp_path / "admin").write_text(f"url: {server}\nkey: sk-of-this-test\n")
        connector = AdminConnector.open(str(tmp_path / "admin"), Settings(mode="local", state_dir=tmp_path))
        for one in (order("ban", "ada", 60), order("rate_cap", "ada", 60, rate=5.0)):
            connector.put(one)
    changes = [json.loads(request.body) for request in asked if request.path == "/key/update"]
    assert len(changes) == 2
    properties = resolved(document, schema)["properties"]
    for change in changes:
        assert change.keys() <= properties.keys()
        jsonschema.validate(change, schema)
    query = parse_qs(urlsplit(asked[0].path).query)
    assert query.keys() <= offered.keys()
    assert int(query["size"][0]) <= offered["size"]["maximum"]


def resolved(document: Json, schema: Json) -> Json:
    """Return the schema that a reference names."""
    found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found
