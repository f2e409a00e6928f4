"""Portkey's log export. The account is the organisation that the site names in the request's metadata, else its user."""

from __future__ import annotations

from typing import Any, Final

from streams.intake.formats.format import at, milliseconds, parameters, table, tools

_BODY: Final = "request/body"
_USAGE: Final = "response/body/usage"
_FLAGS: Final = {"TRUE": True, "FALSE": False}


def _flag(value: Any) -> Any:
    return _FLAGS.get(value.upper()) if isinstance(value, str) else value


FORMAT: Final = table(
    name="portkey",
    title="Portkey (log export)",
    recognise=lambda entry: "created_at" in entry and "req_units" in entry,
    fields={
        "timestamp": at("created_at"),
        "event.id": at("id", "trace_id"),
        "account.id": at("metadata/account_id", "metadata/organization", "metadata/_user"),
        "organization.id": at("metadata/organization"),
        "user.id": at("metadata/_user"),
        "http.response.status_code": at("response_status_code", "response/status"),
        "http.server.request.duration": at("response_time", unit=milliseconds),
        "gen_ai.operation.name": at("request_url"),
        "gen_ai.provider.name": at("ai_org"),
        "gen_ai.request.model": at("ai_model"),
        "gen_ai.response.model": at("response/body/model"),
        **parameters(_BODY),
        "gen_ai.request.stream": at("stream_mode", f"{_BODY}/stream", unit=_flag),
        "gen_ai.usage.input_tokens": at("req_units"),
        "gen_ai.usage.output_tokens": at("res_units"),
        "gen_ai.usage.cache_read.input_tokens": at(f"{_USAGE}/prompt_tokens_details/cached_tokens"),
        "gen_ai.usage.reasoning.output_tokens": at(f"{_USAGE}/completion_tokens_details/reasoning_tokens"),
        "gen_ai.response.finish_reasons": at("response/body/choices/0/finish_reason"),
        **tools(f"{_BODY}/tools"),
        "prompt": at(f"{_BODY}/messages", f"{_BODY}/input"),
        "system_prompt": at(f"{_BODY}/instructions"),
    },
)
