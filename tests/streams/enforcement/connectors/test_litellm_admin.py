"""What a LiteLLM proxy's keys get, and get back; the contract of all connectors is in tests/contracts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict
from unittest.mock import ANY
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from streams.core.settings import Settings
from streams.enforcement import engine
from streams.enforcement.connectors.litellm_admin import Connector
from streams.enforcement.orders import Order
from streams.testing.http_answers import Asked, answering

FAR = 4_000_000_000.0


class Key(TypedDict, total=False):
    """A key, as the admin API shows and takes it."""

    user_id: str
    rpm_limit: int | None
    blocked: bool | None
    max_budget: float | None
    metadata: dict[str, object] | None


class Proxy:
    """Lists keys page by page, and changes them."""

    def __init__(self) -> None:
        self.keys = {f"hash-{number}": Key(user_id=f"acct-{number}", rpm_limit=100, metadata={"team": "a"}) for number in range(120)}
        self.keys["hash-1b"] = Key(user_id="acct-1", rpm_limit=None, metadata=None)

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        if asked.headers["Authorization"] != "Bearer sk-admin":
            return 401, b""
        if asked.path == "/key/update":
            change = json.loads(asked.body)
            self.keys[change.pop("key")].update(change)
            return 200, b"{}"
        query = parse_qs(urlsplit(asked.path).query)
        first, size = (int(query["page"][0]) - 1) * int(query["size"][0]), int(query["size"][0])
        keys = [{"token": token, **key} for token, key in self.keys.items()]
        return 200, json.dumps({"keys": keys[first : first + size], "total_pages": -(-len(keys) // size)}).encode()


@pytest.fixture
def proxy() -> Proxy:
    return Proxy()


@pytest.fixture
def opened(proxy: Proxy, tmp_path: Path) -> Iterator[Callable[[], Connector]]:
    """Open a connector to the proxy, as each run of the command does."""
    with answering(proxy.answer) as server:
        (tmp_path / "admin").write_text(f"url: {server}\nkey: sk-admin\n")
        yield lambda: Connector.open(str(tmp_path / "admin"), Settings(mode="local", state_dir=tmp_path))


def order(number: int, measure: str, *accounts: str) -> Order:
    fields = {"order_id": f"{number:016x}", "measure": measure, "rate": 60.0 if measure == "rate_cap" else 0.0}
    return msgspec.convert({**fields, "accounts": list(accounts), "keys": [], "expires": FAR, "notice": "a notice"}, Order)


def wanted(*orders: Order) -> dict[str, Order]:
    return {one.order_id: one for one in orders}


def changed(proxy: Proxy, *tokens: str) -> list[tuple[int | None, bool | None, float | None]]:
    return [(key.get("rpm_limit"), key.get("blocked"), key.get("max_budget")) for key in (proxy.keys[token] for token in tokens)]


def test_a_cap_is_shared_out_among_the_keys_and_what_they_had_comes_back(proxy: Proxy, opened: Callable[[], Connector]) -> None:
    capped = order(2, "rate_cap", "acct-1", "acct-2")
    engine.apply(opened(), wanted(capped))
    assert changed(proxy, "hash-1", "hash-1b", "hash-2", "hash-3") == [
        (20, None, None),
        (20, None, None),
        (20, None, None),
        (100, None, None),
    ]
    assert proxy.keys["hash-1"]["metadata"] == {"team": "a", "hydrometer": {"own": ANY, "caps": {capped.order_id: 20}}}
    engine.apply(opened(), {})
    assert changed(proxy, "hash-1", "hash-1b", "hash-2") == [(100, None, None), (None, None, None), (100, None, None)]
    assert proxy.keys["hash-1"]["metadata"] == {"team": "a"}


def test_a_banned_accounts_keys_are_blocked_without_a_budget_and_two_orders_end_one_by_one(
    proxy: Proxy, opened: Callable[[], Connector]
) -> None:
    ban, cap = order(1, "ban", "acct-5"), order(2, "rate_cap", "acct-5")
    engine.apply(opened(), wanted(ban, cap))
    assert changed(proxy, "hash-5") == [(60, True, 0.0)]
    engine.apply(opened(), wanted(cap))
    assert changed(proxy, "hash-5") == [(60, None, None)]
    engine.apply(opened(), {})
    assert changed(proxy, "hash-5") == [(100, None, None)]


DRIFTS: dict[str, tuple[str, Key]] = {
    "unblocked by hand": ("hash-5", {"blocked": False}),
    "made since": ("hash-5b", {"user_id": "acct-5"}),
    "given a budget": ("hash-5", {"max_budget": 10.0}),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_key_that_was_changed_or_made_since_is_drift(proxy: Proxy, opened: Callable[[], Connector], drift: str) -> None:
    ban, (token, change) = order(1, "ban", "acct-5"), DRIFTS[drift]
    engine.apply(opened(), wanted(ban))
    proxy.keys[token] = {**proxy.keys.get(token, {}), **change}
    assert engine.apply(opened(), wanted(ban)).plan.change == [ban.order_id]
    assert engine.plan(opened(), wanted(ban)).is_empty
    assert changed(proxy, token)[0][1:] == (True, 0.0)


def test_what_another_machine_put_or_what_failed_halfway_is_taken_away(
    proxy: Proxy, opened: Callable[[], Connector], tmp_path: Path
) -> None:
    engine.apply(opened(), wanted(order(1, "ban", "acct-5")))
    for memory in tmp_path.glob("enforcement-litellm-admin-*"):
        memory.unlink()
    assert engine.apply(opened(), {}).plan.remove == [order(1, "ban").order_id]
    assert changed(proxy, "hash-5") == [(100, None, None)]


def test_an_account_without_a_key_is_an_error_that_says_where_to_look(opened: Callable[[], Connector]) -> None:
    outcome = engine.apply(opened(), wanted(order(1, "ban", "stranger")))
    assert outcome.failed == {order(1, "ban").order_id: ANY}
    assert "no account of the order has a key at the proxy" in next(iter(outcome.failed.values()))
