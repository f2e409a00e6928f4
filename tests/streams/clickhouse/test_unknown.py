"""Which columns of the table `requests` no request of a day has."""

from __future__ import annotations

from streams.clickhouse import unknown
from streams.clickhouse.client import ClickHouse
from streams.schema import layouts


def test_every_column_but_those_that_a_request_must_have_can_be_unknown() -> None:
    assert unknown.CONDITIONS.keys() | unknown.ALWAYS_KNOWN == layouts.REQUESTS.columns.keys()
    assert not unknown.CONDITIONS.keys() & unknown.ALWAYS_KNOWN


def test_a_column_that_one_request_of_the_day_has_is_not_named(clickhouse: ClickHouse) -> None:
    clickhouse.query(
        "INSERT INTO requests (time, event_id, account_id, status, payment) "
        "SELECT now() - 60, toString(number), 'ada', if(number = 1, 200, NULL), 0 FROM numbers(3)"
    )
    rows, never = unknown.never_known(clickhouse)
    assert rows == 3
    assert "payment" in never
    assert not {"status", *unknown.ALWAYS_KNOWN} & {*never}


def test_yesterday_does_not_count(clickhouse: ClickHouse) -> None:
    clickhouse.query("INSERT INTO requests (time, event_id, account_id) SELECT now() - INTERVAL 2 DAY, 'e', 'ada'")
    assert unknown.never_known(clickhouse)[0] == 0
