"""Connector `envoy`: a rate-limit service's descriptors, the route's actions that choose them, and an RBAC filter that refuses.

Source: envoyproxy.io, `config.route.v3.RateLimit.Action.HeaderValueMatch`, `extensions.filters.http.rbac.v3.RBAC`, and
github.com/envoyproxy/ratelimit. The account stands in the header `x-account-id`, as the gateway's authentication sets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from streams.enforcement.connector import FileConnector
from streams.enforcement.orders import Order

HEADER: Final = "x-account-id"


class Connector(FileConnector):
    """Caps a group by one descriptor for all of its accounts; refuses banned and suspended ones."""

    measures: ClassVar = frozenset({"rate_cap", "suspend_key", "ban"})

    def body(self, orders: Mapping[str, Order]) -> Any:
        """Return the three pieces of configuration, each under the name of where it belongs."""
        capped = [order for order in orders.values() if order.measure == "rate_cap"]
        refused = sorted({account for order in orders.values() if order.measure in ("suspend_key", "ban") for account in order.accounts})
        return {
            "ratelimit_service": {
                "domain": "hydrometer",
                "descriptors": [
                    {
                        "key": "header_match",
                        "value": order.order_id,
                        "rate_limit": {"unit": "minute", "requests_per_unit": max(int(order.rate), 1)},
                    }
                    for order in capped
                ],
            },
            "route_rate_limits": [
                {"actions": [{"header_value_match": {"descriptor_value": order.order_id, "headers": [_matches(order.accounts)]}}]}
                for order in capped
            ],
            "rbac": {"rules": {"action": "DENY", "policies": _policies(refused)}},
        }


def _policies(accounts: list[str]) -> dict[str, Any]:
    if not accounts:
        return {}
    return {
        "hydrometer": {"permissions": [{"any": True}], "principals": [{"header": {"name": HEADER, **_exact(name)}} for name in accounts]}
    }


def _exact(account: str) -> dict[str, Any]:
    return {"string_match": {"exact": account}}


def _matches(accounts: list[str]) -> dict[str, Any]:
    return {"name": HEADER, "string_match": {"safe_regex": {"regex": "|".join(_escaped(account) for account in accounts)}}}


def _escaped(text: str) -> str:
    """Return a text as a pattern of RE2 that matches it alone."""
    return "".join(char if (char.isalnum() and char.isascii()) or char in "_-" else f"\\x{{{ord(char):x}}}" for char in text)
