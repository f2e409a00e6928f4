"""How a feature is shown: a declaration of three lines, rendered as classic Grafana JSON for the ClickHouse data source.

    panel = FeaturePanel(EgressShare, title="Output per uncached input token")

Grafana 11.6 to 13 read the classic schema. The queries are over `hydrometer.scores` and use the plugin's macros only, so that they run
on ClickHouse once the macros are expanded.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Literal

from dashboards.query import DATASOURCE, Json, target, variable
from streams.features.declaration import Feature

Unit = Literal["short", "percentunit", "s", "d", "none"]


@dataclass(frozen=True)
class FeaturePanel:
    """A feature over time: how all entities of its kind spread, and the one that the analyst has chosen on the board."""

    feature: type[Feature]
    title: str
    unit: Unit = "short"
    logarithmic: bool = False
    """The feature is ln(1 + x): show x, which people can read."""

    @property
    def name(self) -> str:
        """The feature's name, and the panel's file."""
        return self.feature.name()

    @property
    def description(self) -> str:
        """The feature's docstring: what it is, what it rises on, what it is blind to."""
        return inspect.cleandoc(self.feature.__doc__ or "")

    def render(self, panel_id: int = 1, x: int = 0, y: int = 0, width: int = 12, height: int = 8) -> Json:
        """Return the panel as JSON. x, y, width, height: its place on a board, on Grafana's grid of 24 columns."""
        return {
            "id": panel_id,
            "type": "timeseries",
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": width, "h": height},
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            },
            "targets": [target("A", self.spread()), target("B", self.chosen())],
        }

    def _defaults(self) -> Json:
        low, high = self.feature.limits
        bounds = {"min": low, "max": high} if self.unit == "percentunit" else {}
        scale: Json = {"type": "log", "log": 10} if self.logarithmic else {"type": "linear"}
        custom = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 0,
            "showPoints": "auto",
            "spanNulls": True,
            "scaleDistribution": scale,
        }
        return {"unit": self.unit, **bounds, "custom": custom}

    def spread(self) -> str:
        """Return the query of the median, 90th and 99th percentile over all entities of the feature's kind."""
        found = self._query(f"quantiles(0.5, 0.9, 0.99)({self._value()}) AS spread", "")
        return f"SELECT bucket, spread[1] AS median, spread[2] AS p90, spread[3] AS p99 FROM ({found})"

    def chosen(self) -> str:
        """Return the query of the entity that the board's variable names."""
        return self._query(f"max({self._value()}) AS chosen", f" AND entity_id = {variable(self._chosen_by)}")

    @property
    def _chosen_by(self) -> str:
        """The variable of the board that names the entity: `account`, or `group` beside `kind`."""
        return self.feature.entity

    def _value(self) -> str:
        # half the map each, and one search: `features['...']` takes four times as long
        value = f"features.values[indexOf(features.keys, '{self.name}')]"
        return f"exp({value}) - 1" if self.logarithmic else value

    def _query(self, columns: str, also: str) -> str:
        kind = "'account'" if self._chosen_by == "account" else variable("kind")
        # every part is a constant of this repository; what people choose comes in through `variable`
        return (
            f"SELECT $__timeInterval(time) AS bucket, {columns} FROM hydrometer.scores "
            f"WHERE $__timeFilter(time) AND entity_kind = {kind} AND has(features.keys, '{self.name}'){also} "
            "GROUP BY bucket ORDER BY bucket"
        )


@cache
def panels() -> dict[str, FeaturePanel]:
    """Return every panel found in `dashboards/panels/`, by the name of its file."""
    package = importlib.import_module("dashboards.panels")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"dashboards.panels.{name}").panel for name in names}
