"""The admin connector on a real LiteLLM proxy with keys in PostgreSQL: what a key is refused, and that it gets back what it had.

LiteLLM reaches PostgreSQL through Prisma. Its native engine is published outside of the package registries; the same engine as WebAssembly
is in npm, and `prisma_engine.js` puts it behind the HTTP that Prisma's Python client speaks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import pytest
import requests

from streams.core.settings import Settings
from streams.enforcement import engine
from streams.enforcement.connectors.litellm_admin import Connector
from streams.enforcement.orders import Order
from streams.schema.actions import Measure
from streams.testing.processes import StartedInFolder, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PACKAGES: Final = ("prisma@5.17.0", "@prisma/client@5.17.0", "@prisma/adapter-pg@5.17.0", "graphql@16.11.0", "pg@8.16.3")
ENGINE: Final = Path(__file__).with_name("prisma_engine.js")
ADMIN: Final = "sk-an-admin-of-this-test-0123456789"
CONFIG: Final = f"""
model_list:
  - model_name: mock
    litellm_params: {{model: openai/mock, api_key: none, mock_response: "an answer"}}
general_settings: {{master_key: {ADMIN}}}
"""
STARTS_WITHIN_SECONDS: Final = 240.0
HOUR: Final = 3600.0


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Return the address of an empty PostgreSQL, as Debian has it; root runs it as another user, for it refuses root."""
    on_path = shutil.which("initdb")
    programs = [Path(on_path).resolve().parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    user = "postgres" if os.geteuid() == 0 else None
    if not programs:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder, port = Path(tempfile.mkdtemp(prefix="hydrometer-pg-")), free_port()
    try:
        if user:
            shutil.chown(folder, user)
        run = [str(programs[-1] / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "postgres"]
        subprocess.run(run, check=True, user=user, cwd=folder, capture_output=True, timeout=120)
        serve = [str(programs[-1] / "postgres"), "-D", f"{folder}/data", "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(serve, user=user, cwd=folder, stdout=log, stderr=log)
        try:
            ready = [str(programs[-1] / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
            wait_until(lambda: subprocess.run(ready, check=False, timeout=20).returncode == 0, process, folder / "log")
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def client(litellm_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the engine and the Python client that Prisma generates for LiteLLM's tables."""
    folder = tmp_path_factory.mktemp("prisma")
    if not shutil.which("npm"):
        pytest.skip("npm is not installed, and with it no engine for LiteLLM's database: apt-get install npm")
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    if subprocess.run(install, check=False, cwd=folder, capture_output=True, timeout=200).returncode:
        pytest.skip(f"npm does not give {PACKAGES[0]}")
    wrapper = folder / "query-engine"
    asks_version = '[ "$1" = --version ] && { echo "query-engine 393aa359c9ad4a4bb28630fb5613f9c281cde053"; exit 0; }'
    wrapper.write_text(f'#!/bin/sh\n{asks_version}\nexec node {ENGINE} "$@"\n')
    wrapper.chmod(0o755)
    schema = (extras(litellm_python) / "schema.prisma").read_text(encoding="utf-8")
    generator = f'binaryTargets = ["native"]\n  output = "{folder}/site/prisma"'
    (folder / "schema.prisma").write_text(re.sub(r"binaryTargets = .*", generator, schema))
    generate = ["node", "node_modules/prisma/build/index.js", "generate", "--schema", "schema.prisma"]
    done = subprocess.run(generate, check=False, cwd=folder, env=environment(litellm_python, folder, ""), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return folder


def extras(python: str) -> Path:
    """Return where LiteLLM's tables are described. Skip where an environment that was named lacks them."""
    say = "import litellm_proxy_extras, prisma; print(litellm_proxy_extras.__path__[0])"
    asked = subprocess.run([python, "-c", say], check=False, capture_output=True, text=True, timeout=120)
    if asked.returncode:
        pytest.skip("LITELLM_PYTHON has no package prisma: pip install prisma==0.15.0")
    return Path(asked.stdout.strip())


def environment(python: str, folder: Path, address: str) -> dict[str, str]:
    """Return the variables with which LiteLLM and Prisma find each other."""
    engines = {
        f"PRISMA_{name}": str(folder / "query-engine") for name in ("QUERY_ENGINE_BINARY", "QUERY_ENGINE_LIBRARY", "SCHEMA_ENGINE_BINARY")
    }
    mine = {
        "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}", "NODE_PATH": str(folder / "node_modules"),
        "PYTHONPATH": str(folder / "site"), "PRISMA_HIDE_UPDATE_MESSAGE": "1", "DATABASE_URL": address,
        "DISABLE_SCHEMA_UPDATE": "true",
    }  # fmt: skip
    return {**os.environ, **engines, **mine}


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a process is ready; fail with the end of its log."""
    give_up = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, log.read_text()[-3000:]
        if is_so():
            return
        time.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])


@dataclass(frozen=True)
class Proxy:
    """The proxy, as an admin and as its customers see it."""

    base: str

    def post(self, path: str, key: str, body: Mapping[str, object]) -> requests.Response:
        return requests.post(self.base + path, data=json.dumps(body), headers={"Authorization": f"Bearer {key}"}, timeout=60)

    def admin(self, path: str, **body: object) -> dict[str, object]:
        answer = self.post(path, ADMIN, body)
        assert answer.ok, answer.text
        said: dict[str, object] = answer.json()
        return said

    def key_of(self, user: str, **more: object) -> str:
        return str(self.admin("/key/generate", user_id=user, **more)["key"])

    def limits(self, key: str) -> tuple[object, ...]:
        """Return what a key has: limit, block, budget and metadata."""
        answer = requests.get(f"{self.base}/key/info", params={"key": key}, headers={"Authorization": f"Bearer {ADMIN}"}, timeout=60)
        info = answer.json()["info"]
        return info["rpm_limit"], info["blocked"], info["max_budget"], info["metadata"]

    def ask(self, key: str) -> int:
        body = {"model": "mock", "messages": [{"role": "user", "content": "hello"}]}
        return self.post("/v1/chat/completions", key, body).status_code


@pytest.fixture(scope="module")
def proxy(
    started_litellm: StartedInFolder, litellm_python: str, client: Path, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "config.yaml").write_text(CONFIG)
    tables = ";\n".join(path.read_text(encoding="utf-8") for path in sorted(extras(litellm_python).glob("migrations/*/migration.sql")))
    subprocess.run(["psql", "-q", database], input=tables, check=True, text=True, capture_output=True, timeout=120)
    with started_litellm(folder, environment(litellm_python, client, database)) as base:
        yield Proxy(base)


@pytest.fixture
def opened(proxy: Proxy, tmp_path: Path) -> Callable[[], Connector]:
    """Open a connector to the proxy, as each run of the command does."""
    (tmp_path / "admin").write_text(f"url: {proxy.base}\nkey: {ADMIN}\n")
    return lambda: Connector.open(str(tmp_path / "admin"), Settings(mode="local", state_dir=tmp_path))


NUMBERS: Final = count()


def order(measure: Measure, *accounts: str, rate: float = 0.0, keys: tuple[str, ...] = ()) -> Order:
    return Order(f"{next(NUMBERS):016x}", measure, rate, sorted(accounts), list(keys), time.time() + HOUR, "a notice")


def wanted(*orders: Order) -> dict[str, Order]:
    return {one.order_id: one for one in orders}


def test_a_banned_account_is_refused_with_all_its_keys_and_gets_back_what_it_had(proxy: Proxy, opened: Callable[[], Connector]) -> None:
    keys = [proxy.key_of("ada", metadata={"team": "a"}), proxy.key_of("ada", rpm_limit=100, max_budget=7.5)]
    stranger, before = proxy.key_of("zoe"), [proxy.limits(key) for key in keys]
    orders = wanted(order("ban", "ada"))
    assert [proxy.ask(key) for key in (*keys, stranger)] == [200, 200, 200]
    assert engine.apply(opened(), orders).failed == {}
    assert engine.plan(opened(), orders).is_empty
    assert [proxy.ask(key) for key in (*keys, stranger)] == [401, 401, 200]
    assert engine.apply(opened(), {}).failed == {}
    assert [proxy.limits(key) for key in keys] == before
    assert [proxy.ask(key) for key in keys] == [200, 200]


def test_a_cap_holds_and_ends(proxy: Proxy, opened: Callable[[], Connector]) -> None:
    key = proxy.key_of("bob", rpm_limit=50)
    engine.apply(opened(), wanted(order("rate_cap", "bob", rate=3.0)))
    statuses = [proxy.ask(key) for _ in range(8)]
    assert 1 <= statuses.count(200) <= 4, "LiteLLM counts by the minute of the clock, and one may end between"
    assert statuses.count(429) == 8 - statuses.count(200)
    engine.apply(opened(), {})
    assert proxy.limits(key)[0] == 50


def test_a_suspended_key_is_refused_and_the_accounts_other_key_is_served(proxy: Proxy, opened: Callable[[], Connector]) -> None:
    one, other = proxy.admin("/key/generate", user_id="eve"), proxy.key_of("eve")
    orders = wanted(order("suspend_key", "eve", keys=(str(one["token_id"]),)))
    assert engine.apply(opened(), orders).failed == {}
    assert [proxy.ask(str(one["key"])), proxy.ask(other)] == [401, 200]
    engine.apply(opened(), {})


def test_what_an_admin_changed_by_hand_is_drift_and_is_put_right(proxy: Proxy, opened: Callable[[], Connector]) -> None:
    key, orders = proxy.key_of("kim"), wanted(order("ban", "kim"))
    engine.apply(opened(), orders)
    proxy.admin("/key/update", key=key, blocked=False)
    assert engine.plan(opened(), orders).change == list(orders)
    engine.apply(opened(), orders)
    assert proxy.ask(key) == 401
    engine.apply(opened(), {})
