"""Connector `csv`: one row an account, for a gateway that imports lists. The first line is a comment with the orders."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from streams.core import spreadsheet
from streams.enforcement.connector import FileConnector
from streams.enforcement.orders import Order


class Connector(FileConnector):
    """Rows with account, measure, rate, expiry, reference and notice; no value is a formula to a spreadsheet."""

    measures: ClassVar = frozenset({"rate_cap", "step_up", "hide_reasoning", "canary", "suspend_key", "ban"})

    def body(self, orders: Mapping[str, Order]) -> Any:
        """Return the rows."""
        return [row for order in orders.values() for row in _rows(order)]

    def stated(self, orders: Sequence[Order]) -> str:
        """Return the orders in one cell of any locale: as base64."""
        return base64.urlsafe_b64encode(super().stated(orders).encode()).decode()

    def written(self, body: Any) -> str:
        """Return the table."""
        return spreadsheet.table([("account", "measure", "rate", "expires", "reference", "notice"), *body])


def _rows(order: Order) -> list[list[str]]:
    expires = datetime.fromtimestamp(order.expires, UTC).isoformat()
    return [[account, order.measure, f"{order.rate:g}", expires, order.order_id, order.notice] for account in order.accounts]
