"""A small Grafana: it keeps state, and refuses every request that Grafana 13's own OpenAPI description does not allow."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema
import pytest

from dashboards.grafana_diff import Release
from dashboards.grafana_http import Backend, GrafanaHttp, connect
from streams.core.settings import Settings
from streams.testing.http_answers import serving
from streams.testing.real_data import real_data

TOKEN = "glsa_made_up_for_tests"
UNDESCRIBED = {"/access-control/user/permissions", "/v1/eval", "/v1/rule/test/grafana"}
"""Operations that Grafana has (`pkg/services/accesscontrol/api`, `pkg/services/ngalert/api`) and its OpenAPI description leaves out."""
VIEWER = {"folders:read", "dashboards:read", "alert.rules:read"}
EDITOR = {"folders:create", "dashboards:create", "dashboards:write", "alert.rules:create", "alert.rules:write", "alert.rules:delete"}
EDITOR |= {*VIEWER, "alert.notifications:write", "alert.provisioning.provenance:write"}
PERMISSIONS = {"Viewer": VIEWER, "Without notifications": EDITOR - {"alert.notifications:write"}, "Editor": EDITOR}
PERMISSIONS |= {"Admin": {*EDITOR, "alert.provisioning:read", "alert.provisioning:write"}}
Json = dict[str, Any]
Answer = tuple[int, Any]


def strict(schema: Any) -> Any:
    """Let an object hold only the properties that are described, so that a misspelt one is found."""
    if isinstance(schema, dict):
        closed = {name: strict(value) for name, value in schema.items()}
        if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
            closed["additionalProperties"] = False
        return closed
    return [strict(each) for each in schema] if isinstance(schema, list) else schema


class Description:
    """Grafana's OpenAPI file: which operations there are, and what their bodies look like."""

    def __init__(self, content: Json) -> None:
        self._paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$"), each) for path, each in content["paths"].items()]
        self._schemas = strict(content["components"]["schemas"])

    def body(self, verb: str, path: str, body: Any) -> None:
        """Raise unless there is such an operation and it takes this body."""
        found = [each for pattern, each in self._paths if pattern.match(path) and verb.lower() in each]
        assert found, f"Grafana 13 has no {verb} {path}"
        described = found[0][verb.lower()].get("requestBody")
        assert (described is None) == (body is None), f"{verb} {path} with the wrong kind of body"
        if described:
            self.holds(described["content"]["application/json"]["schema"], body)

    def holds(self, schema: Json, value: Any) -> None:
        # `jsonschema.validate` would check the whole description as a schema each time
        found = jsonschema.Draft4Validator({**schema, "components": {"schemas": self._schemas}})
        found.validate(value)

    def file(self, value: Any) -> None:
        self.holds({"$ref": "#/components/schemas/AlertingFileExport"}, value)


def expanded(text: str, row: Json) -> str:
    """What Grafana makes of an annotation: the part of Go's templates that we use. A template with an error stays as it is."""
    try:
        choice = re.fullmatch(r"\{\{ if \$values\.A \}\}(.*)\{\{ else \}\}(.*)\{\{ end \}\}", text)
        plain = choice[1 if "value" in row else 2] if choice else text
        plain = re.sub(r'\{\{ reReplaceAll "/\+\$" "" externalURL \}\}', "http://grafana.example", plain)
        plain = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: str(row[found[1]]), plain)
        plain = re.sub(r'\{\{ printf "(%[\w.]+)" \$values\.A\.Value \}\}', lambda found: found[1] % row["value"], plain)
    except KeyError:
        return text
    return text if "{{" in plain else plain


