"""Envoy AI Gateway's access log: what the samples do not show."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streams.core.errors import MalformedEventError
from streams.intake.formats.envoy import FORMAT
from streams.intake.formats.registry import reader
from streams.schema.event import Event, check


def log(**changes: Any) -> Event:
    return {
        "start_time": "2026-09-21T13:46:40.000Z",
        "x-request-id": "r1",
        "x-account-id": "a1",
        "response_code": 200,
        "gen_ai.usage.input_tokens": "30",
        "downstream_remote_address": "10.0.0.1:4711",
        **changes,
    }


def read(**changes: Any) -> Event:
    (event,) = FORMAT.to_canonical(log(**changes))
    return event


def test_canonical_names_in_the_log_are_taken_as_they_are() -> None:
    event = read(**{"account.id": "a9", "x-account-id": None, "client.as.number": "13335"})
    assert event["account.id"] == "a9"
    assert event["client.as.number"] == 13335


def test_a_number_of_the_gateway_that_is_none_is_refused_and_not_unknown() -> None:
    with pytest.raises(MalformedEventError, match="wrong_type"):
        check(read(**{"gen_ai.usage.input_tokens": "many"}))


def test_a_log_without_an_account_says_what_is_missing() -> None:
    (event,) = reader("auto")(orjson.dumps(log(**{"x-account-id": "-"})))
    with pytest.raises(MalformedEventError, match=r"account\.id is missing"):
        check(event)


def test_other_gateways_on_envoy_that_name_no_model_are_not_taken_for_it() -> None:
    istio = {name: value for name, value in log().items() if not name.startswith(("gen_ai.", "x-account"))}
    assert not FORMAT.recognise(istio)
    assert not FORMAT.recognise(log(ai_log="{}"))  # Higress
