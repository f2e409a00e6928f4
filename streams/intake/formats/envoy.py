"""Envoy AI Gateway's access log: Envoy's own names beside `gen_ai.*` from the gateway's dynamic metadata.

Which names appear is the operator's choice (`EnvoyProxy` resource); numbers may be texts, and what is unknown may be `-`. Canonical names
in the log are taken as they are: add `account.id`, which no default log has, as in `"account.id": "%REQ(X-ACCOUNT-ID)%"`.
"""

from __future__ import annotations

from typing import Any, Final

from streams.schema.event import FIELDS, NAMES

NAME: Final = "envoy"

_OURS: Final = {
    "start_time": "timestamp",
    "x-request-id": "event.id",
    "x-account-id": "account.id",
    "x-organization-id": "organization.id",
    "x-user-id": "user.id",
    "user-agent": "user_agent.original",
    "response_code": "http.response.status_code",
    "session.id": "gen_ai.conversation.id",
    "gen_ai.usage.cached_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "connection_id": "connection.id",
    "protocol": "network.protocol.version",
}
_NUMBERS = frozenset(field.wire for field in FIELDS if field.kind in {"number", "set"})
_TEXTS = frozenset(field.wire for field in FIELDS if field.kind in {"text", "pseudonym"})
_UNKNOWN = (None, "", "-")


def recognise(found: dict[str, Any]) -> bool:
    """Tell whether an object is an access log: Envoy's start time and response code, or upstream cluster."""
    return "start_time" in found and ("response_code" in found or "upstream_cluster" in found)


def to_canonical(found: dict[str, Any]) -> dict[str, Any]:
    """Translate one access-log object."""
    event: dict[str, Any] = {}
    for name, value in found.items():
        ours = _OURS.get(name, name)
        if ours in NAMES and value not in _UNKNOWN:
            event[ours] = _typed(ours, value)
    event.setdefault("client.address", _client(found))
    if "duration" in found:
        event.setdefault("http.server.request.duration", _seconds(found["duration"]))
    if isinstance(version := event.get("network.protocol.version"), str):
        event["network.protocol.version"] = version.removeprefix("HTTP/")
    return {name: value for name, value in event.items() if value is not None}


def _typed(name: str, value: Any) -> Any:
    """Give a value the type that its field has: Envoy writes some numbers as texts, and some identifiers as numbers."""
    if name in _NUMBERS and isinstance(value, str):
        return _number(value)
    return str(value) if name in _TEXTS and type(value) is int else value


def _number(value: str) -> float | str:
    """Return a text as a number; a text that is none stays one, and is refused as wrong_type."""
    try:
        return float(value) if not value.lstrip("-").isdecimal() else int(value)
    except ValueError:
        return value


def _client(found: dict[str, Any]) -> str | None:
    """Return the first address that a proxy was told, else the peer's."""
    told = found.get("x-forwarded-for")
    if isinstance(told, str) and told not in _UNKNOWN:
        return told.partition(",")[0]
    peer = found.get("downstream_remote_address")
    return peer if isinstance(peer, str) and peer not in _UNKNOWN else None


def _seconds(duration: Any) -> float | str | None:
    """Envoy's duration is in milliseconds."""
    value = _number(duration) if isinstance(duration, str) and duration not in _UNKNOWN else duration
    return value / 1000.0 if isinstance(value, (int, float)) else None