class FakeGrafana:
    """Folders, boards, rule groups, contact points and policies, in memory. `writes` counts what was changed."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self.version = "13.0.1"
        self.role = "Editor"
        self.hidden: set[str] = set()
        """Folders and boards that exist, and that this token may not see."""
        self.query: Callable[[str], tuple[list[tuple[Any, ...]], list[tuple[str, str]]]] = lambda _: ([], [])
        """Runs SQL whose macros are expanded, and returns rows, and names and types of the columns."""
        self.folders: dict[str, Json] = {}
        self.boards: dict[str, Json] = {}
        self.groups: dict[str, Json] = {}
        self.contacts: dict[str, Json] = {}
        self.policies: Json = {"receiver": "grafana-default-email", "routes": [], "provenance": ""}
        self.source: Json | None = {"uid": "hydrometer", "type": "grafana-clickhouse-datasource", "name": "Hydrometer"}
        self.source_health: Answer = (200, {"message": "Data source is working", "status": "OK"})
        self.writes: list[str] = []
        self.faults: list[Answer] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def answer(self, verb: str, target: str, headers: dict[str, str], body: Any) -> Answer:
        if self.faults:
            return self.faults.pop(0)
        url = urlsplit(target.removeprefix("/api"))
        if url.path == "/health":
            return 200, {"version": self.version, "database": "ok"}
        if headers.get("Authorization") not in {f"Bearer {TOKEN}", f"Basic {base64.b64encode(f'admin:{TOKEN}'.encode()).decode()}"}:
            return 401, {"message": "Invalid API key"}
        self.headers.append(headers)
        try:
            if url.path not in UNDESCRIBED:
                self.description.body(verb, url.path, body)
        except (AssertionError, jsonschema.ValidationError) as error:
            return 400, {"message": f"not as described: {error}"}
        parts = ("folders", "search", "dashboards", "datasources", "rule-groups", "contact-points", "policies", "permissions")
        name = next(part for part in (*parts, "ds/query", "eval", "rule/test") if part in url.path).replace("/", "_")
        if verb != "GET" and name not in {"ds_query", "eval", "rule_test"}:
            forbidden = name in {"contact-points", "policies"} and "alert.notifications:write" not in PERMISSIONS[self.role]
            if self.role == "Viewer" or forbidden:
                return 403, {"message": "You'll need additional permissions to perform this action."}
            self.writes.append(f"{verb} {unquote(url.path)}")
        handle = getattr(self, f"_{name.replace('-', '_')}")
        answer: Answer = handle(verb, unquote(url.path.rsplit("/", 1)[1]), body, {**parse_qs(url.query), "path": url.path})
        return answer

    def _folders(self, verb: str, uid: str, body: Json, _: Json) -> Answer:
        if verb == "POST":
            if body["uid"] in self.folders or body["uid"] in self.hidden:
                return 409, {"message": "a folder with that UID already exists"}
            self.folders[body["uid"]] = {**body, "id": len(self.folders) + 1, "version": 1}
            return 200, self.folders[body["uid"]]
        if uid == "folders":
            return 200, list(self.folders.values())
        return (200, self.folders[uid]) if uid in self.folders else self._absent("folder not found")

    def _absent(self, message: str) -> Answer:
        """Grafana tells only an administrator that a folder or rule group does not exist."""
        return (404, {"message": message}) if self.role == "Admin" else (403, {"message": "You'll need additional permissions"})

    def _permissions(self, *_: Any) -> Answer:
        return 200, {action: ["folders:*"] for action in PERMISSIONS[self.role]}

    def _search(self, _: str, __: str, ___: Json, query: Json) -> Answer:
        tagged = [each for each in self.boards.values() if query["tag"][0] in each["dashboard"]["tags"]]
        return 200, [{"uid": each["dashboard"]["uid"], "title": each["dashboard"]["title"], "type": "dash-db"} for each in tagged]

    def _dashboards(self, verb: str, uid: str, body: Json, _: Json) -> Answer:
        if verb == "POST":
            return self._save(body)
        if uid in self.hidden:
            return 403, {"message": "You'll need additional permissions"}
        if uid not in self.boards:
            return 404, {"message": "Dashboard not found"}
        if verb == "DELETE":
            gone = self.boards.pop(uid)
            return 200, {"message": "deleted", "title": gone["dashboard"]["title"]}
        return 200, self.boards[uid]

    def _save(self, command: Json) -> Answer:
        board, folder = command["dashboard"], command.get("folderUid", "")
        if folder and folder not in self.folders:
            return 400, {"message": "folder not found"}
        old = self.boards.get(board["uid"])
        if old and old["meta"].get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        if board["uid"] in self.hidden or (old and not command["overwrite"]):
            return 412, {"message": "A dashboard with the same uid already exists", "status": "version-mismatch"}
        version = old["dashboard"]["version"] + 1 if old else 1
        saved = {**copy.deepcopy(board), "id": len(self.boards) + 1, "version": version}  # Grafana's own counter, whatever was sent
        self.boards[board["uid"]] = {"dashboard": saved, "meta": {"folderUid": folder, "version": version}}
        return 200, {"uid": board["uid"], "version": version, "status": "success", "folderUid": folder}

    def move(self, uid: str, folder: str) -> None:
        """What people do in the browser: a move is a save."""
        self.boards[uid]["meta"]["folderUid"] = folder
        self.boards[uid]["dashboard"]["version"] += 1

    def _datasources(self, _: str, last: str, __: Json, ___: Json) -> Answer:
        if last == "health":
            return self.source_health
        return (200, self.source) if self.source else (404, {"message": "Data source not found"})

    def _rule_groups(self, verb: str, title: str, body: Json, query: Json) -> Answer:
        if verb == "GET":
            return (200, self.groups[title]) if title in self.groups else self._absent("rule group not found")
        folder = query["path"].split("/")[4]
        if folder not in self.folders:
            return 400, {"message": "invalid folder"}
        if any(rule.get("provenance") == "file" for rule in self.groups.get(title, {"rules": []})["rules"]):
            return 409, {"message": "cannot change provenance from 'file' to ''"}
        known = {contact["name"] for contact in self.contacts.values()}
        wrong = [rule for rule in body["rules"] if rule.get("notification_settings", {}).get("receiver", "") not in known | {""}]
        if wrong:
            return 400, {"message": "receiver not found"}
        kept = [
            {**copy.deepcopy(rule), "orgID": 1, "id": place, "updated": "2026-11-22T00:00:00Z"}
            for place, rule in enumerate(body["rules"], 1)
        ]
        for rule in kept:  # the zero of a duration is left out, and the rest is filled in
            rule["data"][0]["model"].setdefault("hide", False)
        self.groups[title] = {"title": title, "folderUid": folder, "interval": body["interval"], "rules": kept}
        return 200, self.groups[title]

    def _contact_points(self, verb: str, uid: str, body: Json, _: Json) -> Answer:
        if verb == "GET":
            return 200, list(self.contacts.values())
        if verb == "PUT" and uid not in self.contacts:
            return 404, {"message": "contact point not found"}
        if self.contacts.get(body["uid"], {}).get("provenance") == "file":
            return 409, {"message": "cannot change provenance from 'file' to ''"}
        self.contacts[body["uid"]] = {**body, "provenance": ""}
        return 202, {"message": "contact point saved"}

    def _policies(self, verb: str, _: str, body: Json, __: Json) -> Answer:
        if verb == "GET":
            return 200, self.policies
        if not {route["receiver"] for route in body["routes"]} <= {"pager", *(each["name"] for each in self.contacts.values())}:
            return 400, {"message": "receiver does not exist"}
        self.policies = {**body, "provenance": ""}
        return 202, {"message": "policies updated"}

    def _ds_query(self, _: str, __: str, body: Json, ___: Json) -> Answer:
        results = self._results(body["queries"])
        return (400 if any("error" in each for each in results.values()) else 200), {"results": results}

    def _eval(self, _: str, __: str, body: Json, ___: Json) -> Answer:
        return 200, {"results": self._results([each["model"] for each in body["data"] if each["datasourceUid"] != "__expr__"])}

    def _results(self, queries: list[Json]) -> Json:
        results: Json = {}
        for query in queries:
            try:
                rows, columns = self.query(query["rawSql"])
            except Exception as error:  # noqa: BLE001 - whatever the engine says becomes the answer
                results[query["refId"]] = {"error": str(error), "status": 400, "frames": []}
                continue
            values = [[str(row[place]) for row in rows] for place in range(len(columns))]
            fields = [{"name": name, "type": "string"} for name, _ in columns]
            results[query["refId"]] = {"status": 200, "frames": [{"schema": {"fields": fields}, "data": {"values": values}}]}
        return results

    def _rule_test(self, _: str, __: str, body: Json, ___: Json) -> Answer:
        rule, grafana = body["rule"], body["rule"]["grafana_alert"]
        rows, columns = self.query(grafana["data"][0]["model"]["rawSql"])
        above = grafana["data"][1]["model"]["conditions"][0]["evaluator"]["params"][0]
        named = [dict(zip([name for name, _ in columns], row, strict=True)) for row in rows]
        firing = [row for row in named if row["value"] > above] or ([{}] if not named and grafana["no_data_state"] == "Alerting" else [])
        return 200, [
            {
                "labels": {**rule["labels"], **{name: value for name, value in row.items() if name != "value"}},
                "annotations": {name: expanded(text, row) for name, text in rule["annotations"].items()},
            }
            for row in firing
        ]


@pytest.fixture(scope="session")
def description() -> Description:
    path = real_data("grafana/grafana-13.0.openapi3.json")
    if path is None:
        pytest.skip("Grafana's OpenAPI description is not here: put grafana-13.0.openapi3.json into $HYDROMETER_SHARED/grafana")
    return Description(json.loads(path.read_text()))


@pytest.fixture
def grafana(description: Description) -> Iterator[FakeGrafana]:
    fake = FakeGrafana(description)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body leave together, or each answer waits 40 ms for an acknowledgement

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            status, content = fake.answer(self.command, self.path, dict(self.headers), body)
            data = content.encode() if isinstance(content, str) else b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(content, str) else "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    with serving(server):
        yield fake


@pytest.fixture(params=["grafana-api", "grafana-client"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "grafana-client":
        pytest.importorskip("grafana_client", reason="grafana-client is not installed: pip install 'hydrometer[grafana]'")
    found: Backend = request.param
    return found


@pytest.fixture
def api(grafana: FakeGrafana, backend: Backend) -> GrafanaHttp:
    found = connect(Settings.model_validate({"mode": "local", "grafana_url": grafana.url, "grafana_token": TOKEN}), backend, timeout=2.0)
    found._wait = lambda _: None
    return found


@pytest.fixture
def small() -> Release:
    """One board and one rule."""
    board = {"uid": "hydrometer-soc", "title": "SOC overview", "tags": ["hydrometer"], "panels": [{"id": 1, "type": "text"}]}
    rule = {
        "uid": "hydrometer-heartbeat",
        "title": "Silent",
        "condition": "B",
        "folderUID": "hydrometer",
        "ruleGroup": "On call",
        "orgID": 1,
    }
    rule |= {"for": "1m", "noDataState": "Alerting", "execErrState": "Alerting", "isPaused": False, "labels": {}, "annotations": {}}
    rule |= {"data": [{"refId": "A", "datasourceUid": "hydrometer", "queryType": "table", "model": {"rawSql": "SELECT 1 AS value"}}]}
    return Release([board], [{"title": "On call", "folderUid": "hydrometer", "interval": 60, "rules": [rule]}])
