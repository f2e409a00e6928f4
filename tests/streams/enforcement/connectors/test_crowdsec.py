"""What the connector reads of CrowdSec's alerts; all connectors' contract is in tests/contracts, the real API in tests/integration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypedDict

import msgspec
import pytest

from streams.enforcement import engine
from streams.enforcement.connector import ConnectorError
from streams.enforcement.connectors.crowdsec import Connector
from streams.enforcement.orders import Order
from streams.testing.http_answers import Asked, answering

FAR = 4_000_000_000.0
BAN = Order("0" * 16, "ban", 0.0, ["acct-1", "acct-2"], [], FAR, "a notice")


class Decision(TypedDict):
    value: str
    duration: str


class Alert(TypedDict):
    """An alert as the API lists it."""

    scenario: str
    events: list[dict[str, list[dict[str, str]]]] | None
    decisions: list[Decision]


class Api:
    """A Local API with these alerts, that lists what was posted."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        if asked.path == "/v1/watchers/login":
            return 200, b'{"token": "t"}'
        if asked.path == "/v1/alerts" and asked.body:
            self.alerts += json.loads(asked.body)
        return 200, json.dumps(self.alerts or None).encode()


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def connector(api: Api) -> Iterator[Connector]:
    with answering(api.answer) as url:
        yield Connector(url, "hydrometer", "a word")


def alert(order_id: str, meta: dict[str, str], **durations: str) -> Alert:
    decisions = [Decision(value=account, duration=duration) for account, duration in durations.items()]
    return {"scenario": f"hydrometer/{order_id}", "events": [{"meta": [meta]}], "decisions": decisions}


def test_a_decision_that_has_ended_is_listed_and_does_not_hold(api: Api, connector: Connector) -> None:
    api.alerts = [alert(BAN.order_id, {}, ada="-48.1ms", bob="59m58.6s")]
    assert connector.present()[BAN.order_id].accounts == ["bob"]


@pytest.mark.parametrize("value", ['{"order_id":"00', "bm8gb3JkZXI=", "", '{"order_id":"0"}'])
def test_an_alert_that_holds_no_order_is_replaced_or_removed_and_hinders_none(api: Api, connector: Connector, value: str) -> None:
    api.alerts = [
        alert(BAN.order_id, {"key": "order.0000", "value": value}, ada="1h"),
        alert("f" * 16, {"key": "order", "value": value}, bob="1h"),
    ]
    assert engine.plan(connector, {BAN.order_id: BAN}).change == [BAN.order_id]
    assert engine.plan(connector, {}).remove == [BAN.order_id, "f" * 16]


def test_alerts_of_others_are_none_of_ours(api: Api, connector: Connector) -> None:
    api.alerts = [{"scenario": "crowdsecurity/ssh-bf", "decisions": [{"value": "192.0.2.1", "duration": "4h"}], "events": None}]
    assert connector.present() == {}


def test_an_order_over_many_alerts_is_one_again_and_lacks_what_one_of_them_lost(api: Api, connector: Connector) -> None:
    order = msgspec.structs.replace(BAN, accounts=[f"acct-{number:04d}" for number in range(2_001)])
    connector.put(order)
    assert [len(one["decisions"]) for one in api.alerts] == [1_000, 1_000, 1]
    assert connector.present() == {order.order_id: order}
    del api.alerts[1]
    assert engine.plan(connector, {order.order_id: order}).change == [order.order_id]


def test_an_api_without_alerts_says_null(connector: Connector) -> None:
    assert connector.present() == {}


@pytest.mark.parametrize("answer", ['{"message": "no"}', '[{"decisions": 5}]', "not JSON"])
def test_what_is_no_list_of_alerts_is_said_in_one_line(answer: str) -> None:
    def said(asked: Asked) -> tuple[int, bytes]:
        return (200, b'{"token": "t"}') if asked.path == "/v1/watchers/login" else (200, answer.encode())

    with answering(said) as url, pytest.raises(ConnectorError, match="does not list alerts as objects: check its version"):
        Connector(url, "hydrometer", "a word").present()
