"""A query as the ClickHouse data source stores it in a dashboard. Every query is made by `target`."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

PLUGIN: Final = "grafana-clickhouse-datasource"
PLUGIN_VERSION: Final = "4.20.0"
"""An empty version would make the plugin guess what to migrate."""
DATASOURCE: Final = {"type": PLUGIN, "uid": "hydrometer"}
TIME_SERIES_FORMAT_ID: Final = 0
"""The plugin's number of the format: a time, labels, numbers."""
TABLE_FORMAT_ID: Final = 1
"""The plugin's number of the format: any columns."""


def target(ref: str, sql: str, shape: int = TIME_SERIES_FORMAT_ID) -> Json:
    """Return one query of a panel, an annotation or a variable. ref: its letter. shape: TIME_SERIES_FORMAT_ID or TABLE_FORMAT_ID."""
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "editorType": "sql",
        "pluginVersion": PLUGIN_VERSION,
        "queryType": "timeseries" if shape == TIME_SERIES_FORMAT_ID else "table",
        "format": shape,
        "rawSql": squeezed(sql),
    }


def variable(name: str) -> str:
    """Return the SQL expression of a variable's value, chosen or from a link: any text, never SQL.

    Grafana's `singlequote` leaves backslashes alone, so that an id that ends with one would end the string. `percentencode` leaves
    letters, digits and `-_.~%` (RFC 3986), none of which means anything inside of a string.

    >>> variable("account")
    "decodeURLComponent('${account:percentencode}')"
    """
    return f"decodeURLComponent('${{{name}:percentencode}}')"


def squeezed(sql: str) -> str:
    """Return a statement on one line: what a panel's editor and a diff of the generated file show best."""
    return " ".join(sql.split())
