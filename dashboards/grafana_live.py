"""Checks of a published Grafana: every query and every alert text runs through Grafana's own API; nothing is written.

What is tried is what Grafana holds, not what we declare, so that an edit by hand or a text that was interpolated on its way is found too.
Boards: `POST /api/ds/query`, as a browser sends it. Rules: `POST /api/v1/eval` for the query, and `POST /api/v1/rule/test/grafana` for the
annotations, whose query is replaced by one row that fires. Source of the last two: `pkg/services/ngalert/api/api_testing.go` of Grafana.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from dashboards.board import boards
from dashboards.grafana_http import GrafanaError, GrafanaHttp
from dashboards.macros import chosen
from dashboards.query import Json
from dashboards.rule import Rule, fields, uid
from dashboards.rules import FOLDER, FOLDER_TITLE, GROUPS, rules

BUCKET_MILLISECONDS: Final = 600_000
"""Width of a point of a trend: boards look back for a day or two."""
_ANSWERED: Final = range(400, 600)
_NOT_OURS: Final = (401, 403)
_HERE: Final = "is not in this Grafana: run `hydrometer boards publish`"


@dataclass(frozen=True)
class GrafanaTrial:
    """One query or text that Grafana ran. error: the problem, '' without one."""

    name: str
    error: str = ""


def try_all(grafana: GrafanaHttp) -> Iterator[GrafanaTrial]:
    """Yield a trial for each query of each board, and for the query and the texts of each rule. Raises GrafanaError."""
    for board in boards().values():
        yield from _board(grafana, board.uid, board.title)
    for team, title in GROUPS.items():
        group = grafana.find(f"/v1/provisioning/folder/{FOLDER}/rule-groups/{quote(title, safe='')}") or {"rules": []}
        published = {rule["uid"]: rule for rule in group["rules"]}
        for name, rule in rules().items():
            if rule.team == team:
                yield from _rule(grafana, rule, published.get(uid(name)), f"rule {name}")


def _board(grafana: GrafanaHttp, uid: str, title: str) -> Iterator[GrafanaTrial]:
    published_board = grafana.find(f"/dashboards/uid/{uid}")
    if published_board is None:
        yield GrafanaTrial(title, _HERE)
        return
    board, values = published_board["dashboard"], dict[str, str]()
    for variable in board["templating"]["list"]:
        if variable["type"] == "custom":
            values[variable["name"]] = variable["options"][0]["value"]
        else:
            first, error = _run(grafana, board, variable["query"], values)
            values[variable["name"]] = first
            yield GrafanaTrial(f"{title}: variable {variable['name']}", error)
    for name, target in _targets(board):
        yield GrafanaTrial(f"{title}: {name}", _run(grafana, board, target, values)[1])


def _targets(board: Json) -> Iterator[tuple[str, Json]]:
    """Yield the queries of a board with the names of their panels, those of collapsed rows too."""
    for panel in board["panels"]:
        for each in panel["panels"] if panel["type"] == "row" else [panel]:
            yield from ((f"{each['title']} {target['refId']}", target) for target in each.get("targets", []))
    notes = [note for note in board["annotations"]["list"] if "rawSql" in note.get("target", {})]
    yield from ((f"annotation {note['name']}", note["target"]) for note in notes)


def _run(grafana: GrafanaHttp, board: Json, target: Json, values: Mapping[str, str]) -> tuple[str, str]:
    """Return the first cell of the answer to a query ('' without one) and its error."""
    query = {**target, "rawSql": chosen(target["rawSql"], values), "intervalMs": BUCKET_MILLISECONDS, "maxDataPoints": 1000}
    body = {"from": board["time"]["from"], "to": board["time"]["to"], "queries": [query]}
    results, error = _asked(grafana, "/ds/query", body)
    columns = [column for frame in results.get(target["refId"], {}).get("frames") or [] for column in frame["data"]["values"]]
    return (str(columns[0][0]) if columns and columns[0] else ""), error


def _rule(grafana: GrafanaHttp, rule: Rule, published: Json | None, name: str) -> Iterator[GrafanaTrial]:
    if published is None:
        yield GrafanaTrial(name, _HERE)
        return
    yield GrafanaTrial(f"{name}: query", _asked(grafana, "/v1/eval", {"data": published["data"]})[1])
    labels = {label: f"any-{label}" for label in sorted(fields(rule.summary) | fields(rule.board))}
    row = ", ".join([*(f"'{value}' AS {label}" for label, value in labels.items()), f"toFloat64({rule.above + 1}) AS value"])
    board = f"/d/{rule.board.format_map(labels)}" if rule.board else ""
    yield GrafanaTrial(f"{name}: text", _text(grafana, published, f"SELECT {row}", rule.summary_of(labels, rule.above + 1), board))
    if rule.no_rows == "Alerting":
        yield GrafanaTrial(f"{name}: text without a row", _text(grafana, published, f"SELECT {row} WHERE 0", rule.silence, ""))


def _text(grafana: GrafanaHttp, published: Json, sql: str, summary: str, board: str) -> str:
    """Return the error in the annotations of a rule whose query is `sql`: '' when Grafana writes `summary`, and a link to `board`."""
    first, *others = published["data"]
    alert = {"title": published["title"], "condition": published["condition"], "uid": published["uid"]}
    alert |= {"data": [{**first, "model": {**first["model"], "rawSql": sql}}, *others]}
    alert |= {"no_data_state": published["noDataState"], "exec_err_state": published["execErrState"]}
    rule = {"for": "0s", "labels": published["labels"], "annotations": published["annotations"], "grafana_alert": alert}
    body = {"rule": rule, "folderUid": FOLDER, "folderTitle": FOLDER_TITLE, "ruleGroup": published["ruleGroup"]}
    try:
        alerts = grafana.post("/v1/rule/test/grafana", body)
    except GrafanaError as error:
        return _reason(error)
    texts = alerts[0]["annotations"] if alerts else {}
    if texts.get("summary") != summary:
        return f"Grafana writes {texts.get('summary')!r}, and it should be {summary!r}"
    if not texts.get("board_url", "").endswith(board):
        return f"its link leads to {texts.get('board_url')!r}, and should end with {board!r}"
    return next((f"Grafana leaves {name} as {text!r}" for name, text in texts.items() if "{{" in text), "")


def _asked(grafana: GrafanaHttp, path: str, body: Json) -> tuple[Json, str]:
    """Return the results of queries by their letter, and the first error among them."""
    try:
        results = grafana.post(path, body)["results"]
    except GrafanaError as error:
        return {}, _reason(error)
    return results, next((each["error"] for each in results.values() if each.get("error")), "")


def _reason(error: GrafanaError) -> str:
    """Return Grafana's answer to a query. Raises GrafanaError when it did not run it: no answer, or no right."""
    if error.status not in _ANSWERED or error.status in _NOT_OURS:
        raise error
    return str(error)
