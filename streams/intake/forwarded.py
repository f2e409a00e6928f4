"""Whose address a request came from: what a proxy of ours appended, never what the caller wrote before it."""

from __future__ import annotations

from typing import Any, Final

_FORWARDED: Final = "x-forwarded-for"


def trusted(found: dict[str, Any], hops: int) -> dict[str, Any]:
    """Return a log object whose `x-forwarded-for`, if it has one, is the one address that a proxy of ours saw.

    Args:
        found: One object of a log, in any format. It is changed.
        hops: Proxies of ours that append the address of who called them: the client is that many from the right. 0, or more than there
            are addresses: the header is dropped, and the format's own peer address counts.
    """
    if _FORWARDED in found:
        told = found.pop(_FORWARDED)
        chain = [each.strip() for each in told.split(",")] if isinstance(told, str) else []
        if 0 < hops <= len(chain) and chain[-hops]:
            found[_FORWARDED] = chain[-hops]
    return found
