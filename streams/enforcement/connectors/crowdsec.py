"""Connector `crowdsec`: decisions of the scope `account` at a Local API, which end by themselves after their duration.

Source: docs.crowdsec.net, LAPI `/v1/watchers/login`, `/v1/alerts`, `/v1/decisions`; tests/integration/test_crowdsec.py has it on Debian's
CrowdSec (1.4.6). A gateway asks for the scope: `/v1/decisions?scope=account&value=...`. The target is the machine's credentials file, as
`cscli machines add` writes it: `url`, `login` and `password`, a line each.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import msgspec
import requests

from streams.core.settings import Settings
from streams.core.typed_json import read_json
from streams.enforcement.connector import ConnectorError, credentials
from streams.enforcement.orders import Order

_TIMEOUT_SECONDS: Final = 60.0
"""A thousand decisions take a second or two to be stored."""
_SCENARIO: Final = "hydrometer/"
_TYPES: Final = {"rate_cap": "throttle", "suspend_key": "ban", "ban": "ban"}
_ALERT_ACCOUNTS: Final = 1_000
"""Decisions that one alert has at most."""
_NOTE_CHARACTERS: Final = 3_000
"""Of an order in one event: the API cuts off what an event has beyond 8,191 bytes."""
_NOTE: Final = "order."
_NO_ALERTS: Final = b"null"
"""What the API answers instead of an empty list."""


class _Meta(msgspec.Struct):
    key: str = ""
    value: str = ""


class _Event(msgspec.Struct):
    meta: list[_Meta] | None = None


class _Decision(msgspec.Struct):
    value: str = ""
    duration: str = ""
    """How long it still holds, as Go writes durations; below 0 when it has ended or was deleted, and then it is still listed."""


class _Alert(msgspec.Struct):
    scenario: str = ""
    events: list[_Event] | None = None
    decisions: list[_Decision] | None = None

    @property
    def standing(self) -> set[str]:
        """The accounts whose decisions hold."""
        return {decision.value for decision in self.decisions or () if not decision.duration.startswith("-")}

    @property
    def order(self) -> Order | None:
        """The order that it is of, without its accounts; None when it cannot be read."""
        notes = {meta.key: meta.value for event in self.events or () for meta in event.meta or () if meta.key.startswith(_NOTE)}
        try:
            return read_json(base64.urlsafe_b64decode("".join(notes[name] for name in sorted(notes))), Order)
        except (msgspec.MsgspecError, ValueError):
            return None


class _Login(msgspec.Struct):
    token: str


class Connector:
    """A Local API. The scenario of an alert names its order; its decisions are the accounts."""

    measures: ClassVar = frozenset(_TYPES)
    by_key: ClassVar = False
    metavar: ClassVar = "CREDENTIALS"

    def __init__(self, url: str, login: str, password: str) -> None:
        """Log in as this machine (`login`) at first use."""
        self._url, self._login, self._password = url.rstrip("/"), login, password
        self._token = ""

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:  # noqa: ARG003 (the file has what is needed)
        """Return a connector with a credentials file. Raises ConnectorError when a line is missing."""
        values = credentials(Path(target), ("url", "login", "password"), "make it with `cscli machines add`")
        return cls(values["url"], values["login"], values["password"])

    def present(self) -> dict[str, Order]:
        """Return the orders whose alerts still have decisions, with the accounts whose decisions hold. Raises ConnectorError."""
        answer = self._call("GET", "/v1/alerts", params={"has_active_decision": "true", "scope": "account", "limit": "0"})
        try:
            alerts = [] if answer.strip() == _NO_ALERTS else read_json(answer, list[_Alert])
        except msgspec.MsgspecError:
            raise ConnectorError("CrowdSec's API does not list alerts as objects: check its version") from None
        of_each: dict[str, list[_Alert]] = {}
        for alert in alerts:
            if alert.scenario.startswith(_SCENARIO):
                of_each.setdefault(alert.scenario.removeprefix(_SCENARIO), []).append(alert)
        return {name: _standing(name, ours) for name, ours in of_each.items()}

    def put(self, order: Order) -> None:
        """Add an order's decisions, after those of an earlier version are gone. Raises ConnectorError."""
        self.remove(order.order_id)
        for first in range(0, len(order.accounts), _ALERT_ACCOUNTS):
            self._call("POST", "/v1/alerts", json=[_alert(order, order.accounts[first : first + _ALERT_ACCOUNTS])])

    def remove(self, order_id: str) -> None:
        """Delete an order's decisions. Raises ConnectorError."""
        self._call("DELETE", "/v1/decisions", params={"scenario": f"{_SCENARIO}{order_id}"})

    def _call(self, method: str, path: str, **more: Any) -> bytes:
        if not self._token:
            self._token = "none"  # noqa: S105 (a login is sent without one)
            answer = self._call("POST", "/v1/watchers/login", json={"machine_id": self._login, "password": self._password})
            try:
                self._token = read_json(answer, _Login).token
            except msgspec.MsgspecError:
                raise ConnectorError("CrowdSec's API gives no token for the machine: check its version") from None
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            response = requests.request(method, self._url + path, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False, **more)
        except requests.RequestException as error:
            raise ConnectorError(f"CrowdSec's API does not answer ({type(error).__name__}): start it, and apply again") from None
        if response.status_code >= 300:  # noqa: PLR2004 (HTTP's successes end here)
            raise ConnectorError(f"CrowdSec's API refuses {method} {path} (HTTP {response.status_code}): check the machine's credentials")
        return response.content


def _standing(order_id: str, alerts: Sequence[_Alert]) -> Order:
    """Return an order as its alerts have it; where they cannot be read, one that equals none of ours, and so is replaced or removed."""
    accounts = sorted(set[str]().union(*(alert.standing for alert in alerts)))
    order = next((order for alert in alerts if (order := alert.order)), None)
    return msgspec.structs.replace(order or Order(order_id, "ban", 0.0, [], [], 0.0, ""), order_id=order_id, accounts=accounts)


def _alert(order: Order, accounts: Sequence[str]) -> dict[str, object]:
    scenario, moment = f"{_SCENARIO}{order.order_id}", datetime.now(UTC).isoformat()
    decision = {
        "duration": f"{max(int(order.expires - time.time()), 1)}s",
        "origin": "hydrometer",
        "scenario": scenario,
        "scope": "account",
    }
    note = base64.urlsafe_b64encode(msgspec.json.encode(msgspec.structs.replace(order, accounts=[]))).decode()
    pieces = [note[first : first + _NOTE_CHARACTERS] for first in range(0, len(note), _NOTE_CHARACTERS)]
    events = [{"timestamp": moment, "meta": [{"key": f"{_NOTE}{number:04d}", "value": piece}]} for number, piece in enumerate(pieces)]
    return {
        "scenario": scenario, "scenario_hash": "", "scenario_version": "1", "message": order.notice, "events_count": len(events),
        "start_at": moment, "stop_at": moment, "capacity": 0, "leakspeed": "0", "simulated": False, "events": events,
        "source": {"scope": "account", "value": order.order_id},
        "decisions": [{**decision, "type": _TYPES[order.measure], "value": account} for account in accounts],
    }  # fmt: skip
