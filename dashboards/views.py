"""The kinds of panel that boards are made of, each a declaration rendered as classic Grafana JSON.

Every view says which question it answers (`question`, the panel's description), what it asks (`sql`), and how it is to be read (unit,
thresholds, columns). A view whose query is a table of columns says so with its kind; a trend is always time, label, number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import ClassVar, Final, Literal, Protocol

from dashboards.palette import NEUTRAL, Steps
from dashboards.query import DATASOURCE, TABLE_FORMAT_ID, TIME_SERIES_FORMAT_ID, Json, target

Cell = Literal["auto", "gauge", "color-background", "color-text"]

MINUTE_UNIT: Final = "time:YYYY-MM-DD HH:mm"
"""The unit of moments of which the second does not matter."""


class Drawable(Protocol):
    """Anything that takes a place on a board."""

    def render(self, panel_id: int, x: int, y: int, width: int, height: int) -> Json:
        """Return the panel as JSON, at a place on Grafana's grid of 24 columns."""
        ...


@dataclass(frozen=True, kw_only=True)
class Column:
    """How one column of an answer is shown: of a table, or one series of a trend."""

    title: str | None = None
    unit: str | None = None
    link: Json | None = None
    width: int | None = None
    cell: Cell = "auto"
    steps: Steps | None = None
    color: str | None = None
    decimals: int | None = None
    high: float | None = None
    hidden: bool = False
    right: bool = False
    """Draw it against the axis on the right."""
    line: bool = False
    """Draw it as a plain line, unstacked, over the others."""
    wrap: bool = False
    """Let a long text take several lines."""

    def override(self, name: str) -> Json:
        """Return Grafana's override for the column of this name."""
        return {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in self._properties()],
        }

    def _properties(self) -> list[tuple[str, object]]:
        plain = {"displayName": self.title, "unit": self.unit, "decimals": self.decimals, "max": self.high, "custom.width": self.width}
        options: list[tuple[str, object]] = [(key, value) for key, value in plain.items() if value is not None]
        if self.high is not None:
            options.append(("min", 0))
        if self.link:
            options.append(("links", [self.link]))
        if self.steps:
            options.append(("thresholds", thresholds(self.steps)))
        if self.color:
            options.append(("color", {"mode": "fixed", "fixedColor": self.color}))
        elif self.steps:
            options.append(("color", {"mode": "thresholds"}))
        return options + self._drawn()

    def _drawn(self) -> list[tuple[str, object]]:
        options: list[tuple[str, object]] = []
        if self.cell != "auto" or self.wrap:
            gauge = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
            words = {"type": self.cell, "wrapText": True} if self.wrap else {"type": self.cell}
            options.append(("custom.cellOptions", gauge if self.cell == "gauge" else words))
        if self.wrap:
            options.append(("custom.wrapText", True))  # where Grafana 12.2 and later keep it; earlier ones read cellOptions
        if self.hidden:
            options.append(("custom.hidden", True))
        if self.right:
            options.append(("custom.axisPlacement", "right"))
        if self.line:
            options += [("custom.drawStyle", "line"), ("custom.fillOpacity", 0), ("custom.stacking", {"mode": "none", "group": "A"})]
        return options


