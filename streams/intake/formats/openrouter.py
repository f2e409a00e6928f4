"""OpenRouter's generation records. Token counts are the model's own (`native_...`), not the normalised ones."""

from __future__ import annotations

from typing import Final

from streams.intake.formats.format import Entry, at, milliseconds, table


def _recognise(entry: Entry) -> bool:
    return "native_tokens_completion" in entry or ("generation_time" in entry and "provider_name" in entry)


FORMAT: Final = table(
    name="openrouter",
    title="OpenRouter (generation record)",
    recognise=_recognise,
    fields={
        "timestamp": at("created_at"),
        "event.id": at("id"),
        "account.id": at("app_id"),
        "user.id": at("external_user"),
        "user_agent.original": at("user_agent"),
        "http.response.status_code": at("provider_responses/0/status"),
        "http.server.request.duration": at("latency", unit=milliseconds),
        "gen_ai.operation.name": at("api_type"),
        "gen_ai.provider.name": at("provider_name"),
        "gen_ai.request.model": at("router", "model"),
        "gen_ai.response.model": at("model"),
        "gen_ai.request.stream": at("streamed"),
        "gen_ai.usage.input_tokens": at("native_tokens_prompt", "tokens_prompt"),
        "gen_ai.usage.output_tokens": at("native_tokens_completion", "tokens_completion"),
        "gen_ai.usage.cache_read.input_tokens": at("native_tokens_cached"),
        "gen_ai.usage.reasoning.output_tokens": at("native_tokens_reasoning"),
        "gen_ai.response.finish_reasons": at("finish_reason", "native_finish_reason"),
    },
)
