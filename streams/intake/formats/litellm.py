"""LiteLLM's `StandardLoggingPayload`, as its logging callbacks write it (one object a call, or under `standard_logging_object`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NAME: Final = "litellm"

_SAME_UNDER = (
    ("temperature", "gen_ai.request.temperature"),
    ("top_p", "gen_ai.request.top_p"),
    ("max_tokens", "gen_ai.request.max_tokens"),
    ("max_completion_tokens", "gen_ai.request.max_tokens"),
    ("seed", "gen_ai.request.seed"),
    ("n", "gen_ai.request.choice.count"),
    ("top_logprobs", "gen_ai.request.top_logprobs"),
)
_FAILED = 500


def recognise(found: dict[str, Any]) -> bool:
    """Tell whether an object is LiteLLM's: its camel-case start time beside a call type."""
    payload = _object(found, "standard_logging_object") or found
    return "startTime" in payload and ("call_type" in payload or "model_parameters" in payload)


def to_canonical(found: dict[str, Any]) -> dict[str, Any]:
    """Translate a payload. The account is LiteLLM's user of the key, else its team, else the key's hash."""
    payload = _object(found, "standard_logging_object") or found
    event = {**_who(payload), **_asked(payload), **_came_out(payload)}
    return {name: value for name, value in event.items() if value is not None}


def _who(payload: Mapping[str, Any]) -> dict[str, Any]:
    meta = _object(payload, "metadata")
    team, key = meta.get("user_api_key_team_id"), meta.get("user_api_key_hash")
    return {
        "timestamp": payload.get("startTime"),
        "event.id": payload.get("id"),
        "account.id": meta.get("user_api_key_user_id") or team or key,
        "organization.id": meta.get("user_api_key_org_id") or team,
        "api_key.id": key,
        "user.id": payload.get("end_user") or None,
        "client.address": payload.get("requester_ip_address") or meta.get("requester_ip_address"),
        "user_agent.original": payload.get("user_agent") or meta.get("user_agent"),
        "gen_ai.conversation.id": meta.get("session_id"),
    }


def _asked(payload: Mapping[str, Any]) -> dict[str, Any]:
    given = _object(payload, "model_parameters")
    messages = payload.get("messages")
    tools = given.get("tools")
    parameters = {ours: given.get(theirs) for theirs, ours in _SAME_UNDER if given.get(theirs) is not None}
    return {
        **parameters,
        "gen_ai.operation.name": payload.get("call_type"),
        "gen_ai.provider.name": payload.get("custom_llm_provider"),
        "gen_ai.request.model": payload.get("model_group") or payload.get("model"),
        "gen_ai.response.model": payload.get("model"),
        "gen_ai.request.stream": payload.get("stream"),
        "prompt": messages.get("messages") if isinstance(messages, dict) else messages,
        "message_count": len(messages) if isinstance(messages, list) else None,
        "tool_count": len(tools) if isinstance(tools, list) else None,
    }


def _came_out(payload: Mapping[str, Any]) -> dict[str, Any]:
    response = _object(payload, "response")
    usage = _object(response, "usage") or _object(_object(payload, "metadata"), "usage_object")
    failure = _object(payload, "error_information").get("error_code")
    return {
        "http.response.status_code": _status(payload.get("status"), failure),
        "http.server.request.duration": _between(payload.get("startTime"), payload.get("endTime")),
        "gen_ai.response.time_to_first_chunk": _first_chunk(payload),
        "gen_ai.usage.input_tokens": payload.get("prompt_tokens"),
        "gen_ai.usage.output_tokens": payload.get("completion_tokens"),
        "gen_ai.usage.cache_read.input_tokens": _object(usage, "prompt_tokens_details").get("cached_tokens"),
        "gen_ai.usage.reasoning.output_tokens": _object(usage, "completion_tokens_details").get("reasoning_tokens"),
        "gen_ai.response.finish_reasons": _finish(response.get("choices")),
    }


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _status(status: object, code: object) -> int | None:
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:  # noqa: PLR2004  (an HTTP status has three digits)
        return int(code)
    return {"success": 200, "failure": _FAILED}.get(status) if isinstance(status, str) else None


def _first_chunk(payload: Mapping[str, Any]) -> float | None:
    """Return the wait for the first token; LiteLLM sets the time to the end when nothing was streamed."""
    if payload.get("stream") is not True:
        return None
    return _between(payload.get("startTime"), payload.get("completionStartTime"))


def _between(start: object, end: object) -> float | None:
    if not isinstance(start, (int, float)) or not isinstance(end, (int, float)):
        return None
    return max(0.0, end - start)


def _finish(choices: object) -> str | None:
    first = choices[0] if isinstance(choices, list) and choices else None
    reason = first.get("finish_reason") if isinstance(first, dict) else None
    return reason if isinstance(reason, str) else None
