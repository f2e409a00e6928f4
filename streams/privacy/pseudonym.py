"""Pseudonyms: what identifies a person or a key leaves `collect` only as a keyed 64-bit hash, and only as a network if an address.

Equal values have equal pseudonyms while the key lives; without the key nobody can try out a dictionary. 0 means unknown.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

REMEMBERED: Final = 1 << 16
"""Values a field whose pseudonym is kept at hand; the least recently seen goes first."""

_LONGEST_KEY = 64  # of blake2b
_IPV4 = re.compile(r"([1-9]\d?\d?)\.(0|[1-9]\d?\d?)\.(0|[1-9]\d?\d?)\.(0|[1-9]\d?\d?)(?::\d+)?", re.ASCII)
_OCTET = 255
_IPV4_PREFIX = 24
_IPV6_PREFIX = 48

Pseudonym = Callable[[str | None], int]


class Pseudonyms:
    """The pseudonyms under one key: a function a domain, so that the same text in two fields has two pseudonyms."""

    def __init__(self, key: bytes) -> None:
        """Keep the key. One longer than 64 bytes is hashed down first."""
        self._key = key if len(key) <= _LONGEST_KEY else blake2b(key).digest()

    def of(self, domain: str) -> Pseudonym:
        """Return the function from a value to its pseudonym, 1..2^64-1; 0 for None and for the empty string."""
        person = domain.encode()[:16]

        @lru_cache(maxsize=REMEMBERED)
        def pseudonym(value: str | None) -> int:
            return hash64(value.encode(), self._key, person) if value else 0

        return pseudonym

    def network(self, domain: str) -> Pseudonym:
        """Return the function from an address to the pseudonym of its /24 (IPv4) or /48 (IPv6); 0 for what is no address."""
        pseudonym = self.of(domain)

        @lru_cache(maxsize=REMEMBERED)
        def network(address: str | None) -> int:
            return pseudonym(network_of(address)) if address else 0

        return network


def network_of(address: str) -> str | None:
    """Return the /24 or /48 of an address, with or without a port; None when it is a name, a socket or nonsense."""
    if (plain := _IPV4.fullmatch(address)) and max(map(int, plain.groups())) <= _OCTET:  # nearly all, at a tenth of the price
        return f"{plain[1]}.{plain[2]}.{plain[3]}.0/24"
    host = address.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    prefix = _IPV4_PREFIX if ip.version == 4 else _IPV6_PREFIX  # noqa: PLR2004  (the IP version)
    return str(ipaddress.ip_network((ip, prefix), strict=False))


def hash64(value: bytes, key: bytes, domain: bytes) -> int:
    """Return the keyed BLAKE2b of a value as an integer, never 0 (RFC 7693; the domain is its personalisation)."""
    return int.from_bytes(blake2b(value, digest_size=8, key=key, person=domain).digest(), "little") or 1
