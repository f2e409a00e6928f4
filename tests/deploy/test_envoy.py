"""The recommended Envoy mapping: no caller can name its own account, and `collect` reads what Envoy logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import yaml

from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.schema import blocks, layouts

MAPPING: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[2] / "deploy" / "envoy.yaml").read_text())
CALLERS = frozenset({"x-request-id", "x-forwarded-for", "user-agent"})
"""Headers that say nothing of who pays: a caller may write them. Of `x-forwarded-for` only what Envoy appended is read."""


def removed_early() -> set[str]:
    (extension,) = MAPPING["early_header_mutation_extensions"]
    return {mutation["remove"] for mutation in extension["typed_config"]["mutations"]}


def log_format() -> dict[str, str]:
    (log,) = MAPPING["access_log"]
    found: dict[str, str] = log["typed_config"]["log_format"]["json_format"]
    return found


def test_every_header_that_the_log_reads_as_identity_is_removed_from_callers_first() -> None:
    read = {header.lower() for value in log_format().values() for header in re.findall(r"%REQ\(([^)]+)\)%", value)}
    assert read - CALLERS
    assert read - CALLERS <= removed_early()


def test_every_header_that_a_token_fills_is_removed_from_callers_first() -> None:
    (provider,) = MAPPING["http_filters"][0]["typed_config"]["providers"].values()
    filled = {claim["header_name"] for claim in provider["claim_to_headers"]}
    assert filled == removed_early() - {"x-user-id"}
    assert {"x-account-id", "x-organization-id"} <= filled


def test_collect_reads_what_it_logs_and_believes_the_address_that_envoy_saw() -> None:
    values = {
        "start_time": "2026-09-21T14:13:20.000Z",
        "response_code": "200",
        "duration": "1500",
        "x-request-id": "r1",
        "account.id": "a1",
    }
    addresses = {"x-forwarded-for": "198.51.100.1, 203.0.113.7", "downstream_remote_address": "203.0.113.7:40000"}
    lines = [
        orjson.dumps({name: (values | addresses | changed).get(name, "-") for name in log_format()})
        for changed in ({}, {"x-request-id": "r2", "x-forwarded-for": "192.0.2.9, 203.0.113.7"})
    ]
    collector = Collector(Settings(mode="local", partitions=1, trusted_hops=1))
    step = collector.add(lines, "test", 1_790_000_000.0)
    assert (step.accepted, dict(step.rejected)) == (2, {})
    (outgoing,) = collector.flush()
    block = blocks.decode(outgoing.data, layouts.REQUESTS)
    assert block.texts("account_id") == ["a1", "a1"]
    assert len(set(block.hashes("client_network").tolist())) == 1, "what the caller wrote into x-forwarded-for counted"
    assert block.numbers("duration").tolist() == [1.5, 1.5]
