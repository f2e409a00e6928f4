"""The client's address of a request: the one that our own proxy appended, never one that the caller wrote."""

from __future__ import annotations

from typing import Final

from streams.intake.formats.format import Entry

_FORWARDED: Final = "x-forwarded-for"


def trusted(entry: Entry, hops: int) -> Entry:
    """Return a log object whose `x-forwarded-for`, if present, is the one address that our proxy saw.

    Args:
        entry: One object of a log, in any format. It is changed.
        hops: Our proxies that append their caller's address: the client is that many addresses from the right. With 0, or more than
            there are addresses, the header is dropped, and the format's own peer address is used.
    """
    if _FORWARDED in entry:
        header = entry.pop(_FORWARDED)
        chain = [address.strip() for address in header.split(",")] if isinstance(header, str) else []
        if 0 < hops <= len(chain) and chain[-hops]:
            entry[_FORWARDED] = chain[-hops]
    return entry
