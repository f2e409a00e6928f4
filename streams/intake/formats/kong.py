"""Kong AI Gateway: the JSON that its logging plugins write, with `ai.proxy`, or the plugin's own name in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from streams.intake.formats.format import Entry, Source, at, client_headers, computed, milliseconds, parameters, table, tools

_PAYLOAD: Final = "payload/request"


def _plugin(entry: Entry) -> Any:
    """Return the AI plugin's object: under `proxy`, or the only object with a description."""
    ai = entry.get("ai")
    if not isinstance(ai, dict):
        return None
    parts = [part for part in ai.values() if isinstance(part, dict) and "meta" in part]
    return ai.get("proxy") or (parts[0] if len(parts) == 1 else None)


def _from_plugin(*paths: str, unit: Any = None) -> Any:
    inner = at(*paths, unit=unit)
    described = inner.described.replace("`", "`ai/proxy/", 1)
    return computed(described, lambda entry: inner.read(_plugin(entry) or {}))


def _payload(paths: Mapping[str, Source]) -> dict[str, Source]:
    """Read fields of the logged payload, which older versions write beside the plugin's part."""
    return {
        name: computed(source.described.replace("payload/request/", "ai/proxy/payload/request/"), _either(source))
        for name, source in paths.items()
    }


def _either(source: Source) -> Any:
    def read(entry: Entry) -> Any:
        value = source.read(_plugin(entry) or {})
        beside = entry.get("ai")
        return value if value is not None else source.read(beside if isinstance(beside, dict) else {})

    return read


_MODES: Final = {"stream": True, "oneshot": False, "realtime": True}


def _streamed(mode: Any) -> bool | None:
    return _MODES.get(mode) if isinstance(mode, str) else None


FORMAT: Final = table(
    name="kong",
    title="Kong AI Gateway (file-log, http-log)",
    recognise=lambda entry: "started_at" in entry and isinstance(entry.get("ai"), dict),
    keep=lambda entry: _plugin(entry) is not None,
    fields={
        "timestamp": at("started_at"),
        "event.id": at("request/id"),
        "account.id": at("consumer/id", "consumer/username", "consumer/custom_id"),
        "organization.id": at("workspace", "workspace_name"),
        "api_key.id": at("authenticated_entity/id"),
        "client.address": at("client_ip"),
        **client_headers("request/headers", ordered=False),
        "http.response.status_code": at("response/status", "upstream_status"),
        "http.server.request.duration": at("latencies/request", unit=milliseconds),
        "gen_ai.response.time_to_first_chunk": _from_plugin("usage/time_to_first_token", unit=milliseconds),
        "gen_ai.operation.name": at("request/uri"),
        "gen_ai.provider.name": _from_plugin("meta/provider_name"),
        "gen_ai.request.model": _from_plugin("meta/request_model"),
        "gen_ai.response.model": _from_plugin("meta/response_model"),
        "gen_ai.usage.input_tokens": _from_plugin("usage/prompt_tokens", "usage/input_tokens"),
        "gen_ai.usage.output_tokens": _from_plugin("usage/completion_tokens", "usage/output_tokens"),
        "gen_ai.usage.cache_read.input_tokens": _from_plugin("usage/prompt_tokens_details/cached_tokens"),
        "gen_ai.usage.reasoning.output_tokens": _from_plugin("usage/completion_tokens_details/reasoning_tokens"),
        **_payload(parameters(_PAYLOAD) | tools(f"{_PAYLOAD}/tools") | {"user.id": at(f"{_PAYLOAD}/user")}),
        "gen_ai.request.stream": _from_plugin("meta/request_mode", unit=_streamed),
        **_payload({"prompt": at(f"{_PAYLOAD}/messages", f"{_PAYLOAD}/input", f"{_PAYLOAD}/prompt")}),
    },
)
