"""Connector `csv`: one row an account, for a gateway that imports lists. The first line is a comment that holds the orders."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from streams.enforcement.connector import FileConnector
from streams.enforcement.orders import Order

_HEADER = "# hydrometer orders: "


class Connector(FileConnector):
    """Rows with account, measure, rate, expiry, reference and notice; a value that a spreadsheet would run as a formula is quoted."""

    measures: ClassVar = frozenset({"rate_cap", "step_up", "hide_reasoning", "suspend_key", "ban"})

    def body(self, orders: Mapping[str, Order]) -> Any:
        """Return the rows."""
        return [[_inert(cell) for cell in row] for order in orders.values() for row in _rows(order)]

    def _text(self, orders: Mapping[str, Order]) -> str:
        ordered = {name: orders[name] for name in sorted(orders)}
        paper = io.StringIO()
        writer = csv.writer(paper, lineterminator="\n")
        writer.writerow(["account", "measure", "rate", "expires", "reference", "notice"])
        writer.writerows(self.body(ordered))
        return f"{_HEADER}{msgspec.json.encode(list(ordered.values())).decode()}\n{paper.getvalue()}"


def _rows(order: Order) -> list[list[str]]:
    expires = datetime.fromtimestamp(order.expires, UTC).isoformat()
    return [[account, order.measure, f"{order.rate:g}", expires, order.order_id, order.notice] for account in order.accounts]


def _inert(cell: str) -> str:
    return f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell
