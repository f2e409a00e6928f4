"""Connector `webhook`: each order as a signed POST; what the receiver was told is kept beside the workers' state.

The body is JSON (`event` is `put` or `remove`, `order`); `X-Hydrometer-Signature` is `t=SECONDS,v1=HEX`, HMAC-SHA256 of `SECONDS.BODY`
under HYDROMETER_WEBHOOK_TOKEN. A receiver refuses what is older than five minutes, and lets an order end at its `expires` by itself.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

import msgspec
import requests

from streams.core.settings import Settings
from streams.enforcement.connector import ConnectorError, RememberedOrders
from streams.enforcement.orders import Order

_TIMEOUT_SECONDS: Final = 15.0


class Connector:
    """A receiver of orders. Errors name its host alone: an address can contain secrets."""

    measures: ClassVar = frozenset({"rate_cap", "step_up", "hide_reasoning", "canary", "suspend_key", "ban"})
    by_key: ClassVar = True
    metavar: ClassVar = "URL"

    def __init__(self, url: str, secret: bytes, memory: Path) -> None:
        """POST to `url`, and remember in `memory` what was accepted."""
        self._url, self._secret, self._remembered = url, secret, RememberedOrders(memory)
        self._host = urlsplit(url).hostname or ""

    @classmethod
    def open(cls, target: str, settings: Settings) -> Self:
        """Return a connector to an address. Raises ConnectorError when it is none, or no token signs."""
        if urlsplit(target).scheme not in ("http", "https") or not urlsplit(target).hostname:
            raise ConnectorError("the webhook's address is not an HTTP address: write --to webhook=https://gateway.example.com/orders")
        if settings.webhook_token is None:
            raise ConnectorError("HYDROMETER_WEBHOOK_TOKEN is not set: the receiver checks orders with it (openssl rand -hex 32)")
        name = sha256(target.encode()).hexdigest()[:16]
        return cls(target, settings.webhook_token.get_secret_value().encode(), settings.state_dir / f"enforcement-webhook-{name}.json")

    def present(self) -> dict[str, Order]:
        """Return what the receiver accepted and was not told to remove. Raises ConnectorError."""
        return self._remembered.read()

    def put(self, order: Order) -> None:
        """Send an order. Raises ConnectorError unless the answer is below 300."""
        self._send({"event": "put", "order": msgspec.to_builtins(order)})
        self._remembered.write(self.present() | {order.order_id: order})

    def remove(self, order_id: str) -> None:
        """Tell the receiver that an order ends. Raises ConnectorError unless the answer is below 300."""
        self._send({"event": "remove", "order": {"order_id": order_id}})
        self._remembered.write({name: order for name, order in self.present().items() if name != order_id})

    def _send(self, message: dict[str, object]) -> None:
        body, now = msgspec.json.encode(message), f"{time.time():.0f}"
        code = hmac.new(self._secret, now.encode() + b"." + body, sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hydrometer-Signature": f"t={now},v1={code}"}
        try:
            answer = requests.post(self._url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise ConnectorError(
                f"the webhook at {self._host} does not answer ({type(error).__name__}): start it, and apply again"
            ) from None
        if not 200 <= answer.status_code < 300:  # noqa: PLR2004 (HTTP's successes)
            raise ConnectorError(f"the webhook at {self._host} refuses the order (HTTP {answer.status_code}): look at its log")
