"""LiteLLM's `StandardLoggingPayload`, as its callbacks, Datadog and bucket loggers write it, and the rows of its spend logs.

`trace_id` identifies a conversation; LiteLLM generates it for a client that sends none. A null `stream` is false.
"""

from __future__ import annotations

from typing import Any, Final

from streams.intake.formats.format import (
    Entry,
    at,
    between,
    client_headers,
    computed,
    follow,
    messages,
    parameters,
    table,
    texts,
    tools,
    utc,
)

_REDACTED: Final = frozenset({"redacted-by-litellm", "default-message-value"})
_FAILED: Final = {"success": 200, "failure": 500}
_HEADERS: Final = "metadata/requester_metadata/headers"
_CHAT: Final = frozenset({"completion", "acompletion", "completion_with_retries", "acompletion_with_retries"})


def _recognise(entry: Entry) -> bool:
    return "startTime" in entry and ("call_type" in entry or "model_parameters" in entry)


def _is_request(entry: Entry) -> bool:
    return "mcp" not in str(entry.get("call_type"))


def _status(entry: Entry) -> int | None:
    code = follow(entry, ("error_information", "error_code"))
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:  # noqa: PLR2004  (an HTTP status has three digits)
        return int(code)
    status = entry.get("status")
    return _FAILED.get(status) if isinstance(status, str) else None


def _first_chunk(entry: Entry) -> Any:
    """Return the wait for the first token. LiteLLM sets that time to the end when nothing was streamed."""
    start, end = entry.get("completionStartTime"), entry.get("endTime")
    return _WAIT.read(entry) if entry.get("stream") is True and start != end else None


def _prompt(value: Any) -> Any:
    """Return the messages; unknown where LiteLLM redacted all of them: a caller may write those words in one."""
    prompt = value if type(value) is list else messages(value)
    shown = prompt if type(prompt) is list else [prompt]
    return None if all(_is_redacted(message) for message in shown) else prompt


def _is_redacted(message: Any) -> bool:
    words = messages([message])
    word = words[0] if words else message
    word = word.get("content") if isinstance(word, dict) else word
    return isinstance(word, str) and word in _REDACTED


def _operation(entry: Entry) -> Any:
    kind = entry.get("call_type")
    return "chat" if isinstance(kind, str) and kind in _CHAT else kind


_WAIT = between("startTime", "completionStartTime")
_USAGE = ("response/usage", "metadata/usage_object")
_READ_HEADERS = client_headers(_HEADERS, ordered=True)

FORMAT: Final = table(
    name="litellm",
    title="LiteLLM (callback payload, spend logs, Datadog, buckets)",
    recognise=_recognise,
    keep=_is_request,
    fields={
        "timestamp": at("startTime", unit=utc),
        "event.id": at("litellm_call_id", "request_id", "id"),
        "account.id": at("metadata/user_api_key_user_id", "metadata/user_api_key_team_id", "metadata/user_api_key_hash", "user", "api_key"),
        "organization.id": at("metadata/user_api_key_org_id", "metadata/user_api_key_team_id", "organization_id", "team_id"),
        "api_key.id": at("metadata/user_api_key_hash", "api_key"),
        "user.id": at("end_user", "metadata/user_api_key_end_user_id", "model_parameters/user"),
        "client.address": at("requester_ip_address", "metadata/requester_ip_address"),
        **_READ_HEADERS,
        "user_agent.original": at("user_agent", "metadata/user_agent", f"{_HEADERS}/user-agent"),
        "http.response.status_code": computed("`error_information/error_code`, or 200 and 500 of `status`", _status),
        "http.server.request.duration": between("startTime", "endTime"),
        "gen_ai.response.time_to_first_chunk": computed("`completionStartTime` - `startTime` of a streamed answer", _first_chunk),
        "gen_ai.operation.name": computed("`call_type`", _operation),
        "gen_ai.provider.name": at("custom_llm_provider"),
        "gen_ai.request.model": at("model_group", "model"),
        "gen_ai.response.model": at("model"),
        **parameters("model_parameters"),
        "gen_ai.request.stream": computed("`stream`, false where it is null", lambda e: bool(e["stream"]) if "stream" in e else None),
        "gen_ai.usage.input_tokens": at("prompt_tokens", *(f"{usage}/input_tokens" for usage in _USAGE)),
        "gen_ai.usage.output_tokens": at("completion_tokens", *(f"{usage}/output_tokens" for usage in _USAGE)),
        "gen_ai.usage.cache_read.input_tokens": at(
            *(
                f"{usage}/{name}"
                for usage in _USAGE
                for name in ("prompt_tokens_details/cached_tokens", "input_tokens_details/cached_tokens", "cache_read_input_tokens")
            )
        ),
        "gen_ai.usage.reasoning.output_tokens": at(
            *(f"{usage}/{name}/reasoning_tokens" for usage in _USAGE for name in ("completion_tokens_details", "output_tokens_details"))
        ),
        "gen_ai.response.finish_reasons": at("response/choices/0/finish_reason", "response/incomplete_details/reason", "response/status"),
        "gen_ai.conversation.id": at("metadata/session_id", "session_id", "trace_id"),
        **tools("model_parameters/tools"),
        "prompt": computed("`messages`, unknown where redacted", lambda entry: _prompt(entry.get("messages"))),
        "system_prompt": at("model_parameters/instructions", unit=texts),
    },
)
