"""A feature's panel: its label, unit and scale, in classic Grafana JSON for the ClickHouse data source.

Grafana 11.6 to 13 read the classic schema. The queries are over `hydrometer.scores` and use the plugin's macros only, so that they run
on ClickHouse once the macros are expanded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from dashboards.query import DATASOURCE, Json, target, variable
from streams.features.declaration import DAYS, LOGARITHMIC, NATS, SHARE, Feature
from streams.features.registry import by_name

_GRAFANA_UNITS: Final = {SHARE.name: "percentunit", NATS.name: "none", DAYS.name: "d", "seconds per day": "s"}
"""Grafana's unit by the name of our unit; any other counts something, which is `short`."""


@dataclass(frozen=True)
class FeaturePanel:
    """A feature over time: its distribution over all entities of its kind, and the entity that the analyst has chosen on the board."""

    feature: type[Feature]

    @property
    def name(self) -> str:
        """The feature's name."""
        return self.feature.name()

    @property
    def title(self) -> str:
        """The feature's label, with the unit where it is nats, and with the end that stands out where it is the low one."""
        unit = f" ({NATS.name})" if self.feature.unit == NATS else ""
        return f"{self.feature.label}{unit}{' (low stands out)' if self.feature.direction == 'low' else ''}"

    @property
    def unit(self) -> str:
        """Grafana's unit."""
        return _GRAFANA_UNITS.get(self.feature.unit.name, "short")

    @property
    def logarithmic(self) -> bool:
        """Whether the stored value is ln(1 + x), and x is shown."""
        return self.feature.scale == LOGARITHMIC

    @property
    def description(self) -> str:
        """What the feature counts, what it rises on, what it is blind to and which benign traffic raises it: Markdown."""
        feature = self.feature
        benign = f"\n\nBenign causes: {feature.benign_causes}." if feature.benign_causes else ""
        vote = "" if feature.entity == "account" or feature.nats is not None else " Shown, without a vote."
        return (
            f"Unit: {feature.unit.name}; {feature.direction} values stand out.{vote}\n\n"
            f"{'Falls' if feature.direction == 'low' else 'Rises'} on: {feature.rises_on}.\n\nBlind to: {feature.blind_to}.{benign}"
        )

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
        spread = self._query(f"quantiles(0.5, 0.9, 0.99)({self._value()}) AS spread", "")
        return f"SELECT bucket, spread[1] AS median, spread[2] AS p90, spread[3] AS p99 FROM ({spread})"

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
        # every part is a constant of this repository; people's choices are passed through `variable`
        return (
            f"SELECT $__timeInterval(time) AS bucket, {columns} FROM hydrometer.scores "
            f"WHERE $__timeFilter(time) AND entity_kind = {kind} AND has(features.keys, '{self.name}'){also} "
            "GROUP BY bucket ORDER BY bucket"
        )


@cache
def panels() -> dict[str, FeaturePanel]:
    """Return the panel of every feature, by the feature's name."""
    return {name: FeaturePanel(feature) for name, feature in sorted(by_name().items())}
