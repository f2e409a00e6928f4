"""What every connector keeps to. The suite finds connectors by itself; one that speaks to a server is given a little one here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final, TypedDict
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from pydantic import SecretStr

from streams.core.settings import Settings
from streams.enforcement import engine
from streams.enforcement.connector import Connector, ConnectorError, FileConnector, connectors
from streams.enforcement.orders import Order
from streams.schema.actions import MEASURES
from streams.testing.http_answers import serving

HOUR = 3600.0
FAR = 4_000_000_000.0


HOSTILE = ['"; DROP', "a\nb", "=cmd()", "a|.*", "ä/../x", "x" * 500]
"""Accounts with names that mean something to somebody's parser."""


class Key(TypedDict, total=False):
    """A key of LiteLLM, as its admin API shows and takes it."""

    user_id: str
    rpm_limit: int | None
    blocked: bool | None
    max_budget: float | None
    metadata: dict[str, object] | None


class Decision(TypedDict):
    """A decision of CrowdSec, as far as it is looked at here."""

    value: str
    duration: str


class Event(TypedDict):
    """What an alert of CrowdSec is about."""

    meta: list[dict[str, str]]


class Alert(TypedDict):
    """An alert of CrowdSec, as its API takes and shows it."""

    scenario: str
    events: list[Event]
    decisions: list[Decision]


ENDED: Final = "-1s"
"""What CrowdSec shows of a decision that was deleted or has expired: it lists it still."""
MAX_EVENT_BYTES: Final = 8191
"""What CrowdSec keeps of an event; beyond, it cuts off the values."""


def cut(alert: Alert) -> Alert:
    """Return an alert as CrowdSec keeps it."""
    for event in alert["events"]:
        if len(json.dumps(event["meta"])) > MAX_EVENT_BYTES:
            event["meta"] = [{**meta, "value": f"{meta['value'][:256]}<TRUNCATED>"} for meta in event["meta"]]
    return alert


