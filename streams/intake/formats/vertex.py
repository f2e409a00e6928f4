"""Vertex AI's request-response log, exported from BigQuery: Gemini's, and Claude's, whose payloads are texts of JSON.

The account is a label of the request, else the endpoint.
"""

from __future__ import annotations

from typing import Any, Final

from streams.intake.formats.format import Entry, at, computed, follow, number, table, texts, utc

_CLAUDE: Final = "request_payload"
_CLAUDES_ANSWER: Final = "response_payload"
_CONFIG: Final = "full_request/generationConfig"
_USAGE: Final = ("full_response", "usageMetadata")


def _output(entry: Entry) -> Any:
    """Return the tokens of the answer, with those of thoughts, which Vertex counts separately."""
    usage = follow(entry, _USAGE)
    usage = usage if isinstance(usage, dict) else {}
    answer, thoughts = (number(usage.get(name)) for name in ("candidatesTokenCount", "thoughtsTokenCount"))
    counted = answer + thoughts if type(answer) is int and type(thoughts) is int else answer
    return counted if counted is not None else follow(entry, (_CLAUDES_ANSWER, "usage", "output_tokens"))


def _streamed(entry: Entry) -> bool | None:
    method = entry.get("api_method")
    return method.startswith("stream") if isinstance(method, str) else None


def _named(entry: Entry) -> bool:
    return "logging_time" in entry and ("full_request" in entry or "request_payload" in entry)


FORMAT: Final = table(
    name="vertex",
    title="Vertex AI (request-response log of BigQuery)",
    recognise=_named,
    fields={
        "timestamp": at("logging_time", unit=utc),
        "event.id": at("request_id"),
        "account.id": at("full_request/labels/account_id", "endpoint"),
        "gen_ai.operation.name": at("api_method"),
        "gen_ai.provider.name": computed("gcp.vertex_ai", lambda _entry: "gcp.vertex_ai"),
        "gen_ai.request.model": at("model"),
        "gen_ai.response.model": at("full_response/modelVersion", f"{_CLAUDES_ANSWER}/model", "model_version"),
        "gen_ai.request.stream": computed("whether `api_method` begins with stream", _streamed),
        "gen_ai.request.temperature": at(f"{_CONFIG}/temperature", f"{_CLAUDE}/temperature"),
        "gen_ai.request.top_p": at(f"{_CONFIG}/topP", f"{_CLAUDE}/top_p"),
        "gen_ai.request.max_tokens": at(f"{_CONFIG}/maxOutputTokens", f"{_CLAUDE}/max_tokens"),
        "gen_ai.request.seed": at(f"{_CONFIG}/seed"),
        "gen_ai.request.choice.count": at(f"{_CONFIG}/candidateCount"),
        "gen_ai.usage.input_tokens": at("full_response/usageMetadata/promptTokenCount", f"{_CLAUDES_ANSWER}/usage/input_tokens"),
        "gen_ai.usage.output_tokens": computed("`candidatesTokenCount` + `thoughtsTokenCount`, Claude's `usage/output_tokens`", _output),
        "gen_ai.usage.cache_read.input_tokens": at(
            "full_response/usageMetadata/cachedContentTokenCount", f"{_CLAUDES_ANSWER}/usage/cache_read_input_tokens"
        ),
        "gen_ai.usage.reasoning.output_tokens": at("full_response/usageMetadata/thoughtsTokenCount"),
        "gen_ai.response.finish_reasons": at("full_response/candidates/0/finishReason", f"{_CLAUDES_ANSWER}/stop_reason"),
        "prompt": at("full_request/contents", f"{_CLAUDE}/messages"),
        "system_prompt": at("full_request/systemInstruction", f"{_CLAUDE}/system", unit=texts),
    },
)
