"""Documents of others become indicators: our own export, MISP's events, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from models.durations import DAY
from streams.cases.views.terminal import CaseRow
from streams.exports import stix
from streams.exports.bundle import Indicators, Share
from streams.exports.indicators_in import VALID_DAYS, read_document
from streams.exports.ocsf import Json
from streams.schema.cases import TLPS, CasePayload, Tlp
from streams.schema.indicators import IndicatorsError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_SECONDS = NOW.timestamp()
CASE = CaseRow(
    case_id="case-1", version=3, opened_at=NOW, updated_at=NOW, state="open", behaviour="extraction", title="t", accounts=2,
    requests=90.0, output_tokens=9.0, extraction=12.0, routing=0.0, muted=False, payload=CasePayload(),
)  # fmt: skip


def bundle_of(**fields: Any) -> bytes:
    """A bundle with one indicator."""
    one = {"type": "indicator", "id": "indicator--1", "pattern_type": "stix", "valid_from": "2026-11-22T00:00:00Z", **fields}
    return json.dumps({"type": "bundle", "objects": [one]}).encode()


def taken(text: bytes) -> list[tuple[str, str]]:
    return [(one.kind, one.value) for one in read_document(text, "a file", NOW_SECONDS).indicators.values()]


def left_out(text: bytes) -> dict[str, int]:
    return dict(read_document(text, "a file", NOW_SECONDS).left_out)


@pytest.mark.parametrize("tlp", TLPS)
def test_what_one_hydrometer_exports_another_imports_with_its_mark(tlp: Tlp) -> None:
    observed = {
        "router": [Share("00ab00ab00ab00ab", 0.9)],
        "user_agent": [Share("it's a \\ client/1.0", 0.5)],
        "http_version": [Share("2", 0.9)],
    }
    text = stix.document(CASE, Indicators(f"TLP:{tlp}", "case-1", "extraction", "", "", 2, [], observed), tlp).encode()
    document = read_document(text, "a file", NOW_SECONDS)
    assert taken(text) == [("router", "00ab00ab00ab00ab"), ("user_agent", "it's a \\ client/1.0")]
    assert dict(document.left_out) == {"not comparable": 1}, "an HTTP version says nothing by itself"
    assert {(one.source, one.tlp, one.valid_from) for one in document.indicators.values()} == {("Hydrometer", tlp, NOW_SECONDS)}


def test_any_of_several_comparisons_suffices_and_what_cannot_be_decided_is_left_out() -> None:
    assert taken(bundle_of(pattern="[x-api-client:tls_ja4 = 'a' OR x-api-client:tls_ja3 = 'b']")) == [("tls_ja4", "a"), ("tls_ja3", "b")]
    for pattern in (
        "[x-api-client:tls_ja4 = 'a' AND x-api-client:tls_ja3 = 'b']",
        "[x-api-client:tls_ja4 = 'a'] FOLLOWEDBY [x-api-client:tls_ja3 = 'b']",
        "[x-api-client:tls_ja4 LIKE 'a%']",
        "[ipv4-addr:value = '192.0.2.1']",
        "[x-api-client:router = 'no fingerprint']",
        "",
        "[",
        "[" * 10_000,
    ):
        assert left_out(bundle_of(pattern=pattern)) == {"not comparable": 1}, pattern
        assert taken(bundle_of(pattern=pattern)) == []


def test_an_indicator_ends_as_its_sender_says_else_after_ninety_days() -> None:
    pattern = "[x-api-client:tls_ja4 = 'a']"
    (said,) = read_document(bundle_of(pattern=pattern, valid_until="2026-11-23T00:00:00Z"), "f", NOW_SECONDS).indicators.values()
    assert said.valid_until - said.valid_from == DAY
    (unsaid,) = read_document(bundle_of(pattern=pattern), "f", NOW_SECONDS).indicators.values()
    assert unsaid.valid_until - unsaid.valid_from == VALID_DAYS * DAY == 90 * DAY
    assert left_out(bundle_of(pattern=pattern, valid_until="2026-11-22T11:00:00Z")) == {"expired": 1}
    assert left_out(bundle_of(pattern=pattern, revoked=True)) == {"revoked": 1}


def event_of(*attributes: Json, objects: tuple[Json, ...] = ()) -> Json:
    whole = [{"to_ids": True, "timestamp": str(int(NOW_SECONDS)), **attribute} for attribute in attributes]
    tags = [{"name": "tlp:amber"}, {"name": "type:osint"}]
    return {"Event": {"info": "a campaign", "Orgc": {"name": "CERT"}, "Attribute": whole, "Object": list(objects), "Tag": tags}}


def test_attributes_of_misp_for_detection_are_taken_also_those_of_objects() -> None:
    inner = {"Attribute": [{"type": "text", "object_relation": "router", "value": "00AB00AB00AB00AB", "to_ids": True}]}
    event = event_of(
        {"type": "ja3-fingerprint-md5", "value": "ab12"},
        {"type": "user-agent", "value": "curl/8", "to_ids": False},
        {"type": "user-agent", "value": "gone/1", "deleted": True},
        {"type": "ip-dst", "value": "192.0.2.1"},
        {"type": "user-agent", "value": "old/1", "timestamp": "1600000000"},
        objects=(inner,),
    )
    for text in (json.dumps(event).encode(), json.dumps({"response": [event]}).encode()):
        document = read_document(text, "a file", NOW_SECONDS)
        assert taken(text) == [("tls_ja3", "ab12"), ("router", "00ab00ab00ab00ab")]
        assert dict(document.left_out) == {"not meant for detection": 1, "revoked": 1, "not comparable": 1, "expired": 1}
        assert {(one.source, one.name, one.tlp) for one in document.indicators.values()} == {("CERT", "a campaign", "AMBER")}


def test_of_the_same_indicator_twice_the_one_that_ends_later_stays() -> None:
    pattern = "[x-api-client:tls_ja4 = 'a']"
    later = read_document(bundle_of(pattern=pattern, valid_until="2027-01-01T00:00:00Z"), "later", NOW_SECONDS)
    sooner = read_document(bundle_of(pattern=pattern, valid_until="2026-12-01T00:00:00Z"), "sooner", NOW_SECONDS)
    later.merge(sooner)
    assert [one.source for one in later.indicators.values()] == ["later"]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"objects": 1}', b'{"objects": [{}]}', b'{"Event": []}', b"\xff", b"[" * 100_000])
def test_anything_else_is_an_error_in_one_line(text: bytes) -> None:
    with pytest.raises(IndicatorsError, match=r"^a file is no STIX 2\.1 bundle and no MISP event in JSON: export it again$"):
        read_document(text, "a file")
