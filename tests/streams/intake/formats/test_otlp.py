"""OTLP/HTTP JSON logs become canonical events."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.intake.formats import otlp
from streams.intake.otlp_wire import Json
from streams.schema.event import check


def attribute(key: str, **value: Any) -> Json:
    return {"key": key, "value": value}


def body(*attributes: Json, **record: Any) -> Json:
    records = [{"timeUnixNano": "1790000000500000000", "spanId": "s1", "attributes": list(attributes), **record}]
    resource = {"attributes": [attribute("account.id", stringValue="a1"), attribute("sdk.language", stringValue="python")]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}


def test_a_record_becomes_an_event_over_its_resource() -> None:
    (event,) = otlp.FORMAT.to_canonical(
        body(
            attribute("gen_ai.usage.input_tokens", intValue="12"),
            attribute("gen_ai.request.temperature", doubleValue=0.5),
            attribute("gen_ai.request.stream", boolValue=True),
            attribute("gen_ai.response.finish_reasons", arrayValue={"values": [{"stringValue": "stop"}]}),
            attribute("sdk.language", stringValue="go"),
        )
    )
    assert check(event) == 1_790_000_000.5
    assert event == {
        "account.id": "a1",
        "sdk.language": "go",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ["stop"],
        "timestamp": 1_790_000_000.5,
        "event.id": "s1",
    }


def test_a_sketch_may_come_as_a_list_of_pairs() -> None:
    pairs = {"values": [attribute("simhash", stringValue="ff"), attribute("topic", intValue="3")]}
    (event,) = otlp.FORMAT.to_canonical(body(attribute("prompt.sketch", kvlistValue=pairs)))
    assert event["prompt.sketch"] == {"simhash": "ff", "topic": 3}


ANY = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceLogs", "scopeLogs", "logRecords", "attributes", "key", "value", "arrayValue", "values", "intValue"]),
            inner,
        )
    ),
)


@given(st.dictionaries(st.just("resourceLogs"), ANY))
def test_a_body_of_any_shape_yields_events_or_nothing(found: Json) -> None:
    for event in otlp.FORMAT.to_canonical(found):
        json.dumps(event)
