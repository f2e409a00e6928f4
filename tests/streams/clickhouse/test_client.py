"""The gateway against ClickHouse's own engine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from streams.clickhouse.client import ClickHouse, Columns, RefusedRowsError, retrying
from streams.core.errors import StoreUnavailableError
from streams.core.settings import Settings
from streams.devserver.access import ClientLimits

MARKER = "the-secret-prompt"
NOW = int(time.time())  # ClickHouse drops what has expired as it comes in


def letters(*reasons: str) -> Columns:
    size = len(reasons)
    return {"minute": np.full(size, NOW), "source": ["stdin"] * size, "reason": list(reasons), "count": np.ones(size, np.uint64)}


def reasons(clickhouse: ClickHouse) -> list[str]:
    return [reason for (reason,) in clickhouse.query("SELECT reason FROM dead_letters ORDER BY reason")]


def test_the_same_token_twice_stores_the_rows_once(clickhouse: ClickHouse) -> None:
    clickhouse.insert("dead_letters", letters("not_json", "too_long"), "t-0")
    clickhouse.insert("dead_letters", letters("not_json", "too_long"), "t-0")
    assert reasons(clickhouse) == ["not_json", "too_long"]


def test_equal_rows_under_two_tokens_are_two_rows(clickhouse: ClickHouse) -> None:
    clickhouse.insert("dead_letters", letters("not_json"), "t-0")
    clickhouse.insert("dead_letters", letters("not_json"), "t-1")
    assert clickhouse.query("SELECT sum(count) FROM dead_letters") == [(2,)]


def test_texts_of_any_kind_come_back_as_they_went(clickhouse: ClickHouse) -> None:
    words = ["", "naïve", "日本語", "a\nb\tc", "quote ' and \\", "x" * 300]
    clickhouse.insert("dead_letters", letters(*words), "t-0")
    assert reasons(clickhouse) == sorted(words, key=str.encode)


def test_a_value_in_a_query_is_never_sql(clickhouse: ClickHouse) -> None:
    clickhouse.insert("dead_letters", letters("it's"), "t-0")
    found = clickhouse.query("SELECT count() FROM dead_letters WHERE reason = %(reason)s", {"reason": "' OR 1 = 1 --"})
    assert found == [(0,)]


def test_each_thread_has_a_connection_of_its_own(clickhouse: ClickHouse) -> None:
    threads = [threading.Thread(target=clickhouse.insert, args=("dead_letters", letters(f"r{n}"), f"t-{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reasons(clickhouse) == [f"r{n}" for n in range(8)]


def test_a_thread_that_has_ended_leaves_no_connection(clickhouse: ClickHouse) -> None:
    for _ in range(ClientLimits().clients + 1):
        answers: list[Any] = []
        thread = threading.Thread(target=lambda found: found.extend(clickhouse.query("SELECT 1")), args=[answers])
        thread.start()
        thread.join()
        assert answers == [(1,)]


def test_a_closed_gateway_opens_again(clickhouse: ClickHouse) -> None:
    clickhouse.query("SELECT 1")
    clickhouse.close()
    assert clickhouse.query("SELECT 1") == [(1,)]


def test_a_column_of_a_later_version_says_to_migrate(clickhouse: ClickHouse) -> None:
    later = {**letters("not_json"), "added_later": np.ones(1, np.uint64)}
    with pytest.raises(StoreUnavailableError, match="run `hydrometer migrate`"):
        clickhouse.insert("dead_letters", later, "t-0")
    with pytest.raises(StoreUnavailableError, match="run `hydrometer migrate`"):
        clickhouse.query("SELECT added_later FROM dead_letters")


def test_a_missing_table_says_to_migrate(clickhouse: ClickHouse) -> None:
    clickhouse.query("DROP TABLE dead_letters SYNC")
    with pytest.raises(StoreUnavailableError, match="run `hydrometer migrate`"):
        clickhouse.insert("dead_letters", letters("not_json"), "t-0")


def test_a_wrong_password_says_which_settings_to_check_and_not_what_they_are(settings: Settings) -> None:
    wrong = settings.model_copy(update={"clickhouse_password": type(settings.clickhouse_password)(MARKER)})
    with pytest.raises(StoreUnavailableError, match="HYDROMETER_CLICKHOUSE_USER") as caught:
        ClickHouse(wrong).query("SELECT 1")
    assert MARKER not in str(caught.value)


def test_rows_that_clickhouse_refuses_are_told_apart_and_not_repeated(clickhouse: ClickHouse) -> None:
    clickhouse.query("ALTER TABLE dead_letters ADD CONSTRAINT short CHECK length(reason) < 10")
    with pytest.raises(RefusedRowsError) as caught:
        clickhouse.insert("dead_letters", letters(MARKER), "t-0")
    assert caught.value.code == 469
    assert MARKER not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_connection_works_on_after_a_refusal(clickhouse: ClickHouse) -> None:
    clickhouse.query("ALTER TABLE dead_letters ADD CONSTRAINT short CHECK length(reason) < 10")
    with pytest.raises(RefusedRowsError):
        clickhouse.insert("dead_letters", letters(MARKER), "t-0")
    clickhouse.insert("dead_letters", letters("not_json"), "t-1")
    assert reasons(clickhouse) == ["not_json"]


def test_nobody_listening_is_unavailable(settings: Settings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gateway = ClickHouse(settings.model_copy(update={"clickhouse_port": unused.getsockname()[1]}))
        with pytest.raises(StoreUnavailableError, match="check the server and its free disk space"):
            gateway.insert("dead_letters", letters("not_json"), "t-0")


def fails(times: int) -> Callable[[], int]:
    left = [times]

    def action() -> int:
        left[0] -= 1
        if left[0] >= 0:
            raise StoreUnavailableError("away")
        return 7

    return action


def test_retrying_returns_once_it_works_and_tells_of_every_wait() -> None:
    waits: list[int] = []
    assert retrying(fails(3), threading.Event(), lambda: waits.append(1), first_wait_seconds=0.001) == 7
    assert len(waits) == 3


def test_retrying_does_not_repeat_what_is_refused() -> None:
    def refused() -> None:
        raise RefusedRowsError("requests", 53)

    with pytest.raises(RefusedRowsError, match="TYPE_MISMATCH"):
        retrying(refused, threading.Event())


def test_waits_double_up_to_the_longest_and_are_shortened_by_at_most_half(caplog: pytest.LogCaptureFixture) -> None:
    retrying(fails(4), threading.Event(), first_wait_seconds=0.1, max_wait_seconds=0.2)
    waits = [float(str(record.args[1])) for record in caplog.records if isinstance(record.args, tuple)]
    assert [low <= wait <= 2 * low for wait, low in zip(waits, (0.05, 0.1, 0.1, 0.1), strict=True)] == [True] * 4


def test_a_stop_during_a_wait_ends_it_without_another_try() -> None:
    stop, tries = threading.Event(), []

    def away() -> None:
        tries.append(1)
        raise StoreUnavailableError("away")

    with pytest.raises(StoreUnavailableError, match="away"):
        retrying(away, stop, stop.set, first_wait_seconds=60.0, max_wait_seconds=60.0)
    assert tries == [1]
