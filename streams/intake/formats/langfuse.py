"""Langfuse's observations, of its export and of its API. Only generations are requests; times without an offset are UTC.

Cached and reasoning tokens are counted beside input and output there, and are added to them here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from streams.intake.formats.format import Entry, at, between, computed, follow, number, parameters, table, utc

_FAILED_STATUS: Final = 500
_CACHED: Final = ("input_cached_tokens", "cache_read_input_tokens")
_REASONING: Final = ("output_reasoning_tokens", "reasoning_tokens")


def _usage(entry: Entry, *names: str) -> Any:
    usages = (follow(entry, (name,)) for name in ("usage_details", "usageDetails", "usage"))
    return next((number(each[name]) for each in usages if isinstance(each, dict) for name in names if each.get(name) is not None), None)


def _with(whole: str, parts: tuple[str, ...]) -> Callable[[Entry], Any]:
    def read(entry: Entry) -> Any:
        first, further = _usage(entry, whole), _usage(entry, *parts)
        return first + further if type(first) is int and type(further) is int else first

    return read


def _status(entry: Entry) -> int | None:
    return _FAILED_STATUS if entry.get("level") == "ERROR" else None


def _first_known(*names: str) -> Callable[[Entry], Any]:
    pairs = [between(start, name) for start, name in zip(("start_time", "startTime"), names, strict=True)]
    return lambda entry: next((value for pair in pairs if (value := pair.read(entry)) is not None), None)


_PARAMETERS = {
    name: at(*(word.strip("`") for each in (old, new) for word in each.described.split(" or ")))
    for (name, old), new in zip(parameters("model_parameters").items(), parameters("modelParameters").values(), strict=True)
}

FORMAT: Final = table(
    name="langfuse",
    title="Langfuse (observations, export and API)",
    recognise=lambda entry: (
        ("trace_id" in entry or "traceId" in entry) and "type" in entry and ("start_time" in entry or "startTime" in entry)
    ),
    keep=lambda entry: entry.get("type") == "GENERATION",
    fields={
        "timestamp": at("start_time", "startTime", unit=utc),
        "event.id": at("id"),
        "account.id": at("user_id", "userId", "project_id", "projectId"),
        "gen_ai.conversation.id": at("session_id", "sessionId"),
        "http.response.status_code": computed("500 where `level` is ERROR", _status),
        "http.server.request.duration": computed("`end_time` - `start_time`", _first_known("end_time", "endTime")),
        "gen_ai.response.time_to_first_chunk": computed(
            "`completion_start_time` - `start_time`", _first_known("completion_start_time", "completionStartTime")
        ),
        "gen_ai.request.model": at("provided_model_name", "model"),
        **_PARAMETERS,
        "gen_ai.usage.input_tokens": computed("`usage_details/input` + cached", _with("input", _CACHED)),
        "gen_ai.usage.output_tokens": computed("`usage_details/output` + reasoning", _with("output", _REASONING)),
        "gen_ai.usage.cache_read.input_tokens": computed("`usage_details/input_cached_tokens`", lambda entry: _usage(entry, *_CACHED)),
        "gen_ai.usage.reasoning.output_tokens": computed(
            "`usage_details/output_reasoning_tokens`", lambda entry: _usage(entry, *_REASONING)
        ),
        "prompt": at("input"),
    },
)
