"""Deliveries of Amazon Data Firehose: what is read of them, and what is answered."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode

import orjson
import pytest

from streams.intake.firehose import MAX_ERROR_CHARACTERS, TooLargeError, answer, records

LIMIT_BYTES = 1_000


def delivery(*contents: bytes) -> dict[str, object]:
    return {"requestId": "r", "timestamp": 1, "records": [{"data": b64encode(content).decode()} for content in contents]}


def test_records_are_read_plain_and_packed() -> None:
    assert records(delivery(b'{"a":1}', gzip.compress(b'{"b":2}'), b""), LIMIT_BYTES) == [b'{"a":1}', b'{"b":2}', b""]
    assert records(delivery(), LIMIT_BYTES) == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"records": {}},
        {"records": ["eA=="]},
        {"records": [{"data": None}]},
        {"records": [{"data": "no base64!"}]},
        {"records": [{"data": "é"}]},
        delivery(gzip.compress(b"x" * 500)[:-12]),
        delivery(b"\x1f\x8bnot gzip"),
    ],
)
def test_what_is_no_delivery_is_none(body: object) -> None:
    assert records(body, LIMIT_BYTES) is None


@pytest.mark.parametrize("contents", [[b"x" * 1_001], [b"x" * 500, b"x" * 501], [gzip.compress(b"x" * 10_000_000)]])
def test_records_that_are_larger_than_a_body_may_be_are_not_unpacked(contents: list[bytes]) -> None:
    with pytest.raises(TooLargeError):
        records(delivery(*contents), LIMIT_BYTES)


def test_an_answer_repeats_the_id_and_says_when_and_what_is_wrong() -> None:
    good, bad = orjson.loads(answer("r-1")), orjson.loads(answer("r-2", "x" * 10_000))
    assert good.keys() == {"requestId", "timestamp"}
    assert good["requestId"] == "r-1"
    assert abs(good["timestamp"] / 1000 - time.time()) < 60
    assert len(bad["errorMessage"]) == MAX_ERROR_CHARACTERS
    assert json.loads(answer('"\n'))["requestId"] == '"\n'
