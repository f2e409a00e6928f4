"""Pseudonyms are keyed, by domain, and know networks but no addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.privacy.pseudonym import Pseudonyms, network_of


def test_equal_values_have_one_pseudonym_under_one_key_and_in_one_field() -> None:
    keyed = Pseudonyms(b"key")
    assert keyed.of("payment")("x") == Pseudonyms(b"key").of("payment")("x")
    assert keyed.of("payment")("x") != keyed.of("api_key")("x")
    assert keyed.of("payment")("x") != Pseudonyms(b"other").of("payment")("x")


def test_nothing_is_zero_and_something_never_is() -> None:
    pseudonym = Pseudonyms(b"k" * 100).of("payment")
    assert pseudonym(None) == pseudonym("") == 0
    assert 0 < pseudonym("x") < 2**64


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("192.0.2.77:4711", "192.0.2.0/24"),
        (" 192.0.2.77 ", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("[2001:db8:1:2::3]:443", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("256.0.0.1", None),
        ("example.org", None),
        ("-", None),
        ("", None),
        ("٣.1.1.1", None),
    ],
)
def test_an_address_is_known_by_its_network_alone(address: str, network: str | None) -> None:
    assert network_of(address) == network


def test_neighbours_share_a_pseudonym_and_nonsense_has_none() -> None:
    network = Pseudonyms(b"key").network("client_network")
    assert network("192.0.2.1") == network("192.0.2.254") != network("192.0.3.1")
    assert network("nonsense") == network(None) == 0


@given(st.text(max_size=40))
def test_any_text_is_a_network_or_none(text: str) -> None:
    network_of(text)
