"""The changes that a Grafana needs: the declared state compared with the present one. Nothing is written until a change is applied.

What people did in Grafana stays: a folder's name and permissions, the folder that a board was moved to, a paused rule, and every rule,
board and route that is foreign. The project's own carry a uid that begins with `hydrometer-`. What comes from Grafana's provisioning files
stays too, since Grafana refuses to change it through its API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import quote

from dashboards.grafana_http import GrafanaError, GrafanaHttp
from dashboards.query import Json
from dashboards.rule import UID_PREFIX
from dashboards.rules import FOLDER, FOLDER_TITLE

Action = Literal["create", "update", "delete", "keep"]

TAG: Final = "hydrometer"
"""The tag of every published board."""
NEW: Final = "not in Grafana yet"
FROM_FILES: Final = "comes from a provisioning file of Grafana, and can be changed only there"
_MESSAGE: Final = "published by hydrometer"
_MAX_PAGE_BOARDS: Final = 1000


@dataclass(frozen=True)
class Release:
    """What is published: boards, rule groups and contact points, as Grafana's API takes them."""

    boards: Sequence[Json]
    groups: Sequence[Json] = ()
    contacts: Sequence[Json] = ()


@dataclass(frozen=True)
class Change:
    """The action for one board, rule group, contact point, ... and its reason."""

    kind: str
    name: str
    action: Action
    why: str = ""
    write: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)

    def apply(self) -> Change:
        """Write it, and return what was done: a rule group that Grafana keeps for a provisioning file is kept. Raises GrafanaError."""
        try:
            self.write()
        except GrafanaError as error:
            if error.status == HTTPStatus.CONFLICT and "provenance" in str(error):
                return replace(self, action="keep", why=FROM_FILES)
            if self.action == "create" and error.status in {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}:
                where = "exists in Grafana, hidden from this token: give its service account the right to edit it"
                raise GrafanaError(f"the {self.kind} {self.name} {where}", error.status) from error
            raise
        return self


def differences(grafana: GrafanaHttp, release: Release, *, prune: bool = False, policies: bool = False) -> Iterator[Change]:
    """Yield every change, in the order in which they must be applied; each is compared when it is reached.

    With `prune`, boards and rules that we made once and no longer have are deleted. With `policies`, our contact points get routes at
    the head of the notification policies; the others stay as they are. Raises GrafanaError.
    """
    yield _folder(grafana)
    yield from (_board(grafana, board) for board in release.boards)
    yield from (_contact(grafana, contact) for contact in release.contacts)
    yield from (_group(grafana, group, prune=prune) for group in release.groups)
    yield from _old_boards(grafana, {board["uid"] for board in release.boards}, prune=prune)
    if policies:
        yield _policies(grafana, [contact["name"] for contact in release.contacts])


def difference(desired: Any, remote: Any, path: str = "") -> str | None:
    """Return the first path where the remote value (`remote`) differs from the desired one, or None. What Grafana adds is ignored.

    >>> difference({"panels": [{"type": "stat"}]}, {"panels": [{"type": "table", "id": 1}], "version": 7})
    'panels[0].type'
    """
    if isinstance(desired, Mapping) and isinstance(remote, Mapping):
        pairs = [(f"{path}.{name}" if path else name, value, remote.get(name)) for name, value in desired.items()]
    elif isinstance(desired, list) and isinstance(remote, list) and len(desired) == len(remote):
        pairs = [(f"{path}[{index}]", *pair) for index, pair in enumerate(zip(desired, remote, strict=True))]
    else:
        return None if desired == remote else path or "everything"
    return next((path_found for where, wanted, other in pairs if (path_found := difference(wanted, other, where))), None)


def _folder(grafana: GrafanaHttp) -> Change:
    if grafana.find(f"/folders/{FOLDER}"):
        return Change("folder", FOLDER_TITLE, "keep")
    return Change("folder", FOLDER_TITLE, "create", NEW, lambda: grafana.post("/folders", {"uid": FOLDER, "title": FOLDER_TITLE}))


def _board(grafana: GrafanaHttp, board: Json) -> Change:
    current = grafana.find(f"/dashboards/uid/{board['uid']}")
    if current and current["meta"].get("provisioned"):
        return Change("board", board["title"], "keep", FROM_FILES)
    where = current["meta"].get("folderUid", "") if current else FOLDER  # "" is the general folder: people may have moved it there
    why = difference(board, current["dashboard"]) if current else NEW
    if why is None:
        return Change("board", board["title"], "keep")
    command = {"dashboard": {**board, "id": None}, "folderUid": where, "overwrite": bool(current), "message": _MESSAGE}
    action: Action = "update" if current else "create"
    return Change("board", board["title"], action, why, lambda: grafana.post("/dashboards/db", command))


