"""An alert rule: one query, one threshold, and the sentence of its notification.

    rule = Rule(title="No events arrive", team="oncall", severity="page", sql="SELECT 'requests' AS feed, ... AS value", above=900,
                summary="No event for {value:.0f} s.", question="Does the feed still run?")

The query returns one row per alert: text columns become labels, and the number `value` is compared with `above`. No row, no alert.
It reads tables with one row per case or metric, never one per account: thousands of alerts of one rule stall Grafana
(grafana/grafana#48900). It has its own time range (`now() - INTERVAL ...`). It has no macros, which the plugin's backend expands and
`hydrometer alerts` does not, and no variables, which only a browser expands.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from dashboards.query import DATASOURCE, TABLE_FORMAT_ID, Json, target

Team = Literal["soc", "oncall"]
Severity = Literal["page", "ticket"]
State = Literal["OK", "Alerting"]

EXPRESSION: Final = {"type": "__expr__", "uid": "__expr__"}
UID_PREFIX: Final = "hydrometer-"
"""Prefix of the uid of everything published to a Grafana."""
RUNBOOK_BOARD: Final = f"{UID_PREFIX}runbooks"
_PACE: Final = {"intervalMs": 1000, "maxDataPoints": 43200}  # Grafana's own defaults
_HOST: Final = '{{ reReplaceAll "/+$" "" externalURL }}'  # with or without a slash at its end: Grafana's settings decide


@dataclass(frozen=True)
class Rule:
    """One alert rule. Durations are written as Grafana does: `90s`, `5m`."""

    title: str
    """The problem, as the title of a chat message."""
    team: Team
    severity: Severity
    """`page` needs a person now, `ticket` waits for the morning."""
    sql: str
    above: float
    summary: str
    """One sentence. `{case_id}` stands for a label, `{value:.0f}` for the number."""
    question: str
    """The question that the rule answers: its description."""
    waits: str = "0s"
    """How long it must hold before it fires."""
    lingers: str = "0s"
    """How long it keeps firing after it has ended, so that a short gap does not resolve it."""
    no_rows: State = "OK"
    on_error: State = "OK"
    """The state when ClickHouse does not answer: only `store_unreachable` and `heartbeat` alert then."""
    board: str = ""
    """Link to a board: its uid and variables, as `hydrometer-case?var-case={case_id}`."""
    silence: str = ""
    """The summary of an alert that fires for lack of rows or for an error: without labels and number."""

    def render(self, name: str, runbook_panel: int, folder: str, group: str) -> Json:
        """Return the rule for Grafana's provisioning API.

        `runbook_panel` is its runbook's panel on the board of runbooks, `folder` the uid of its folder.
        """
        return {
            "uid": uid(name),
            "title": self.title,
            "condition": "B",
            "data": [self._query(), _threshold(self.above)],
            "folderUID": folder,
            "ruleGroup": group,
            "orgID": 1,
            "for": self.waits,
            **(
                {} if self.lingers == "0s" else {"keep_firing_for": self.lingers}
            ),  # Grafana leaves a zero out: sending it would always show a difference
            "noDataState": self.no_rows,
            "execErrState": self.on_error,
            "isPaused": False,
            "labels": {"team": self.team, "severity": self.severity, "rule": name},
            "annotations": self._annotations(runbook_panel),
        }

    def summary_of(self, labels: Mapping[str, str], value: float) -> str:
        """Return the summary for one alert."""
        return self.summary.format_map({**labels, "value": value})

    def _annotations(self, runbook_panel: int) -> dict[str, str]:
        annotations = {
            "summary": self._summary(),
            "description": self.question,
            "runbook_url": f"{_HOST}/d/{RUNBOOK_BOARD}?viewPanel=panel-{runbook_panel}",
        }
        return {**annotations, "board_url": f"{_HOST}/d/{template(self.board)}"} if self.board else annotations

    def _summary(self) -> str:
        told = template(self.summary)
        return f"{{{{ if $values.A }}}}{told}{{{{ else }}}}{self.silence}{{{{ end }}}}" if self.silence else told

    def _query(self) -> Json:
        model = {**target("A", self.sql, TABLE_FORMAT_ID), **_PACE}
        return _data("A", DATASOURCE["uid"], "table", model)


def uid(name: str) -> str:
    """Return the uid of a rule in Grafana: at most 40 characters, letters, digits and hyphens."""
    return UID_PREFIX + name.replace("_", "-")


def template(text: str) -> str:
    """Return a sentence as a Grafana template: `{case_id}` as `{{ $labels.case_id }}`, `{value:.0f}` as printf."""
    return "".join(_pieces(text))


def fields(text: str) -> set[str]:
    """Return the labels in a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name} - {"value"}


def _pieces(text: str) -> Iterator[str]:
    for plain, name, how, _ in string.Formatter().parse(text):
        yield plain
        if name == "value":
            yield f'{{{{ printf "%{how or "g"}" $values.A.Value }}}}'
        elif name:
            yield f"{{{{ $labels.{name} }}}}"


def _threshold(above: float) -> Json:
    condition = {
        "type": "query",
        "evaluator": {"type": "gt", "params": [above]},
        "operator": {"type": "and"},
        "query": {"params": ["B"]},
        "reducer": {"type": "last", "params": []},
    }
    model = {"refId": "B", "datasource": EXPRESSION, "type": "threshold", "expression": "A", "conditions": [condition]}
    return _data("B", "__expr__", "", {**model, **_PACE, "hide": False})


def _data(ref: str, source: str, kind: str, model: Json) -> Json:
    return {"refId": ref, "queryType": kind, "relativeTimeRange": {"from": 600, "to": 0}, "datasourceUid": source, "model": model}
