"""LiteLLM's standard payload, as its callbacks write it."""

from __future__ import annotations

import json
from typing import Any

from streams.intake.formats import canonical, litellm
from streams.intake.formats.registry import translator
from streams.schema.event import NAMES, check

START = 1_790_000_000.0


def payload(**changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "call_type": "acompletion",
        "startTime": START,
        "endTime": START + 4.0,
        "completionStartTime": START + 1.0,
        "stream": True,
        "status": "success",
        "custom_llm_provider": "openai",
        "model": "large-2026-01",
        "model_group": "large",
        "prompt_tokens": 30,
        "completion_tokens": 7,
        "end_user": "eve",
        "requester_ip_address": "192.0.2.7",
        "user_agent": "curl/8",
        "metadata": {"user_api_key_hash": "k1", "user_api_key_user_id": "u1", "user_api_key_team_id": "t1"},
        "model_parameters": {"temperature": 0.5, "max_tokens": 100, "tools": [{}, {}]},
        "messages": [{"role": "user", "content": "hello"}],
        "response": {
            "choices": [{"finish_reason": "stop"}],
            "usage": {"prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 3}},
        },
        **changes,
    }


def test_a_payload_is_recognised_and_is_no_canonical_event() -> None:
    assert litellm.recognise(payload())
    assert not canonical.recognise(payload())
    assert litellm.recognise({"standard_logging_object": payload()})


def test_every_part_finds_its_canonical_name() -> None:
    event = translator("auto")(payload())
    assert set(event) <= NAMES
    assert check(event) == START
    wanted = {
        "event.id": "chatcmpl-1",
        "account.id": "u1",
        "organization.id": "t1",
        "api_key.id": "k1",
        "user.id": "eve",
        "client.address": "192.0.2.7",
        "gen_ai.request.model": "large",
        "gen_ai.response.model": "large-2026-01",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.response.finish_reasons": "stop",
        "http.response.status_code": 200,
        "http.server.request.duration": 4.0,
        "gen_ai.response.time_to_first_chunk": 1.0,
        "message_count": 1,
        "tool_count": 2,
    }
    assert {name: event[name] for name in wanted} == wanted


def test_what_litellm_did_not_log_stays_unknown() -> None:
    event = litellm.to_canonical({"id": "1", "startTime": START, "call_type": "acompletion", "metadata": {"user_api_key_hash": "k1"}})
    assert event["account.id"] == "k1"
    assert "gen_ai.usage.input_tokens" not in event
    assert "http.response.status_code" not in event


def test_an_answer_that_was_not_streamed_has_no_first_chunk() -> None:
    assert "gen_ai.response.time_to_first_chunk" not in litellm.to_canonical(payload(stream=False))


def test_a_failure_keeps_its_status_code() -> None:
    failed = payload(status="failure", error_information={"error_code": "429"})
    assert litellm.to_canonical(failed)["http.response.status_code"] == 429
    assert litellm.to_canonical(payload(status="failure"))["http.response.status_code"] == 500


def test_the_whole_payload_survives_json() -> None:
    assert litellm.recognise(json.loads(json.dumps(payload())))
