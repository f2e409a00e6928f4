"""A moment as people read it."""

from __future__ import annotations

from datetime import UTC, datetime

_EARLIEST_SECONDS = datetime.min.replace(tzinfo=UTC).timestamp()
_LATEST_SECONDS = datetime.max.replace(tzinfo=UTC).timestamp() - 1.0


def moment(seconds: float) -> datetime:
    """Return a moment that somebody else wrote, in UTC: one that the calendar does not have is the nearest that it has.

    >>> moment(60.0).isoformat(), moment(1e18).year, moment(-1e18).year
    ('1970-01-01T00:01:00+00:00', 9999, 1)
    """
    return datetime.fromtimestamp(min(max(seconds, _EARLIEST_SECONDS), _LATEST_SECONDS), UTC)


def shown(at: datetime | float) -> str:
    """Return a moment to the minute, in UTC. A number is seconds since 1970; a time without a zone is in UTC.

    >>> shown(60.0), shown(datetime(1970, 1, 1, 0, 1)), shown(datetime.fromisoformat("1970-01-01T02:01+02:00"))
    ('1970-01-01 00:01', '1970-01-01 00:01', '1970-01-01 00:01')
    """
    known = at if isinstance(at, datetime) else moment(at)
    return (known if known.tzinfo else known.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def lasted(began: float, ended: float) -> str:
    """Return a span in UTC, both in seconds since 1970; one moment when both are the same minute.

    >>> lasted(60.0, 60.0), lasted(60.0, 3600.0)
    ('1970-01-01 00:01', '1970-01-01 00:01 to 1970-01-01 01:00')
    """
    first, last = shown(began), shown(ended)
    return first if first == last else f"{first} to {last}"
