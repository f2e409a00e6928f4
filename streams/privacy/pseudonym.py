"""Pseudonyms: an identifier of a person or a key leaves `collect` only as a keyed 64-bit hash, and an address only as its network's.

Equal values have equal pseudonyms while the key stays the same; without the key a dictionary of values cannot be tried out. 0 is unknown.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from streams.core.remembered import remembered

CACHED_VALUES: Final = 1 << 16
"""Cached pseudonyms of one field; the least recently used is dropped first."""

_IPV4 = re.compile(r"([1-9]\d?\d?)\.(0|[1-9]\d?\d?)\.(0|[1-9]\d?\d?)\.(0|[1-9]\d?\d?)(?::\d+)?", re.ASCII)
_OCTET_MASK = 255
_IPV4_PREFIX_BITS = 24
_IPV6_PREFIX_BITS = 48

Pseudonym = Callable[[str | None], int]


class Pseudonyms:
    """Pseudonym functions with one key, one for each domain, so that equal texts in two fields have different pseudonyms."""

    def __init__(self, key: bytes) -> None:
        """Set the key. A key of more than 64 bytes is hashed first."""
        self._key = key if len(key) <= blake2b.MAX_KEY_SIZE else blake2b(key).digest()

    def of(self, domain: str) -> Pseudonym:
        """Return the function from a value to its pseudonym, 1..2^64-1; 0 for None and for the empty string."""
        person = domain.encode()[:16]

        @remembered(calls=CACHED_VALUES)
        def pseudonym(value: str | None) -> int:
            return hash64(value.encode(), self._key, person) if value else 0

        return pseudonym

    def network(self, domain: str) -> Pseudonym:
        """Return the function from an address to the pseudonym of its /24 (IPv4) or /48 (IPv6); 0 for anything else."""
        pseudonym = self.of(domain)

        @remembered(calls=CACHED_VALUES)
        def network(address: str | None) -> int:
            return pseudonym(network_of(address)) if address else 0

        return network


def network_of(address: str) -> str | None:
    """Return the /24 or /48 of an address, with or without a port; None for a name, a socket or an invalid address.

    >>> network_of("203.0.113.9:443"), network_of("2001:db8:1:2::3"), network_of("localhost")
    ('203.0.113.0/24', '2001:db8:1::/48', None)
    """
    if (plain := _IPV4.fullmatch(address)) and max(map(int, plain.groups())) <= _OCTET_MASK:  # nearly all, at a tenth of the price
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
    prefix = _IPV4_PREFIX_BITS if ip.version == 4 else _IPV6_PREFIX_BITS  # noqa: PLR2004  (the IP version)
    return str(ipaddress.ip_network((ip, prefix), strict=False))


def hash64(value: bytes, key: bytes, domain: bytes) -> int:
    """Return the keyed BLAKE2b hash of a value as an integer, never 0 (RFC 7693; the domain is its personalisation)."""
    return int.from_bytes(blake2b(value, digest_size=8, key=key, person=domain).digest(), "little") or 1
