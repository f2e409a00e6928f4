"""The router fingerprint: the software stack through which a request came, independent of its sender.

Its parts are decided by a relay's code: header order, accept-encoding, HTTP version, the shape of the body, the first part of JA4, the
SDK's language. Versions and user agents are left out, because an upgrade would split a stack; addresses, keys and accounts are members of a
router, never part of its id. It has no key: the same stack has the same id in every installation.
"""

from __future__ import annotations

import re
from inspect import signature
from typing import Final

from streams.core.remembered import remembered
from streams.privacy.pseudonym import hash64

LEFT_OUT: Final = frozenset({"host", "content-length", "authorization", "cookie", "traceparent", "x-api-key"})
"""Headers that every client has, or whose position depends on the network."""

ON_THE_WAY: Final = ("via", "forwarded", "x-forwarded-", "x-real-ip", "cf-", "x-amzn-trace-id", "x-envoy-")
"""Prefixes of headers that a proxy adds: they do not depend on the client."""

_COMMENT = re.compile(r"\([^()]*\)")
_VERSION = re.compile(r"(?<![^\s/])v?\d\S*|(?<=[a-z])\d+\.\d\S*")
_MIN_KNOWN_PARTS = 2
_CACHED_VALUES = 1 << 14


@remembered(calls=_CACHED_VALUES)
def headers_of(names: str | tuple[str, ...] | None) -> str | None:
    """Return header names in order and in their case, joined by commas, without those in LEFT_OUT; None when unknown."""
    if names is None:
        return None
    words = names.split(",") if isinstance(names, str) else names
    kept = [name.strip() for name in words if name.strip() and name.strip().lower() not in LEFT_OUT]
    return ",".join(kept) or None


@remembered(calls=_CACHED_VALUES)
def router(
    header_names: str | None,
    accept_encoding: str | None,
    http_version: str | None,
    body_shape: str | None,
    tls_ja4: str | None,
    sdk_language: str | None,
) -> int:
    """Return the 64-bit fingerprint of a stack; 0 when fewer than two of its parts are known. Every part is None when unknown."""
    ja4 = first_part(tls_ja4) if tls_ja4 else None
    parts = (header_names, accept_encoding, http_version, body_shape, ja4, sdk_language)
    if sum(part is not None for part in parts) < _MIN_KNOWN_PARTS:
        return 0
    canonical = "\n".join("?" if part is None else f"={part}" for part in parts)
    return hash64(canonical.encode(), b"", b"router/1")


FINGERPRINT_PARTS: Final = tuple(signature(router).parameters)
"""Event columns of a router's fingerprint, in the order in which `router` takes them."""


@remembered(calls=_CACHED_VALUES)
def software(name: str) -> str:
    """Return a user agent or a runtime without versions and comments: `Codewright/2.4.0 (external)` is `codewright`, `go1.24` is `go`."""
    bare = _VERSION.sub("", _COMMENT.sub(" ", name.lower()))
    return " ".join(word.strip("/") for word in bare.split() if word.strip("/"))


@remembered(calls=_CACHED_VALUES)
def own_headers(names: str) -> str:
    """Return the client's own headers, joined by commas, without those that proxies added."""
    return ",".join(name for name in names.split(",") if not name.lower().startswith(ON_THE_WAY))


def first_part(ja4: str) -> str:
    """Return the readable part of a JA4: protocol, TLS version, counts of ciphers and extensions, ALPN."""
    return ja4.partition("_")[0]
