"""The router fingerprint names a software stack, not who uses it."""

from __future__ import annotations

from typing import Final

import pytest

from streams.privacy.fingerprint import headers_of, own_headers, router, software

STACK: Final = {
    "header_names": "Accept,Content-Type",
    "accept_encoding": "gzip",
    "http_version": "2",
    "body_shape": "model,messages",
    "tls_ja4": "t13d1516h2_8daaf6152771_02713d6af862",
    "sdk_language": "python",
}


def test_only_the_first_part_of_ja4_counts() -> None:
    assert router(**STACK) == router(**{**STACK, "tls_ja4": "t13d1516h2_000000000000_111111111111"})
    assert router(**STACK) != router(**{**STACK, "tls_ja4": "t12d1516h2_8daaf6152771_02713d6af862"})


def test_every_part_counts() -> None:
    for part in STACK:
        assert router(**STACK) != router(**{**STACK, part: "other"}), part
        assert router(**STACK) != router(**{**STACK, part: None}), part


def test_one_known_part_is_too_little() -> None:
    nothing = dict.fromkeys(STACK)
    assert router(**nothing) == 0
    assert router(**{**nothing, "http_version": "2"}) == 0
    assert router(**{**nothing, "http_version": "2", "sdk_language": "go"}) > 0


def test_header_names_keep_order_and_case_and_lose_what_everybody_has() -> None:
    assert headers_of("Host,Accept, User-Agent ,Authorization,X-API-Key") == "Accept,User-Agent"
    assert headers_of(("accept", "Accept")) == "accept,Accept"
    assert headers_of("A,B") != headers_of("B,A")
    assert headers_of(None) is None
    assert headers_of("Host,Cookie") is None


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("OpenAI/JS 5.12.2", "openai/js"),
        ("codewright/2.4.0 (external, cli)", "codewright"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0", "mozilla applewebkit chrome"),
        ("go1.24.5", "go"),
        ("node v22.17.0", "node"),
        ("k6/0.49", "k6"),
        ("5.12", ""),
    ],
)
def test_software_is_read_without_versions_and_comments(told: str, read: str) -> None:
    assert software(told) == read


def test_headers_that_a_proxy_adds_are_not_the_clients_own() -> None:
    assert own_headers("Via,accept,X-Forwarded-For,user-agent") == "accept,user-agent"
