"""Helicone's requests, as its export writes them. The account is the user that the site names in `Helicone-User-Id`."""

from __future__ import annotations

from typing import Any, Final

from streams.intake.formats.format import at, milliseconds, number, parameters, table, tools

_BODY: Final = "request_body"


def _http_status(value: Any) -> Any:
    """Return an HTTP status; unknown for Helicone's own codes, which are below zero."""
    status = number(value)
    return None if type(status) is int and status < 0 else status


FORMAT: Final = table(
    name="helicone",
    title="Helicone (request export)",
    recognise=lambda entry: "request_created_at" in entry and "request_id" in entry,
    fields={
        "timestamp": at("request_created_at"),
        "event.id": at("request_id"),
        "account.id": at("request_properties/account_id", "request_user_id"),
        "user.id": at("request_user_id"),
        "client.geo.country_iso_code": at("country_code"),
        "http.response.status_code": at("response_status", unit=_http_status),
        "http.server.request.duration": at("delay_ms", unit=milliseconds),
        "gen_ai.response.time_to_first_chunk": at("time_to_first_token", unit=milliseconds),
        "gen_ai.operation.name": at("request_path"),
        "gen_ai.provider.name": at("provider"),
        "gen_ai.request.model": at("request_model", "model_override"),
        "gen_ai.response.model": at("response_model"),
        **parameters(_BODY),
        "gen_ai.usage.input_tokens": at("prompt_tokens"),
        "gen_ai.usage.output_tokens": at("completion_tokens"),
        "gen_ai.usage.cache_read.input_tokens": at("prompt_cache_read_tokens"),
        **tools(f"{_BODY}/tools"),
        "prompt": at(f"{_BODY}/messages", f"{_BODY}/input"),
        "system_prompt": at(f"{_BODY}/instructions"),
    },
)
