"""The ClickHouse plugin's macros and Grafana's variables, expanded as Grafana would, so that every query can be run without one.

Source: the plugin's `pkg/macros` (4.20). Only what our boards and rules use is here; anything else that starts with `$` is refused, so
a query that this module runs holds no macro that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from streams.core.errors import HydrometerError


class UnknownMacroError(HydrometerError):
    """A query uses a macro or variable that was not expanded: it would fail in Grafana, or run untested."""


@dataclass(frozen=True)
class Window:
    """The values that Grafana inserts: the time range, the width of a bucket, and the chosen variables."""

    start: float
    """Seconds since 1970."""
    end: float
    interval: int = 60
    """Seconds between two points."""
    variables: Mapping[str, str] = field(default_factory=dict)

    def expand(self, sql: str) -> str:
        """Return the statement as it reaches ClickHouse. Raises UnknownMacroError."""
        for pattern, text in self._macros():
            sql = re.sub(pattern, text, sql)
        sql = chosen(sql, self.variables)
        if left := re.search(r"\$(__\w+|\{[^}]*\}|\w+)", sql):
            raise UnknownMacroError(f"{left.group()} is not a known macro or variable: {sql[:120]}")
        return sql

    def _macros(self) -> list[tuple[str, str]]:
        start, end = f"toDateTime({self.start:.0f})", f"toDateTime({self.end:.0f})"
        start_ms, end_ms = (f"fromUnixTimestamp64Milli({moment * 1000:.0f})" for moment in (self.start, self.end))
        column = r"\(([^()]+)\)"
        return [
            (rf"\$__timeFilter_ms{column}", rf"\1 >= {start_ms} AND \1 <= {end_ms}"),
            (rf"\$__timeFilter{column}", rf"\1 >= {start} AND \1 <= {end}"),
            (rf"\$__timeInterval{column}", rf"toStartOfInterval(toDateTime(\1), INTERVAL {self.interval} second)"),
            (r"\$__interval_s\b", str(self.interval)),
            (r"\$__fromTime_ms\b", start_ms),
            (r"\$__toTime_ms\b", end_ms),
            (r"\$__fromTime\b", start),
            (r"\$__toTime\b", end),
        ]


def chosen(sql: str, values: Mapping[str, str]) -> str:
    """Return a statement with the values of variables in it, encoded as a browser does (`percentencode`), and its macros as they are."""
    for name, value in values.items():
        sql = sql.replace(f"${{{name}:percentencode}}", quote(value, safe=""))
    return sql
