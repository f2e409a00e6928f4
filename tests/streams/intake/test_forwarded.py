"""Which address of `x-forwarded-for` is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.intake.forwarded import trusted
from streams.schema.blocks import decode
from streams.schema.layouts import REQUESTS

CHAIN = "6.6.6.6, 203.0.113.7, 10.0.0.1"
"""The first was written by the caller; the others by two proxies of ours."""


@pytest.mark.parametrize(("hops", "address"), [(0, None), (1, "10.0.0.1"), (2, "203.0.113.7"), (4, None)])
def test_the_client_is_as_many_from_the_right_as_there_are_proxies(hops: int, address: str | None) -> None:
    assert trusted({"x-forwarded-for": CHAIN}, hops).get("x-forwarded-for") == address


@pytest.mark.parametrize("strange", ["", ",", None, 7, ["1.2.3.4"]])
def test_whatever_else_the_header_is_it_is_no_address(strange: Any) -> None:
    assert trusted({"x-forwarded-for": strange, "other": 1}, 1) == {"other": 1}


def network(hops: int, forwarded: str) -> int:
    collector = Collector(Settings(mode="local", partitions=1, trusted_hops=hops))
    found = {
        "start_time": "2026-11-01T00:00:00Z",
        "response_code": 200,
        "x-request-id": "e",
        "x-account-id": "a",
        "x-forwarded-for": forwarded,
    }
    line = json.dumps({**found, "downstream_remote_address": "198.51.100.9:443"}).encode()
    collector.add([line], "test", 1_793_491_200.0)
    return int(decode(collector.flush()[0].data, REQUESTS).hashes("client_network")[0])


def test_a_caller_that_writes_addresses_before_ours_moves_nowhere() -> None:
    assert network(0, "6.6.6.6") == network(0, "7.7.7.7") == network(1, "198.51.100.1") != 0
    assert network(2, CHAIN) == network(2, CHAIN.replace("6.6.6.6", "7.7.7.7, 8.8.8.8")) == network(1, "203.0.113.200")
