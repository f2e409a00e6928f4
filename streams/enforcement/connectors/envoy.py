"""Connector `envoy`: what caps a group (a filter of Envoy's own, or a rate-limit service), and an RBAC filter that refuses.

Source: envoyproxy.io, `config.route.v3.RateLimit.Action.HeaderValueMatch`, `extensions.filters.http.rbac.v3.RBAC`,
`extensions.filters.http.local_ratelimit.v3.LocalRateLimit`, and github.com/envoyproxy/ratelimit. tests/integration/test_envoy.py has the
filters in a real Envoy. The account stands in the header `x-account-id`, as the gateway's authentication sets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from streams.enforcement.connector import FileConnector
from streams.enforcement.orders import Order

HEADER: Final = "x-account-id"
_ALWAYS: Final = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_UNLIMITED: Final = {"max_tokens": 4_294_967_295, "tokens_per_fill": 4_294_967_295, "fill_interval": "1s"}
"""For requests of no order: the filter wants a bucket for them."""


class Connector(FileConnector):
    """Caps a group by one descriptor for all of its accounts; refuses banned and suspended ones."""

    measures: ClassVar = frozenset({"rate_cap", "suspend_key", "ban"})

    def body(self, orders: Mapping[str, Order]) -> Any:
        """Return the pieces of configuration, each under the name of where it belongs.

        Take one of two for caps: the service, which counts over all processes of a fleet, or `local_ratelimit`, in each process by itself.
        """
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
                {"actions": [{"header_value_match": {"descriptor_value": order.order_id, "headers": [_is(account)]}}]}
                for order in capped
                for account in order.accounts
            ],
            "local_ratelimit": _local(capped),
            "rbac": {"rules": {"action": "DENY", "policies": _policies(refused)}},
        }


def _local(capped: list[Order]) -> dict[str, Any]:
    return {
        "stat_prefix": "hydrometer",
        "token_bucket": _UNLIMITED,
        "filter_enabled": _ALWAYS,
        "filter_enforced": _ALWAYS,
        "descriptors": [
            {
                "entries": [{"key": "header_match", "value": order.order_id}],
                "token_bucket": {"max_tokens": limit, "tokens_per_fill": limit, "fill_interval": "60s"},
            }
            for order in capped
            for limit in (max(int(order.rate), 1),)
        ],
    }


def _policies(accounts: list[str]) -> dict[str, Any]:
    if not accounts:
        return {}
    return {"hydrometer": {"permissions": [{"any": True}], "principals": [{"header": _is(account)} for account in accounts]}}


def _is(account: str) -> dict[str, Any]:
    """Return what matches an account. Envoy refuses an expression of many names, so each has a matcher of its own."""
    return {"name": HEADER, "string_match": {"exact": account}}
