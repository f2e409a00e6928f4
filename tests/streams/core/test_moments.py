from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from streams.core import moments

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize("at", [NOON, NOON.timestamp(), NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=9)))])
def test_a_moment_reads_the_same_however_it_is_kept(at: datetime | float) -> None:
    assert moments.shown(at) == "2026-11-22 12:00"