class Server(BaseHTTPRequestHandler):
    """Takes orders as a webhook, decisions as CrowdSec's Local API, changes of keys as LiteLLM's admin API. What is in `refused` fails."""

    keys: ClassVar[dict[str, Key]] = {}
    """Of LiteLLM, by their hash."""

    alerts: ClassVar[list[Alert]] = []
    refused: ClassVar[set[str]] = set()
    seen: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def answer(self, status: int, value: Any = None) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/watchers/login":
            return self.answer(200, {"token": "t"})
        if any(name.encode() in body for name in self.refused):
            return self.answer(500)
        self.seen.append((dict(self.headers), body))
        if self.path == "/key/update":
            change = json.loads(body)
            self.keys[change.pop("key")].update(change)
            return self.answer(200, {})
        if self.path == "/v1/alerts":
            self.alerts.extend(cut(alert) for alert in json.loads(body))
            return self.answer(201, ["1"])
        return self.answer(204)

    def do_GET(self) -> None:
        if not self.path.startswith("/key/list"):
            active = [alert for alert in self.alerts if any(decision["duration"] != ENDED for decision in alert["decisions"])]
            return self.answer(200, active)
        query = parse_qs(urlsplit(self.path).query)
        first, size = (int(query["page"][0]) - 1) * int(query["size"][0]), int(query["size"][0])
        keys = [{"token": token, **key} for token, key in self.keys.items()]
        return self.answer(200, {"keys": keys[first : first + size], "total_pages": -(-len(keys) // size)})

    def do_DELETE(self) -> None:
        scenario = parse_qs(urlsplit(self.path).query)["scenario"][0]
        for alert in self.alerts:
            for decision in alert["decisions"]:
                decision["duration"] = ENDED if alert["scenario"] == scenario else decision["duration"]
        self.answer(200, {"nbDeleted": "1"})

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Server.alerts, Server.refused, Server.seen = [], set(), []
    users = [*(f"acct-{number}" for number in range(120)), *HOSTILE]
    Server.keys = {f"hash-{number}": Key(user_id=user, rpm_limit=100, metadata={"team": "a"}) for number, user in enumerate(users)}
    made = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    with serving(made):
        yield f"http://127.0.0.1:{made.server_port}"


@pytest.fixture
def opened(server: str, tmp_path: Path) -> Callable[[str], Connector]:
    """Open a connector by its name, on a destination of its own."""
    credentials = tmp_path / "credentials.yaml"
    credentials.write_text(f"url: {server}\nlogin: hydrometer\npassword: secret-word\n")
    settings = Settings(mode="local", state_dir=tmp_path, webhook_token=SecretStr("a token of the webhook"))
    admin = tmp_path / "admin.yaml"
    admin.write_text(f"url: {server}\nkey: sk-secret-word\n")
    targets = {"crowdsec": str(credentials), "litellm_admin": str(admin), "webhook": f"{server}/orders"}
    return lambda name: connectors()[name].open(targets.get(name, str(tmp_path / f"{name}.conf")), settings)


def order(number: int, measure: str = "ban", *accounts: str, **other: Any) -> Order:
    fields = {"order_id": f"{number:016x}", "measure": measure, "rate": 60.0 if measure == "rate_cap" else 0.0}
    fields |= {"accounts": list(accounts or (f"acct-{number}",)), "keys": [], "expires": FAR, "notice": "a notice"}
    return msgspec.convert({**fields, **other}, Order)


def wanted(*orders: Order) -> dict[str, Order]:
    return {one.order_id: one for one in orders}


each = pytest.mark.parametrize("name", connectors())
FILES = [name for name, connector in connectors().items() if issubclass(connector, FileConnector)]
each_of_files = pytest.mark.parametrize("name", FILES)
each_of_servers = pytest.mark.parametrize("name", sorted(connectors().keys() - set(FILES)))


def test_both_kinds_of_destination_are_tried() -> None:
    assert {"csv", "envoy"} <= set(FILES) < connectors().keys()


@each
def test_a_dry_run_changes_nothing(name: str, opened: Callable[[str], Connector]) -> None:
    connector = opened(name)
    assert engine.apply(connector, wanted(order(1)), dry_run=True).plan.add == [order(1).order_id]
    assert connector.present() == {}
    assert Server.seen == []


@each
def test_applying_twice_is_applying_once(name: str, opened: Callable[[str], Connector]) -> None:
    orders = wanted(order(1), order(2, "rate_cap", "acct-2", "acct-3"))
    assert not engine.apply(opened(name), orders).failed
    again = engine.apply(opened(name), orders)
    assert again.plan.is_empty
    assert again.plan.keep == sorted(orders)


@each
def test_what_has_expired_or_was_undone_is_removed_and_the_rest_stays(name: str, opened: Callable[[str], Connector]) -> None:
    connector = opened(name)
    engine.apply(connector, wanted(order(1), order(2)))
    outcome = engine.apply(connector, wanted(order(2)))
    assert (outcome.plan.remove, outcome.failed) == ([order(1).order_id], {})
    assert list(connector.present()) == [order(2).order_id]


@each
def test_a_changed_decision_replaces_its_order(name: str, opened: Callable[[str], Connector]) -> None:
    connector = opened(name)
    engine.apply(connector, wanted(order(1)))
    changed = order(1, "ban", "acct-1", "acct-9")
    assert engine.apply(connector, wanted(changed)).plan.change == [changed.order_id]
    assert connector.present() == wanted(changed)


@each
def test_what_a_connector_cannot_do_is_reported_and_not_done(name: str, opened: Callable[[str], Connector]) -> None:
    connector = opened(name)
    orders = wanted(*(order(number, measure) for number, measure in enumerate(MEASURES)))
    outcome = engine.apply(connector, orders)
    assert {orders[key].measure for key in outcome.plan.impossible} == {one.measure for one in orders.values()} - connector.measures
    assert {one.measure for one in connector.present().values()} == connector.measures


@each
def test_an_order_about_some_keys_is_never_one_about_the_whole_account(name: str, opened: Callable[[str], Connector]) -> None:
    connector = opened(name)
    orders = wanted(order(1, "suspend_key", "acct-1", keys=["hash-1"]))
    outcome = engine.apply(connector, orders)
    assert outcome.plan.impossible == ([] if connector.by_key else list(orders))
    assert connector.present() == (orders if connector.by_key else {})


@each
def test_an_order_about_thousands_with_a_long_notice_is_read_back_whole(name: str, opened: Callable[[str], Connector]) -> None:
    accounts = sorted(Server.keys[key]["user_id"] for key in Server.keys)[:100] + [f"z-{number:04d}" for number in range(2_000)]
    orders = wanted(order(1, "ban", *accounts, notice='§ "ä" ' * 400))
    engine.apply(opened(name), orders)
    assert opened(name).present() == orders
    engine.apply(opened(name), {})
    assert opened(name).present() == {}


@each
def test_a_rollback_restores_the_run_before_but_nothing_that_was_undone(
    name: str, opened: Callable[[str], Connector], tmp_path: Path
) -> None:
    connector, memory = opened(name), engine.Memory(tmp_path / "memory.json")
    for orders in (wanted(order(1), order(2)), wanted(order(1), order(2), order(3))):
        engine.apply(connector, orders)
        memory.applied(name, orders)
    in_force = wanted(order(2), order(3))  # the first was undone meanwhile
    before = engine.Memory(tmp_path / "memory.json").before(name, in_force)
    engine.apply(connector, before)
    assert list(connector.present()) == [order(2).order_id]


@each_of_servers
def test_a_partial_failure_names_what_failed_and_the_next_run_does_it(name: str, opened: Callable[[str], Connector]) -> None:
    connector = opened(name)
    Server.refused = {order(2).order_id}
    outcome = engine.apply(connector, wanted(order(1), order(2), order(3)))
    assert list(outcome.failed) == [order(2).order_id]
    assert "secret-word" not in str(outcome.failed)
    assert sorted(connector.present()) == [order(1).order_id, order(3).order_id]
    Server.refused = set()
    assert engine.apply(connector, wanted(order(1), order(2), order(3))).plan.add == [order(2).order_id]
    assert len(connector.present()) == 3


@each_of_files
def test_a_file_that_somebody_edited_is_drift_and_is_put_right(name: str, opened: Callable[[str], Connector], tmp_path: Path) -> None:
    connector, path = opened(name), tmp_path / f"{name}.conf"
    engine.apply(connector, wanted(order(1)))
    good = path.read_text()
    head, _, tail = good.rpartition("acct-1")
    path.write_text(f"{head}acct-7{tail}")
    assert engine.plan(connector, wanted(order(1))).add == [order(1).order_id]
    engine.apply(connector, wanted(order(1)))
    assert path.read_text() == good


@each_of_files
def test_a_file_of_an_older_version_is_read_and_written_anew(name: str, opened: Callable[[str], Connector], tmp_path: Path) -> None:
    listed = msgspec.json.encode([order(1)]).decode()
    (tmp_path / f"{name}.conf").write_text(f"# hydrometer orders: {listed}\nother words\n")
    assert not engine.apply(opened(name), wanted(order(1))).failed
    assert opened(name).present() == wanted(order(1))


@each_of_files
def test_a_file_of_somebody_else_is_not_overwritten(name: str, opened: Callable[[str], Connector], tmp_path: Path) -> None:
    (tmp_path / f"{name}.conf").write_text("precious: configuration\n")
    with pytest.raises(ConnectorError, match="was not written by `hydrometer enforcement`: move it away"):
        engine.apply(opened(name), wanted(order(1)))
    assert (tmp_path / f"{name}.conf").read_text() == "precious: configuration\n"


@each
@pytest.mark.parametrize("account", HOSTILE)
def test_an_account_of_any_name_is_that_account_alone(name: str, opened: Callable[[str], Connector], account: str) -> None:
    connector = opened(name)
    engine.apply(connector, wanted(order(1, "ban", account)))
    assert connector.present()[order(1).order_id].accounts == [account]


@each
def test_a_stop_removes_all_of_ours(name: str, opened: Callable[[str], Connector]) -> None:
    connector = opened(name)
    engine.apply(connector, wanted(order(1), order(2)))
    engine.apply(connector, {})
    assert connector.present() == {}