@dataclass(frozen=True, kw_only=True)
class View:
    """What every panel has. Not used by itself."""

    kind: ClassVar[str]
    shape: ClassVar[int] = TABLE_FORMAT_ID

    title: str
    question: str
    sql: str | tuple[str, ...]
    unit: str = "short"
    decimals: int | None = None
    steps: Steps = NEUTRAL
    color: str | None = None
    """One colour for everything; None lets thresholds or the palette decide."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    link: Json | None = None
    """Where a click on any point or bar leads."""
    name: str = ""
    """What each series is called, of its labels: `${__field.labels.entity}`. Needed where it has several."""
    empty: str = ""
    """What is said when there is nothing to show."""

    @property
    def statements(self) -> tuple[str, ...]:
        """The panel's queries."""
        return (self.sql,) if isinstance(self.sql, str) else self.sql

    def render(self, panel_id: int, x: int, y: int, width: int, height: int) -> Json:
        """Return the panel as JSON, at a place on Grafana's grid of 24 columns."""
        return {
            "id": panel_id,
            "type": self.kind,
            "title": self.title,
            "description": self.question,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": width, "h": height},
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
            "targets": [target(ref, sql, self.shape) for ref, sql in zip(ascii_uppercase, self.statements, strict=False)],
        }

    def _overrides(self) -> list[Json]:
        options = [column.override(name) for name, column in self.columns.items()]
        if self.link:
            options.insert(0, {"matcher": {"id": "byType", "options": "number"}, "properties": [{"id": "links", "value": [self.link]}]})
        return options

    def _defaults(self) -> Json:
        no_value = {"noValue": self.empty} if self.empty else {}
        named = {"displayName": self.name} if self.name else {}
        precision = {} if self.decimals is None else {"decimals": self.decimals}
        return {
            "unit": self.unit,
            **precision,
            **no_value,
            **named,
            "color": self._color(),
            "thresholds": thresholds(self.steps),
            "custom": self._custom(),
        }

    def _color(self) -> Json:
        if self.color:
            return {"mode": "fixed", "fixedColor": self.color}
        return {"mode": "thresholds" if self.steps != NEUTRAL else "palette-classic"}

    def _custom(self) -> Json:
        return {}

    def _options(self) -> Json:
        return {}


@dataclass(frozen=True, kw_only=True)
class Stat(View):
    """A few large numbers, one a column of the only row."""

    kind = "stat"

    text: bool = False
    """The value is a word, not a number."""
    background: bool = False

    def _color(self) -> Json:
        return {"mode": "fixed", "fixedColor": self.color} if self.color else {"mode": "thresholds"}

    def _options(self) -> Json:
        return {
            "colorMode": "background" if self.background else "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "wideLayout": True,
            "percentChangeColorMode": "standard",
            "showPercentChange": False,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "/.*/" if self.text else "", "values": False},
        }


@dataclass(frozen=True, kw_only=True)
class Trend(View):
    """Numbers over time, a series for each label."""

    kind = "timeseries"
    shape = TIME_SERIES_FORMAT_ID

    style: Literal["line", "bars", "steps", "points"] = "line"
    stacked: bool = False
    fill: int = 0
    logarithmic: bool = False
    low: float | None = None
    high: float | None = None
    bars_at: bool = False
    """Draw the thresholds as lines, and keep the last of them in sight."""
    axis: str = ""
    legend: Literal["bottom", "right", "none"] = "bottom"
    calcs: Sequence[str] = ()

    def _color(self) -> Json:
        return {"mode": "fixed", "fixedColor": self.color} if self.color else {"mode": "palette-classic"}

    def _defaults(self) -> Json:
        bounds = {name: value for name, value in (("min", self.low), ("max", self.high)) if value is not None}
        return {**super()._defaults(), **bounds}

    def _custom(self) -> Json:
        in_sight = {"axisSoftMax": self.steps[-1][0]} if self.bars_at else {}
        return {
            **in_sight,
            "drawStyle": "line" if self.style == "steps" else self.style,
            "lineInterpolation": "stepAfter" if self.style == "steps" else "linear",
            "lineWidth": 1 if self.style == "bars" else 2,
            "fillOpacity": 80 if self.style == "bars" else self.fill,
            "gradientMode": "none",
            "pointSize": 5,
            "showPoints": "always" if self.style == "points" else "auto",
            "spanNulls": True,
            "barAlignment": 0,
            "axisLabel": self.axis,
            "axisPlacement": "auto",
            "axisSoftMin": 0,
            "scaleDistribution": {"type": "log", "log": 10} if self.logarithmic else {"type": "linear"},
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if self.bars_at else "off"},
        }

    def _options(self) -> Json:
        shown = self.legend != "none"
        placement = "right" if self.legend == "right" else "bottom"
        display = "table" if self.calcs and shown else "list"
        return {
            "legend": {"displayMode": display, "placement": placement, "showLegend": shown, "calcs": list(self.calcs)},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True, kw_only=True)
