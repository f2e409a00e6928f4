"""All alert rules and their runbooks: found, grouped, and rendered for Grafana.

A new file in `dashboards/alerts` is a new rule. It needs a runbook in `dashboards/runbooks` and a test in `tests/dashboards/alerts` of
its name, and a contract test says so.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Final

from dashboards.query import Json
from dashboards.rule import RUNBOOK_BOARD, Rule
from streams.core.errors import HydrometerError

FOLDER: Final = "hydrometer"
"""The uid of the folder in Grafana."""
FOLDER_TITLE: Final = "Hydrometer"
RUNBOOKS: Final = Path(__file__).parent / "runbooks"
HEADINGS: Final = ("What fired", "Is it real", "Stop the harm", "If it is noise", "Escalate")
GROUPS: Final = {"soc": "Hydrometer: cases", "oncall": "Hydrometer: on call"}
"""The rule group of each team."""
EVALUATION_INTERVAL_SECONDS: Final = 60
"""Time between two evaluations of a group."""
_HEIGHT_ROWS: Final = 16
_SQL: Final = """
Run the SQL in Grafana's Explore, or on a terminal as `dashboards/README.md` says.

Alerts carry the title of Grafana's folder as a label: who renames or moves the folder resolves every firing alert, and a minute later each
fires again as a new one. Tell who is on call before.
"""


class RunbookError(HydrometerError):
    """A rule has no runbook, or the runbook lacks one of its five parts."""


@cache
def rules() -> dict[str, Rule]:
    """Return every rule found in `dashboards/alerts/`, by the name of its file."""
    package = importlib.import_module("dashboards.alerts")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"dashboards.alerts.{name}").rule for name in names}


def runbook(name: str) -> str:
    """Return a rule's runbook, Markdown. Raises RunbookError when it or one of its five parts is missing."""
    path = RUNBOOKS / f"{name}.md"
    if not path.is_file():
        raise RunbookError(f"the rule {name} has no runbook: write {path}")
    text = path.read_text(encoding="utf-8")
    headings = tuple(re.findall(r"^## (.+)$", text, re.MULTILINE))
    if headings != HEADINGS:
        raise RunbookError(f"{path} has the parts {', '.join(headings) or 'none'}: write {', '.join(HEADINGS)}, in this order")
    return text


def panel_of(name: str) -> int:
    """Return the number of a rule's panel on the board of runbooks."""
    return list(rules()).index(name) + 1


def group(team: str, folder: str = FOLDER) -> Json:
    """Return the rule group of a team for `PUT .../rule-groups/{group}`."""
    title = GROUPS[team]
    rules_of_team = [rule.render(name, panel_of(name), folder, title) for name, rule in rules().items() if rule.team == team]
    return {"title": title, "folderUid": folder, "interval": EVALUATION_INTERVAL_SECONDS, "rules": rules_of_team}


def runbook_board() -> Json:
    """Return the board of runbooks: one panel per rule, the target of the rule's `runbook_url`."""
    panels = [_panel(number, rule.title, runbook(name)) for number, (name, rule) in enumerate(rules().items(), start=1)]
    return {
        "uid": RUNBOOK_BOARD,
        "title": "Hydrometer: runbooks",
        "description": "What to do about each alert. Generated from dashboards/runbooks; edit it there.",
        "tags": ["hydrometer"],
        "schemaVersion": 39,
        "editable": True,
        "timezone": "utc",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


def files() -> dict[str, Json]:
    """Return what is generated from the rules into `dashboards/generated`: their runbooks, as a board."""
    return {"runbooks.json": runbook_board()}


def _panel(number: int, title: str, text: str) -> Json:
    return {
        "id": number,
        "type": "text",
        "title": title,
        "gridPos": {"x": 12 * ((number - 1) % 2), "y": _HEIGHT_ROWS * ((number - 1) // 2), "w": 12, "h": _HEIGHT_ROWS},
        "options": {"mode": "markdown", "content": text + _SQL},
    }
