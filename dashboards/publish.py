"""Publishing boards and rules to a Grafana. It is idempotent: the second time changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import orjson

from dashboards.board import boards
from dashboards.grafana_diff import Change, Release, differences
from dashboards.grafana_http import OLDEST, TOKEN_ADVICE, GrafanaError, GrafanaHttp
from dashboards.query import DATASOURCE, PLUGIN, PLUGIN_VERSION, Json
from dashboards.rule import UID_PREFIX
from dashboards.rules import FOLDER, GROUPS, files, group
from streams.core.errors import HydrometerError

_CREATE: Final = "create the folder"
_CONTACT: Final = "set contact points"
_ROUTE: Final = "set notification policies"
_PROVENANCE: Final = "alert.provisioning.provenance:write"
_NOTIFY: Final = [{"alert.provisioning:write"}, {"alert.notifications.provisioning:write"}, {"alert.notifications:write", _PROVENANCE}]
NEEDED: Final[Mapping[str, Sequence[set[str]]]] = {
    _CREATE: [{"folders:create"}],
    "save boards": [{"dashboards:create", "dashboards:write"}],
    "set alert rules": [
        {"alert.provisioning:write"},
        {"alert.rules.provisioning:write"},
        {"alert.rules:create", "alert.rules:write", _PROVENANCE},
    ],
    _CONTACT: [*_NOTIFY, {"alert.notifications.receivers:create", "alert.notifications.receivers:write", _PROVENANCE}],
    _ROUTE: [*_NOTIFY, {"alert.notifications.routes:write", _PROVENANCE}],
}
"""What publishing does, and the sets of Grafana's actions of which one is needed for it (`GET /api/access-control/user/permissions`)."""


class ContactError(HydrometerError):
    """A contact point is not written as TEAM=KIND:TARGET."""


def release(contacts: Sequence[str] = ()) -> Release:
    """Return all boards, the runbooks' too, and all rules, as declared. `contacts` are written as `soc=webhook:https://...`."""
    made = [*(board.render() for board in boards().values()), *files().values()]
    return Release(
        orjson.loads(orjson.dumps(made)), [group(team) for team in GROUPS], [contact(text_of_contact) for text_of_contact in contacts]
    )


def contact(text: str) -> Json:
    """Return a contact point from TEAM=KIND:TARGET, as `oncall=email:oncall@example.com`. Raises ContactError, without the target."""
    match = re.fullmatch(r"(\w+)=(webhook|email):(\S+)", text)
    if not match or match[1] not in GROUPS:
        raise ContactError(f"a contact is written as TEAM=KIND:TARGET, TEAM {' or '.join(GROUPS)}, KIND webhook or email")
    settings = {"url": match[3]} if match[2] == "webhook" else {"addresses": match[3]}
    name = f"{UID_PREFIX}{match[1]}"
    return {"uid": name, "name": name, "type": match[2], "settings": settings, "disableResolveMessage": False}


def publish(grafana: GrafanaHttp, wanted: Release, *, prune: bool = False, policies: bool = False) -> Iterator[Change]:
    """Check the Grafana, then yield each change after it was applied; what is kept is yielded too.

    With `prune`, what is no longer wanted is removed; with `policies`, alerts are routed to their teams. Raises GrafanaError.
    """
    check(grafana, contacts=bool(wanted.contacts), policies=policies)
    for change in differences(grafana, wanted, prune=prune, policies=policies):
        yield change.apply()


def check(grafana: GrafanaHttp, *, contacts: bool = False, policies: bool = False) -> list[str]:
    """Return one sentence per check that passed: Grafana's version, the token's rights, the data source and its plugin.

    The rights are those that publishing needs: with `contacts` for contact points too, with `policies` for notification policies.
    Raises GrafanaError, which says what to do, about the first that is not.
    """
    unasked = {what for what, asked in {_CONTACT: contacts, _ROUTE: policies}.items() if not asked}
    return [_version(grafana), _rights(grafana, unasked), _data_source(grafana)]


def _version(grafana: GrafanaHttp) -> str:
    health = grafana.get("/health") or {}
    match = re.match(r"(\d+)\.(\d+)", str(health.get("version", "")))
    if match and (int(match[1]), int(match[2])) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise GrafanaError(f"this Grafana is {health['version']}: the ClickHouse plugin {PLUGIN_VERSION} needs {needed} or newer")
    return f"Grafana {health['version']}" if match else "a Grafana of unknown version"


def _rights(grafana: GrafanaHttp, unasked: set[str]) -> str:
    """Return that the token has every right of NEEDED but the `unasked`, and the folder's if it exists. Raises GrafanaError."""
    actions = set(grafana.get("/access-control/user/permissions") or {})
    done = {_CREATE} if grafana.find(f"/folders/{FOLDER}") else set()
    needed = {what: any_of for what, any_of in NEEDED.items() if what not in unasked | done}
    missing = [what for what, any_of in needed.items() if not any(all_of <= actions for all_of in any_of)]
    if missing:
        raise GrafanaError(f"this token may not {', '.join(missing)}: {TOKEN_ADVICE}", HTTPStatus.FORBIDDEN)
    return "the token may publish"


def _data_source(grafana: GrafanaHttp) -> str:
    uid = DATASOURCE["uid"]
    try:
        _right_kind(grafana.get(f"/datasources/uid/{uid}"), uid)
        _answering(grafana, uid)
    except GrafanaError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return f"the data source {uid} is hidden from this token: open a board to see whether it answers"
        raise
    return f"the data source {uid} answers"


def _right_kind(source: Json | None, uid: str) -> None:
    if source is None:
        raise GrafanaError(f"the data source with the uid {uid} is missing: create one of the type {PLUGIN}, as deploy/grafana does")
    if source["type"] != PLUGIN:
        raise GrafanaError(f"the data source {uid} is of the type {source['type']}: it must be {PLUGIN}")


def _answering(grafana: GrafanaHttp, uid: str) -> None:
    missing = f"the plugin {PLUGIN} is missing: run `grafana cli plugins install {PLUGIN} {PLUGIN_VERSION}`, and restart Grafana"
    try:
        answer = grafana.get(f"/datasources/uid/{uid}/health")
    except GrafanaError as error:
        if error.status == HTTPStatus.FORBIDDEN:
            raise
        if "plugin" in str(error).lower():
            raise GrafanaError(missing, error.status) from error
        raise GrafanaError(f"the data source {uid} does not reach ClickHouse: {error}", error.status) from error
    if answer is None:  # the data source exists, so the plugin is missing
        raise GrafanaError(missing)
