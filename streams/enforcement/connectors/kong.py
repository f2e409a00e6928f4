"""Connector `kong`: consumers with their plugins, for declarative configuration (`deck gateway apply`).

Source: developer.konghq.com, plugins `rate-limiting` and `request-termination`. A consumer's `custom_id` is the account. Kong limits each
consumer by itself: a group's cap is divided, so that together they stay below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from streams.enforcement.connector import FileConnector
from streams.enforcement.orders import Order


class Connector(FileConnector):
    """Caps and refuses consumers."""

    measures: ClassVar = frozenset({"rate_cap", "suspend_key", "ban"})

    def body(self, orders: Mapping[str, Order]) -> Any:
        """Return a declarative configuration with one consumer an account."""
        plugins: dict[str, dict[str, Any]] = {}
        for order in orders.values():
            for account in order.accounts:
                plugin = _capped(order) if order.measure == "rate_cap" else _refused(order)
                known = plugins.setdefault(account, {}).get(plugin["name"])
                if known is None or _strictness(plugin) > _strictness(known):
                    plugins[account][plugin["name"]] = plugin
        consumers = [
            {"custom_id": account, "username": f"hydrometer:{account}", "plugins": list(named.values())}
            for account, named in sorted(plugins.items())
        ]
        return {"_format_version": "3.0", "_info": {"select_tags": ["hydrometer"]}, "consumers": consumers}


def _capped(order: Order) -> dict[str, Any]:
    share = max(int(order.rate / len(order.accounts)), 1)
    return {"name": "rate-limiting", "tags": [order.order_id], "config": {"minute": share, "policy": "local"}}


def _refused(order: Order) -> dict[str, Any]:
    return {"name": "request-termination", "tags": [order.order_id], "config": {"status_code": 403, "message": order.notice}}


def _strictness(plugin: dict[str, Any]) -> float:
    return -float(plugin["config"].get("minute", 0))
