"""Real payloads of public gateways (`../shared/formats/samples`, beside the checkout): what is read of each, and why some are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from streams.core.errors import MalformedEventError
from streams.intake.formats.registry import reader
from streams.schema.event import Event, check
from streams.schema.operations import NO_TEXT, OTHER, operation_of_call
from streams.testing.real_data import real_data

FOLDER = real_data("formats/samples")
REFUSED: Final = {
    "doc sample verbatim shape": "account.id is missing",
    "account '-' (no header)": "account.id is missing",
    "nested ai metadata": "account.id must be",
    "custom start format": "timestamp must be",
    "no x-request-id": "event.id is missing",
    "token overflow 2^64": "gen_ai.usage.input_tokens is beyond",
    "no metadata [success]": "account.id is missing",
    "APIM GatewayLogs (elastic sample)": "account.id is missing",
    "Langfuse API v1": "account.id is missing",
    "vLLM uvicorn access": "account.id is missing: vLLM",
    "TGI JSON": "account.id is missing: TGI",
    "OTel span (OTLP trace file exporter line)": "account.id is missing",
}
"""What is missing from a payload, or is wrong in it."""


class Payload(NamedTuple):
    """One line of a gateway's log."""

    name: str
    line: bytes


def payloads() -> Iterator[Payload]:
    """Yield each line of each file with its name, which is at the same place of the file beside it."""
    for path in sorted(FOLDER.glob("*.jsonl")) if FOLDER is not None else ():
        names = path.with_suffix(".names").read_text().splitlines()
        yield from (Payload(name.strip(), line) for name, line in zip(names, path.read_bytes().splitlines(), strict=True))


def checked(line: bytes) -> list[Event]:
    events = reader("auto")(line)
    for event in events:
        check(event)
    return events


def operation(event: Event) -> str | None:
    word, model, tokens = (event.get(f"gen_ai.{name}") for name in ("operation.name", "request.model", "usage.output_tokens"))
    return operation_of_call(word, model, tokens, finished=event.get("gen_ai.response.finish_reasons") is not None)


ALL: Final = list(payloads())
pytestmark = pytest.mark.skipif(FOLDER is None, reason="no real payloads: point HYDROMETER_SHARED at the folder that holds formats/samples")


@pytest.mark.parametrize("payload", [each for each in ALL if each.name in REFUSED], ids=lambda each: each.name)
def test_what_cannot_be_read_is_refused_by_the_name_of_the_field(payload: Payload) -> None:
    with pytest.raises(MalformedEventError) as refusal:
        checked(payload.line)
    assert refusal.value.detail.startswith(REFUSED[payload.name])


@pytest.mark.parametrize("payload", [each for each in ALL if each.name not in REFUSED], ids=lambda each: each.name)
def test_all_others_are_read_and_their_kind_of_call_is_known(payload: Payload) -> None:
    events = checked(payload.line)
    assert len(events) == (payload.name != "MCP log line")
    for event in events:
        kind = operation(event)
        assert kind != OTHER
        assert (kind in NO_TEXT) == payload.name.startswith("embedding")


def test_every_refusal_is_of_a_payload_that_is_there() -> None:
    assert REFUSED.keys() <= {each.name for each in ALL}
