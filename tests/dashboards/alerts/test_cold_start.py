from __future__ import annotations

from typing import Any


def test_a_worker_that_starts_with_unreadable_chunks_fires(ground: Any) -> None:
    ground.health("chunks_refused", 4, agent="accounts")
    assert ground.summaries("cold_start") == [
        "4 chunks of the state of accounts could not be read: up to 256 entities each start without history."
    ]


def test_what_was_counted_before_this_hour_is_old_news(ground: Any) -> None:
    ground.health("chunks_refused", 4, ago=4000, agent="accounts")
    ground.health("chunks_refused", 4, agent="accounts")
    assert ground.summaries("cold_start") == []


def test_workers_are_added_up(ground: Any) -> None:
    ground.health("chunks_refused", 4, instance="w-1", agent="groups")
    ground.health("chunks_refused", 3, instance="w-2", agent="groups")
    assert ground.summaries("cold_start") == [
        "7 chunks of the state of groups could not be read: up to 256 entities each start without history."
    ]
