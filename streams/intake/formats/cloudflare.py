"""Cloudflare AI Gateway: Logpush's `ai_gateway_events`, and the log of its REST interface and of Workers.

The account is in the request's metadata, where the site sets `account_id`, `userId` or `user_id`. Logpush has no event id: it is made
of the fields that distinguish two events.
"""

from __future__ import annotations

from typing import Any, Final

from streams.intake.formats.format import Entry, at, computed, digest, milliseconds, table

_IDENTIFYING_FIELDS: Final = ("Timestamp", "Metadata", "Metrics", "Model", "Endpoint", "StatusCode")


def _recognise(entry: Entry) -> bool:
    pushed = "Timestamp" in entry and "Gateway" in entry
    return pushed or ("tokens_in" in entry and "created_at" in entry)


def _id(entry: Entry) -> Any:
    return entry.get("id") or digest({name: entry.get(name) for name in _IDENTIFYING_FIELDS} if "Timestamp" in entry else None)


_METADATA = [f"{where}/{key}" for where in ("Metadata", "metadata") for key in ("account_id", "accountId", "user_id", "userId", "user")]

FORMAT: Final = table(
    name="cloudflare",
    title="Cloudflare AI Gateway (Logpush, REST)",
    recognise=_recognise,
    fields={
        "timestamp": at("Timestamp", "created_at"),
        "event.id": computed("`id`, else made of `Timestamp`, `Metadata`, `Metrics` and others", _id, "id"),
        "account.id": at(*_METADATA),
        "organization.id": at("Gateway"),
        "http.response.status_code": at("StatusCode", "status_code"),
        "http.server.request.duration": at("Metrics/durationMs", "duration", unit=milliseconds),
        "gen_ai.operation.name": at("Endpoint", "path", "model_type"),
        "gen_ai.provider.name": at("Provider", "provider"),
        "gen_ai.request.model": at("RequestedModel", "Model", "model"),
        "gen_ai.response.model": at("Model", "model"),
        "gen_ai.usage.input_tokens": at("tokens_in"),
        "gen_ai.usage.output_tokens": at("tokens_out"),
    },
)
