"""Connector `litellm`: the orders as a file that the proxy's pre-call hook reads (`streams.enforcement.litellm_hook`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from streams.enforcement.connector import FileConnector
from streams.enforcement.orders import Order


class Connector(FileConnector):
    """The hook obeys the file's first line, until each order expires; what follows is for people."""

    measures: ClassVar = frozenset({"rate_cap", "step_up", "hide_reasoning", "canary", "suspend_key", "ban"})
    by_key: ClassVar = True

    def body(self, orders: Mapping[str, Order]) -> Any:
        """Return the orders for a person to read."""
        return {"orders": msgspec.to_builtins(list(orders.values()))}
