"""The stand-in answers until an order says otherwise, and again when it expires."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from streams.core.settings import Settings
from streams.demo.gateway import gateway
from streams.enforcement.connectors.litellm import Connector
from streams.enforcement.orders import Order


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    return tmp_path / "orders.json"


@pytest.fixture
def address(orders: Path) -> Iterator[str]:
    with gateway(orders) as served:
        yield served


def put(orders: Path, measure: str, account: str, **other: Any) -> None:
    fields = {"order_id": "0" * 16, "measure": measure, "rate": 0.0, "accounts": [account], "keys": [], "expires": time.time() + 60}
    Connector.open(str(orders), Settings(mode="local")).put(msgspec.convert({**fields, "notice": "a notice", **other}, Order))


def ask(address: str, account: str) -> requests.Response:
    return requests.post(address, json={"model": "m"}, headers={"Authorization": f"Bearer {account}"}, timeout=10)


def test_without_an_order_all_are_served(address: str) -> None:
    answer = ask(address, "ada")
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"].keys() == {"role", "content", "reasoning_content"}


def test_a_suspended_account_is_refused_with_its_notice_and_others_are_served(address: str, orders: Path) -> None:
    put(orders, "suspend_key", "ada")
    refused = ask(address, "ada")
    assert (refused.status_code, refused.json()) == (403, {"error": "a notice"})
    assert ask(address, "bob").status_code == 200


def test_an_order_that_has_expired_refuses_nobody(address: str, orders: Path) -> None:
    put(orders, "suspend_key", "ada", expires=time.time() - 1)
    assert ask(address, "ada").status_code == 200


def test_a_cap_of_two_a_minute_serves_two(address: str, orders: Path) -> None:
    put(orders, "rate_cap", "ada", rate=2.0)
    assert [ask(address, "ada").status_code for _ in range(3)] == [200, 200, 429]


def test_reasoning_is_hidden_where_an_order_says_so(address: str, orders: Path) -> None:
    put(orders, "hide_reasoning", "ada")
    assert ask(address, "ada").json()["choices"][0]["message"].keys() == {"role", "content"}


def test_another_path_is_not_found(address: str) -> None:
    assert requests.post(address + "/else", data=b"x", timeout=10).status_code == 404
