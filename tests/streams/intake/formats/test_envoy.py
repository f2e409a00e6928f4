"""Envoy AI Gateway's access log."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.errors import MalformedEventError, SettingsError
from streams.intake.formats import envoy
from streams.intake.formats.registry import translator
from streams.schema.event import NAMES, check


def log(**changes: Any) -> dict[str, Any]:
    return {
        "start_time": "2026-09-21T13:46:40.000Z",
        "x-request-id": "r1",
        "x-account-id": "a1",
        "response_code": 200,
        "duration": "1500",
        "user-agent": "curl/8",
        "x-forwarded-for": "192.0.2.7, 10.0.0.1",
        "downstream_remote_address": "10.0.0.1:4711",
        "upstream_cluster": "models",
        "protocol": "HTTP/2",
        "gen_ai.request.model": "large",
        "gen_ai.response.model": "-",
        "gen_ai.usage.input_tokens": "30",
        "gen_ai.usage.output_tokens": 7,
        "session.id": None,
        **changes,
    }


def test_every_part_finds_its_canonical_name() -> None:
    event = translator("auto")(log())
    assert set(event) <= NAMES
    assert check(event) == 1_789_998_400.0
    assert event == {
        "timestamp": "2026-09-21T13:46:40.000Z",
        "event.id": "r1",
        "account.id": "a1",
        "http.response.status_code": 200,
        "http.server.request.duration": 1.5,
        "user_agent.original": "curl/8",
        "client.address": "192.0.2.7",
        "network.protocol.version": "2",
        "gen_ai.request.model": "large",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 7,
    }


def test_without_a_proxy_the_peer_is_the_client() -> None:
    assert envoy.to_canonical(log(**{"x-forwarded-for": "-"}))["client.address"] == "10.0.0.1:4711"


def test_canonical_names_in_the_log_are_taken_as_they_are() -> None:
    event = envoy.to_canonical(log(**{"account.id": "a9", "x-account-id": None, "client.as.number": "13335"}))
    assert event["account.id"] == "a9"
    assert event["client.as.number"] == 13335


def test_a_number_that_is_none_is_refused_and_not_unknown() -> None:
    with pytest.raises(MalformedEventError, match="wrong_type"):
        check(envoy.to_canonical(log(**{"gen_ai.usage.input_tokens": "many"})))


def test_a_log_without_an_account_says_what_is_missing() -> None:
    with pytest.raises(MalformedEventError, match=r"account\.id is missing"):
        check(translator("auto")(log(**{"x-account-id": "-"})))


def test_a_format_is_chosen_by_name_and_an_unknown_name_lists_the_names() -> None:
    assert translator("envoy") is envoy.to_canonical
    with pytest.raises(SettingsError, match="auto, canonical, litellm, envoy"):
        translator("kong")
