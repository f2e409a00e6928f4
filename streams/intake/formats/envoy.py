"""Envoy AI Gateway's access log: Envoy's own names beside `gen_ai.*` from the gateway's dynamic metadata.

Which names appear is the operator's choice (`EnvoyProxy` resource); numbers may be texts, and what is unknown may be `-`. Canonical names
in the log are taken as they are: add `account.id`, which no default log has, as in `"account.id": "%REQ(X-ACCOUNT-ID)%"`. Lines of MCP and
of other upstreams (Istio and Higress write the same names) have no model and no `gen_ai` name: Istio's are not recognised, MCP's are not
requests.
"""

from __future__ import annotations

from typing import Any, Final

from streams.intake.formats.format import UNKNOWN, Entry, at, computed, milliseconds, table
from streams.schema.event import FIELDS

_CANONICAL: Final = {field.wire: at(field.wire) for field in FIELDS if field.kind not in {"prompt", "sketch"}}

_AI_PREFIXES: Final = ("gen_ai.", "mcp.", "account.id", "x-account-id")


def _recognise(entry: Entry) -> bool:
    if "start_time" not in entry or not ("response_code" in entry or "upstream_cluster" in entry):
        return False
    return "ai_log" not in entry and any(name.startswith(_AI_PREFIXES) for name in entry)


def _is_request(entry: Entry) -> bool:
    return all(entry.get(name) in UNKNOWN for name in ("mcp.method.name", "jsonrpc.request.id"))


def _client(entry: Entry) -> Any:
    """Return the first forwarded address, else the peer's."""
    forwarded = entry.get("x-forwarded-for")
    if isinstance(forwarded, str) and forwarded not in UNKNOWN:
        return forwarded.partition(",")[0]
    peer = entry.get("downstream_remote_address")
    return peer if peer not in UNKNOWN else None


def _version(value: Any) -> Any:
    return value.removeprefix("HTTP/") if isinstance(value, str) else None


def _seconds(entry: Entry) -> Any:
    given = entry.get("http.server.request.duration")
    return given if given not in UNKNOWN else _DURATION.read(entry)


_DURATION = at("duration", unit=milliseconds)

FORMAT: Final = table(
    name="envoy",
    title="Envoy AI Gateway (access log)",
    recognise=_recognise,
    keep=_is_request,
    fields={
        **_CANONICAL,
        "timestamp": at("start_time", "timestamp"),
        "event.id": at("event.id", "x-request-id"),
        "account.id": at("account.id", "x-account-id"),
        "organization.id": at("organization.id", "x-organization-id"),
        "user.id": at("user.id", "x-user-id"),
        "client.address": computed("the last trusted hop of `x-forwarded-for`, else `downstream_remote_address`", _client),
        "user_agent.original": at("user_agent.original", "user-agent"),
        "connection.id": at("connection.id", "connection_id"),
        "network.protocol.version": at("network.protocol.version", "protocol", unit=_version),
        "http.response.status_code": at("http.response.status_code", "response_code"),
        "http.server.request.duration": computed("`duration` (milliseconds)", _seconds),
        "gen_ai.operation.name": at("gen_ai.operation.name", "x-envoy-origin-path"),
        "gen_ai.usage.cache_read.input_tokens": at("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cached_input_tokens"),
        "gen_ai.usage.reasoning.output_tokens": at("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
        "gen_ai.conversation.id": at("gen_ai.conversation.id", "session.id"),
    },
)