class Listing(View):
    """A table of rows, with links from its ids."""

    kind = "table"

    sort: str = ""
    """The column (its title) to sort by, largest first; '' keeps the query's order."""
    header: bool = True

    def _overrides(self) -> list[Json]:
        """Keep what is said of an empty table out of its empty cells."""
        silent = {"matcher": {"id": "byRegexp", "options": "/.*/"}, "properties": [{"id": "noValue", "value": ""}]}
        return [silent, *super()._overrides()] if self.empty else super()._overrides()

    def _custom(self) -> Json:
        return {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False}

    def _options(self) -> Json:
        return {
            "cellHeight": "sm",
            "frameIndex": 0,
            "showHeader": self.header,
            "sortBy": [{"displayName": self.sort, "desc": True}] if self.sort else [],
        }


@dataclass(frozen=True, kw_only=True)
class Heat(View):
    """How many of something fall into each bucket, over time. The query's columns are the buckets, lowest first."""

    kind = "heatmap"
    shape = TIME_SERIES_FORMAT_ID

    scheme: str = "Oranges"
    axis: str = ""

    def _color(self) -> Json:
        return {"mode": "palette-classic"}

    def _custom(self) -> Json:
        return {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}}

    def _options(self) -> Json:
        return {
            "calculate": False,
            "cellGap": 1,
            "color": {
                "exponent": 0.4,
                "fill": self.scheme,
                "mode": "scheme",
                "reverse": False,
                "scale": "exponential",
                "scheme": self.scheme,
                "steps": 64,
            },
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "axisLabel": self.axis, "reverse": False, "unit": "short"},
        }


@dataclass(frozen=True, kw_only=True)
class Bars(View):
    """A bar for each row: its name in the first column, its parts in the others."""

    kind = "barchart"

    stacked: bool = False
    horizontal: bool = True
    legend: bool = True

    def _color(self) -> Json:
        return {"mode": "fixed", "fixedColor": self.color} if self.color else {"mode": "palette-classic"}

    def _custom(self) -> Json:
        return {
            "axisPlacement": "auto",
            "axisSoftMin": 0,
            "fillOpacity": 85,
            "gradientMode": "none",
            "lineWidth": 0,
            "scaleDistribution": {"type": "linear"},
            "thresholdsStyle": {"mode": "off"},
        }

    def _options(self) -> Json:
        return {
            "barRadius": 0,
            "barWidth": 0.8,
            "fullHighlight": False,
            "groupWidth": 0.7,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": self.legend, "calcs": []},
            "orientation": "horizontal" if self.horizontal else "vertical",
            "showValue": "auto" if not self.stacked else "never",
            "stacking": "normal" if self.stacked else "none",
            "tooltip": {"mode": "multi", "sort": "none"},
            "xTickLabelMaxLength": 0,
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 0,
        }


@dataclass(frozen=True, kw_only=True)
class States(View):
    """Which state something was in, over time: a lane for each label."""

    kind = "state-timeline"
    shape = TIME_SERIES_FORMAT_ID

    mappings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Value -> (what to call it, its colour)."""

    def _color(self) -> Json:
        return {"mode": "thresholds"}

    def _defaults(self) -> Json:
        options = {
            value: {"text": text, "color": color, "index": index} for index, (value, (text, color)) in enumerate(self.mappings.items())
        }
        return {**super()._defaults(), "mappings": [{"type": "value", "options": options}] if options else []}

    def _custom(self) -> Json:
        return {"fillOpacity": 80, "lineWidth": 0, "spanNulls": True}

    def _options(self) -> Json:
        return {
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "mergeValues": True,
            "rowHeight": 0.85,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        }


@dataclass(frozen=True, kw_only=True)
class Words:
    """A text in Markdown: how to read the board."""

    title: str
    question: str
    markdown: str
    statements: ClassVar[tuple[str, ...]] = ()

    def render(self, panel_id: int, x: int, y: int, width: int, height: int) -> Json:
        """Return the panel as JSON, at a place on Grafana's grid of 24 columns."""
        return {
            "id": panel_id,
            "type": "text",
            "title": self.title,
            "description": self.question,
            "gridPos": {"x": x, "y": y, "w": width, "h": height},
            "options": {"mode": "markdown", "content": self.markdown},
        }


def thresholds(steps: Steps) -> Json:
    """Return Grafana's absolute thresholds."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}