def _old_boards(grafana: GrafanaHttp, wanted: set[str], *, prune: bool) -> Iterator[Change]:
    for hit in grafana.get(f"/search?type=dash-db&tag={TAG}&limit={_MAX_PAGE_BOARDS}") or []:
        if hit["uid"].startswith(UID_PREFIX) and hit["uid"] not in wanted:
            yield _old(hit["title"], partial(grafana.delete, f"/dashboards/uid/{hit['uid']}"), prune=prune)


def _group(grafana: GrafanaHttp, group: Json, *, prune: bool) -> Change:
    path = f"/v1/provisioning/folder/{FOLDER}/rule-groups/{quote(group['title'], safe='')}"
    current = grafana.find(path) or {"rules": []}
    if any(rule.get("provenance") == "file" for rule in current["rules"]):
        return Change("rules", group["title"], "keep", FROM_FILES)
    remote = {rule["uid"]: rule for rule in current["rules"]}
    desired = [_as_it_is(rule, remote.get(rule["uid"], {})) for rule in group["rules"]]
    uids = {rule["uid"] for rule in desired}
    others = [rule for uid, rule in remote.items() if uid not in uids and not (prune and uid.startswith(UID_PREFIX))]
    wanted = {**group, "rules": [*desired, *others]}
    why = difference(_by_uid(wanted), _by_uid(current)) if current["rules"] else NEW
    gone = sorted(set(remote) - {rule["uid"] for rule in wanted["rules"]})
    if not why and not gone:
        return Change("rules", group["title"], "keep")
    why = "; ".join(filter(None, (why, f"deletes {', '.join(gone)}" if gone else "")))
    return Change("rules", group["title"], "update" if remote else "create", why, lambda: grafana.put(path, wanted))


def _as_it_is(rule: Json, remote: Json) -> Json:
    """Return a declared rule with the fields that Grafana's users own: the organisation, and whether it is paused."""
    return {**rule, **{name: remote[name] for name in ("orgID", "isPaused") if name in remote}}


def _by_uid(group: Json) -> Json:
    return {"interval": group.get("interval"), "rules": {rule["uid"]: rule for rule in group["rules"]}}


def _contact(grafana: GrafanaHttp, contact: Json) -> Change:
    known = {point.get("uid"): point for point in grafana.get("/v1/provisioning/contact-points") or []}
    remote = known.get(contact["uid"])
    if remote is None:
        return Change("contact point", contact["name"], "create", NEW, lambda: grafana.post("/v1/provisioning/contact-points", contact))
    if remote.get("provenance") == "file":
        return Change("contact point", contact["name"], "keep", FROM_FILES)
    why = difference(contact, remote)
    if why is None:
        return Change("contact point", contact["name"], "keep")
    path = f"/v1/provisioning/contact-points/{contact['uid']}"
    return Change("contact point", contact["name"], "update", why, lambda: grafana.put(path, contact))


def _policies(grafana: GrafanaHttp, receivers: Sequence[str]) -> Change:
    tree = {name: value for name, value in (grafana.get("/v1/provisioning/policies") or {}).items() if name != "provenance"}
    routes = tree.get("routes") or []
    desired = [_route(receiver) for receiver in receivers]
    wanted = {**tree, "routes": [*desired, *(route for route in routes if route.get("receiver") not in receivers)]}
    why = difference(wanted, {**tree, "routes": routes})
    if why is None:
        return Change("notification policies", "ours", "keep")
    return Change("notification policies", "ours", "update", why, lambda: grafana.put("/v1/provisioning/policies", wanted))


def _route(receiver: str) -> Json:
    team = receiver.removeprefix(UID_PREFIX)
    times = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
    return {"receiver": receiver, "object_matchers": [["team", "=", team]], "group_by": ["rule", "grafana_folder", "alertname"], **times}


def _old(title: str, delete: Callable[[], None], *, prune: bool) -> Change:
    if prune:
        return Change("board", title, "delete", "we made it, and no longer have it", delete)
    return Change("board", title, "keep", "we made it, and no longer have it: --prune deletes it")
