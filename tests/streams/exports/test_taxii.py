"""A collection is fetched page by page; whatever a server answers, the error is one line and holds no secret."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from streams.core.settings import Settings
from streams.exports import taxii
from streams.exports.taxii import Fetched, fetch
from streams.schema.indicators import IndicatorsError
from streams.testing.http_answers import Asked, answering

SETTINGS = Settings(mode="local", taxii_username="ada", taxii_password=SecretStr("a secret word"))


def one(number: int) -> dict[str, str]:
    start = {"valid_from": "2026-11-22T00:00:00Z", "valid_until": "2099-01-01T00:00:00Z"}
    return {"type": "indicator", "pattern": f"[x-api-client:tls_ja4 = '{number}']", "pattern_type": "stix", **start}


def test_all_pages_are_read_with_the_login_and_in_taxiis_media_type() -> None:
    asked: list[Asked] = []

    def answer(request: Asked) -> tuple[int, bytes]:
        asked.append(request)
        if "next" in parse_qs(urlsplit(request.path).query):
            return 200, json.dumps({"objects": [one(2)]}).encode()
        return 200, json.dumps({"more": True, "next": "2", "objects": [one(1)]}).encode()

    with answering(answer) as server:
        document, _ = fetch(f"{server}/api/collections/c/", SETTINGS, "2026-11-01T00:00:00Z")
    assert [indicator.value for indicator in document.indicators.values()] == ["1", "2"]
    assert {request.headers["Accept"] for request in asked} == {taxii.MEDIA_TYPE}
    assert asked[0].headers["Authorization"].startswith("Basic ")
    assert [parse_qs(urlsplit(request.path).query).get("added_after") for request in asked] == [["2026-11-01T00:00:00Z"]] * 2


def test_a_collection_without_anything_new_is_no_error() -> None:
    with answering(lambda _: (200, b"{}")) as server:
        document, until = fetch(f"{server}/api/collections/c/", SETTINGS, "2026-11-01T00:00:00Z")
    assert (document.indicators, until) == ({}, "2026-11-01T00:00:00Z")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, b""), "refuses (HTTP 401): set HYDROMETER_TAXII_USERNAME and HYDROMETER_TAXII_PASSWORD"),
        ((404, b""), "refuses (HTTP 404): name the address of a collection"),
        ((302, b""), "refuses (HTTP 302): ask its owner"),
        ((500, b""), "refuses (HTTP 500): ask its owner"),
        ((200, b"<html>"), "does not answer in TAXII 2.1: name the address of a collection"),
        ((200, b'{"objects": [1]}'), "is no STIX 2.1 bundle and no MISP event in JSON: export it again"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_the_password(answer: tuple[int, bytes], error: str) -> None:
    with answering(lambda _: answer) as server, pytest.raises(IndicatorsError) as raised:
        fetch(f"{server}/api/collections/c/", SETTINGS)
    assert str(raised.value).startswith(f"127.0.0.1 {error}")
    assert "secret" not in str(raised.value)


def test_a_server_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taxii, "MAX_PAGES", 3)
    with answering(lambda _: (200, b'{"more": true, "next": "1"}')) as server, pytest.raises(IndicatorsError, match="more than 3 pages"):
        fetch(server, SETTINGS)


@pytest.mark.parametrize("address", ["http://taxii.example.com/c/", "taxii.example.com", "file:///etc/passwd", "ftp://127.0.0.1/"])
def test_a_password_is_sent_over_tls_alone(address: str) -> None:
    with pytest.raises(IndicatorsError, match="does not begin with https://"):
        fetch(address, SETTINGS)


def test_where_each_collection_was_left_is_remembered(tmp_path: Path) -> None:
    Fetched(tmp_path / "indicators.json").note("https://a/", "2026-11-22T00:00:00Z")
    again = Fetched(tmp_path / "indicators.json")
    assert (again.until("https://a/"), again.until("https://b/")) == ("2026-11-22T00:00:00Z", "")
