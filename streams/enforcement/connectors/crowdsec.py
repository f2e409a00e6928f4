"""Connector `crowdsec`: decisions of the scope `account` at a Local API, which end by themselves after their duration.

Source: docs.crowdsec.net, LAPI `/v1/watchers/login`, `/v1/alerts`, `/v1/decisions`. The target is the machine's credentials file, as
`cscli machines add` writes it: `url`, `login` and `password`, a line each.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import msgspec
import requests

from streams.core.settings import Settings
from streams.core.typed_json import read_json
from streams.enforcement.connector import ConnectorError, credentials
from streams.enforcement.orders import Order

_TIMEOUT_SECONDS: Final = 15.0
_SCENARIO: Final = "hydrometer/"
_TYPES: Final = {"rate_cap": "throttle", "suspend_key": "ban", "ban": "ban"}


class Connector:
    """A Local API. Each order is one alert whose scenario names it, with a decision an account."""

    measures: ClassVar = frozenset(_TYPES)
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
        """Return the orders whose alerts still have decisions. Raises ConnectorError."""
        alerts = self._call("GET", "/v1/alerts", params={"has_active_decision": "true", "scope": "account", "limit": "0"}) or []
        active: dict[str, Order] = {}
        for alert in alerts:
            meta = {str(entry.get("key")): str(entry.get("value")) for entry in (alert.get("events") or [{}])[0].get("meta", [])}
            if str(alert.get("scenario", "")).startswith(_SCENARIO) and "order" in meta:
                try:
                    order = read_json(meta["order"], Order)
                except msgspec.MsgspecError:
                    raise ConnectorError(f"an alert of {self._url} holds no order that can be read: delete it there") from None
                standing = {str(decision.get("value")) for decision in alert.get("decisions") or []}
                active[order.order_id] = msgspec.structs.replace(order, accounts=sorted(standing & set(order.accounts)))
        return active

    def put(self, order: Order) -> None:
        """Add an order's decisions, after those of an earlier version are gone. Raises ConnectorError."""
        self.remove(order.order_id)
        seconds = max(int(order.expires - time.time()), 1)
        decision = {"duration": f"{seconds}s", "origin": "hydrometer", "scenario": f"{_SCENARIO}{order.order_id}", "scope": "account"}
        decisions = [{**decision, "type": _TYPES[order.measure], "value": account} for account in order.accounts]
        moment = datetime.now(UTC).isoformat()
        meta = [{"key": "order", "value": msgspec.json.encode(order).decode()}]
        alert = {
            "scenario": f"{_SCENARIO}{order.order_id}", "scenario_hash": "", "scenario_version": "1", "message": order.notice,
            "events_count": 1, "start_at": moment, "stop_at": moment, "capacity": 0, "leakspeed": "0", "simulated": False,
            "events": [{"timestamp": moment, "meta": meta}], "source": {"scope": "account", "value": order.order_id},
            "decisions": decisions,
        }  # fmt: skip
        self._call("POST", "/v1/alerts", json=[alert])

    def remove(self, order_id: str) -> None:
        """Delete an order's decisions. Raises ConnectorError."""
        self._call("DELETE", "/v1/decisions", params={"scenario": f"{_SCENARIO}{order_id}"})

    def _call(self, method: str, path: str, **more: Any) -> Any:
        if not self._token:
            self._token = "none"  # noqa: S105 (a login is sent without one)
            answer = self._call("POST", "/v1/watchers/login", json={"machine_id": self._login, "password": self._password})
            self._token = str((answer or {}).get("token", "none"))
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            response = requests.request(method, self._url + path, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False, **more)
        except requests.RequestException as error:
            raise ConnectorError(f"CrowdSec's API does not answer ({type(error).__name__}): start it, and apply again") from None
        if response.status_code >= 300:  # noqa: PLR2004 (HTTP's successes end here)
            raise ConnectorError(f"CrowdSec's API refuses {method} {path} (HTTP {response.status_code}): check the machine's credentials")
        return response.json() if response.content else None
