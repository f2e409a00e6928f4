"""A moment as people read it."""

from __future__ import annotations

from datetime import UTC, datetime


def shown(at: datetime | float) -> str:
    """Return a moment to the minute, in UTC. A number is seconds since 1970; a time without a zone is in UTC.

    >>> shown(60.0), shown(datetime(1970, 1, 1, 0, 1)), shown(datetime.fromisoformat("1970-01-01T02:01+02:00"))
    ('1970-01-01 00:01', '1970-01-01 00:01', '1970-01-01 00:01')
    """
    known = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return (known if known.tzinfo else known.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def lasted(began: float, ended: float) -> str:
    """Return a span in UTC, both in seconds since 1970; one moment when both are the same minute.

    >>> lasted(60.0, 60.0), lasted(60.0, 3600.0)
    ('1970-01-01 00:01', '1970-01-01 00:01 to 1970-01-01 01:00')
    """
    first, last = shown(began), shown(ended)
    return first if first == last else f"{first} to {last}"
