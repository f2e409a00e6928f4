"""A small Grafana: it keeps state, and refuses every request that Grafana 13's own OpenAPI description does not allow."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema
import pytest

from dashboards.grafana_diff import Release
from dashboards.grafana_http import Backend, GrafanaHttp, connect
from streams.core.settings import Settings
from streams.testing.builders import shared

TOKEN = "glsa_made_up_for_tests"
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


class FakeGrafana:
    """Folders, boards, rule groups, contact points and policies, in memory. `writes` counts what was changed."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self.version = "13.0.1"
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
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        self.headers.append(headers)
        try:
            self.description.body(verb, url.path, body)
        except (AssertionError, jsonschema.ValidationError) as error:
            return 400, {"message": f"not as described: {error}"}
        if verb != "GET":
            self.writes.append(f"{verb} {unquote(url.path)}")
        name = next(
            part
            for part in ("folders", "search", "dashboards", "datasources", "rule-groups", "contact-points", "policies")
            if part in url.path
        )
        handle = getattr(self, f"_{name.replace('-', '_')}")
        answer: Answer = handle(verb, unquote(url.path.rsplit("/", 1)[1]), body, {**parse_qs(url.query), "path": url.path})
        return answer

    def _folders(self, verb: str, uid: str, body: Json, _: Json) -> Answer:
        if verb == "POST":
            if body["uid"] in self.folders:
                return 409, {"message": "a folder with that UID already exists"}
            self.folders[body["uid"]] = {**body, "id": len(self.folders) + 1, "version": 1}
            return 200, self.folders[body["uid"]]
        if uid == "folders":
            return 200, list(self.folders.values())
        return (200, self.folders[uid]) if uid in self.folders else (404, {"message": "folder not found"})

    def _search(self, _: str, __: str, ___: Json, query: Json) -> Answer:
        tagged = [each for each in self.boards.values() if query["tag"][0] in each["dashboard"]["tags"]]
        return 200, [{"uid": each["dashboard"]["uid"], "title": each["dashboard"]["title"], "type": "dash-db"} for each in tagged]

    def _dashboards(self, verb: str, uid: str, body: Json, _: Json) -> Answer:
        if verb == "POST":
            return self._save(body)
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
        if old and not command["overwrite"]:
            return 412, {"message": "A dashboard with the same uid already exists", "status": "version-mismatch"}
        version = old["dashboard"]["version"] + 1 if old else 1
        saved = {**copy.deepcopy(board), "id": len(self.boards) + 1, "version": version}
        self.boards[board["uid"]] = {"dashboard": saved, "meta": {"folderUid": folder, "version": version}}
        return 200, {"uid": board["uid"], "version": version, "status": "success", "folderUid": folder}

    def _datasources(self, _: str, last: str, __: Json, ___: Json) -> Answer:
        if last == "health":
            return self.source_health
        return (200, self.source) if self.source else (404, {"message": "Data source not found"})

    def _rule_groups(self, verb: str, title: str, body: Json, query: Json) -> Answer:
        if verb == "GET":
            return (200, self.groups[title]) if title in self.groups else (404, {"message": "rule group not found"})
        folder = query["path"].split("/")[4]
        if folder not in self.folders:
            return 400, {"message": "invalid folder"}
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
        self.contacts[body["uid"]] = {**body, "provenance": ""}
        return 202, {"message": "contact point saved"}

    def _policies(self, verb: str, _: str, body: Json, __: Json) -> Answer:
        if verb == "GET":
            return 200, self.policies
        if not {route["receiver"] for route in body["routes"]} <= {"pager", *(each["name"] for each in self.contacts.values())}:
            return 400, {"message": "receiver does not exist"}
        self.policies = {**body, "provenance": ""}
        return 202, {"message": "policies updated"}


@pytest.fixture(scope="session")
def description() -> Description:
    folder = shared()
    path = folder / "grafana/grafana-13.0.openapi3.json" if folder else None
    if path is None or not path.is_file():
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
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
