"""A board: rows of panels laid out on Grafana's grid, with variables, annotations and links. Rendered as classic (v1) JSON.

    board = Board(uid=links.uid_of(__name__), title="SOC overview", order=1, rows=[Row("Now", [Tile(Stat(...), 6, 4), ...])], ...)

Grafana 11.6 to 13 read the classic schema; a board that is rendered twice gives the same bytes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Final

from dashboards import links
from dashboards.palette import EXTRACTION, ROUTING
from dashboards.query import DATASOURCE, TABLE_FORMAT_ID, Json, target
from dashboards.views import Drawable

SCHEMA_VERSION: Final = 39
"""The classic schema as Grafana 11 writes it; later versions migrate it when they load it."""
GRID_COLUMNS: Final = 24


@dataclass(frozen=True)
class Tile:
    """A panel and its size, in columns of 24 and rows of 30 pixels."""

    panel: Drawable
    width: int
    height: int


@dataclass(frozen=True)
class Row:
    """Panels under a heading. A collapsed row runs no query until it is opened."""

    title: str
    tiles: Sequence[Tile]
    collapsed: bool = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A variable: one of the values that a query returns (`id` or `id, text`), or one of a fixed list. Never free text."""

    name: str
    label: str
    sql: str = ""
    fixed: Sequence[tuple[str, str]] = ()
    """Text and value."""
    description: str = ""

    def render(self) -> Json:
        """Return the variable as JSON."""
        common: Json = {
            "name": self.name,
            "label": self.label,
            "description": self.description,
            "hide": 0,
            "multi": False,
            "includeAll": False,
        }
        if self.fixed:
            options = [{"text": text, "value": value, "selected": not tile} for tile, (text, value) in enumerate(self.fixed)]
            query = ",".join(f"{text} : {value}" for text, value in self.fixed)
            return {"type": "custom", **common, "query": query, "options": options, "current": options[0]}
        # refreshed when the board is loaded, not with each change of the time range: a link may have an id that is not in the list
        ask = {**target("A", self.sql, TABLE_FORMAT_ID), "refId": f"variable-{self.name}"}
        return {
            "type": "query",
            **common,
            "datasource": DATASOURCE,
            "query": ask,
            "refresh": 1,
            "sort": 0,
        }


@dataclass(frozen=True, kw_only=True)
class Note:
    """An annotation: moments (`time`, `text`, which may hold a link, and `tags`) drawn as lines on every trend."""

    name: str
    sql: str
    color: str

    def render(self) -> Json:
        """Return the annotation as JSON."""
        return {
            "name": self.name,
            "datasource": DATASOURCE,
            "enable": True,
            "hide": False,
            "iconColor": self.color,
            "target": target("Anno", self.sql, TABLE_FORMAT_ID),
        }


_CASES: Final = """
SELECT opened_at AS time, concat('<a href="/d/{board}?var-case=', case_id, '">', case_id, '</a>: ', title) AS text,
    concat('case,', behaviour) AS tags
FROM hydrometer.cases FINAL WHERE behaviour = '{behaviour}' AND $__timeFilter(opened_at) ORDER BY time
"""
CASES: Final = (
    Note(name="Extraction cases", color=EXTRACTION, sql=_CASES.format(board=links.CASE, behaviour="extraction")),
    Note(name="Routing cases", color=ROUTING, sql=_CASES.format(board=links.CASE, behaviour="routing")),
)
RELEASES: Final = Note(
    name="Model releases",
    color="#5794F2",
    # a model in the first day of records was not released then
    sql="""
    SELECT first AS time, concat(request_model, ' is requested for the first time') AS text, 'release' AS tags
    FROM (SELECT request_model, min(minute) AS first FROM hydrometer.usage_minute WHERE request_model != '' GROUP BY request_model)
    WHERE $__timeFilter(first) AND first > (SELECT min(minute) FROM hydrometer.usage_minute) + INTERVAL 1 DAY
    ORDER BY time
    """,
)


@dataclass(frozen=True, kw_only=True)
class Board:
    """A dashboard."""

    uid: str
    """`links.uid_of(__name__)` of the board's module."""
    title: str
    order: int
    """Position among the boards at the head of each board, from the left."""
    question: str
    rows: Sequence[Row]
    choices: Sequence[Choice] = ()
    notes: Sequence[Note] = (*CASES, RELEASES)
    since: str = "now-24h"
    refresh: str = "1m"
    tags: Sequence[str] = field(default=("hydrometer",))

    def render(self) -> Json:
        """Return the board as JSON."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.question,
            "tags": list(self.tags),
            "timezone": "utc",
            "editable": True,
            "graphTooltip": 1,
            "schemaVersion": SCHEMA_VERSION,
            "refresh": self.refresh,
            "time": {"from": self.since, "to": "now"},
            "timepicker": {"refresh_intervals": ["10s", "30s", "1m", "5m", "15m", "1h"]},
            "links": [links.to_board(board.title, board.uid) for board in in_order() if board.uid != self.uid],
            "templating": {"list": [choice.render() for choice in self.choices]},
            "annotations": {"list": [note.render() for note in self.notes]},
            "panels": list(self._panels()),
        }

    def _panels(self) -> Iterator[Json]:
        """Yield rows and panels from the top; a collapsed row contains its panels."""
        ids, top = count(1), 0
        for row in self.rows:
            heading = next(ids)
            inside = list(_arranged(row.tiles, top + 1, ids))
            held = inside if row.collapsed else []
            yield {
                "id": heading,
                "type": "row",
                "title": row.title,
                "collapsed": row.collapsed,
                "gridPos": {"x": 0, "y": top, "w": GRID_COLUMNS, "h": 1},
                "panels": held,
            }
            if not row.collapsed:
                yield from inside
            top = 1 + (top if row.collapsed else max([top, *(panel["gridPos"]["y"] + panel["gridPos"]["h"] - 1 for panel in inside)]))


def _arranged(tiles: Sequence[Tile], top: int, ids: Iterator[int]) -> Iterator[Json]:
    """Arrange panels side by side; one that does not fit begins a new line under the tallest of the last line."""
    x, tallest = 0, 0
    for tile in tiles:
        if x + tile.width > GRID_COLUMNS:
            x, top, tallest = 0, top + tallest, 0
        yield tile.panel.render(next(ids), x, top, tile.width, tile.height)
        x, tallest = x + tile.width, max(tallest, tile.height)


@cache
def boards() -> dict[str, Board]:
    """Return every board found in `dashboards/boards/`, by the name of its file."""
    package = importlib.import_module("dashboards.boards")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"dashboards.boards.{name}").board for name in names}


def in_order() -> list[Board]:
    """Return every board in the order in which the head of each names them."""
    return sorted(boards().values(), key=lambda board: (board.order, board.title))
