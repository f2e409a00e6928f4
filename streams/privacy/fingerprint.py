"""The router fingerprint: which software stack a request came through, whoever sent it.

It is made of what a relay's code decides (header order, accept-encoding, HTTP version, the shape of the body, the first part of JA4, the
SDK's language). Versions and user agents are left out, because an upgrade would split one stack in many; addresses, keys and accounts are
members of a router, never part of its name. No key: the same stack has the same name in every installation.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from streams.privacy.pseudonym import hash64

LEFT_OUT: Final = frozenset({"host", "content-length", "authorization", "cookie", "traceparent", "x-api-key"})
"""Headers that every client has, or whose place the network decides."""

ON_THE_WAY: Final = ("via", "forwarded", "x-forwarded-", "x-real-ip", "cf-", "x-amzn-trace-id", "x-envoy-")
"""How the headers begin that a proxy adds: they say nothing of the client behind it."""

_COMMENT = re.compile(r"\([^()]*\)")
_VERSION = re.compile(r"(?<![^\s/])v?\d\S*|(?<=[a-z])\d+\.\d\S*")
_LEAST_KNOWN = 2
_REMEMBERED = 1 << 14


@lru_cache(maxsize=_REMEMBERED)
def headers_of(names: str | tuple[str, ...] | None) -> str | None:
    """Return header names in order, their case kept, joined by commas, without those that say nothing; None when unknown."""
    if names is None:
        return None
    each = names.split(",") if isinstance(names, str) else names
    kept = [name.strip() for name in each if name.strip() and name.strip().lower() not in LEFT_OUT]
    return ",".join(kept) or None


@lru_cache(maxsize=_REMEMBERED)
def router(
    header_names: str | None,
    accept_encoding: str | None,
    http_version: str | None,
    body_shape: str | None,
    tls_ja4: str | None,
    sdk_language: str | None,
) -> int:
    """Return the 64-bit fingerprint of a stack; 0 when fewer than two of its parts are known."""
    ja4 = first_part(tls_ja4) if tls_ja4 else None
    parts = (header_names, accept_encoding, http_version, body_shape, ja4, sdk_language)
    if sum(part is not None for part in parts) < _LEAST_KNOWN:
        return 0
    told = "\n".join("?" if part is None else f"={part}" for part in parts)
    return hash64(told.encode(), b"", b"router/1")


@lru_cache(maxsize=_REMEMBERED)
def software(name: str) -> str:
    """Return a user agent or a runtime without versions and comments: `Codewright/2.4.0 (external)` is `codewright`, `go1.24` is `go`."""
    bare = _VERSION.sub("", _COMMENT.sub(" ", name.lower()))
    return " ".join(word.strip("/") for word in bare.split() if word.strip("/"))


@lru_cache(maxsize=_REMEMBERED)
def own_headers(names: str) -> str:
    """Return the headers, joined by commas, that the client sent itself, whatever proxies added."""
    return ",".join(name for name in names.split(",") if not name.lower().startswith(ON_THE_WAY))


def first_part(ja4: str) -> str:
    """Return the readable part of a JA4: protocol, TLS version, counts of ciphers and extensions, ALPN."""
    return ja4.partition("_")[0]
