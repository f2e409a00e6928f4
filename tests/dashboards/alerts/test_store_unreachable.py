from __future__ import annotations

from typing import Any

from dashboards.alert_evaluator import Evaluator
from dashboards.rules import rules
from streams.core.errors import StoreUnavailableError


def test_eleven_refused_batches_in_five_minutes_fire(ground: Any) -> None:
    ground.health("insert_retries", 4, ago=400, table="scores")
    ground.health("insert_retries", 15, table="scores")
    assert ground.summaries("store_unreachable") == [
        "ClickHouse refused batches for scores 11 times in five minutes; the boards lag behind."
    ]


def test_retries_of_long_ago_do_not_count(ground: Any) -> None:
    for ago in (400, 5):
        ground.health("insert_retries", 500, ago=ago, table="scores")
    assert ground.summaries("store_unreachable") == []


def test_of_a_database_that_is_away_this_rule_and_the_heartbeat_speak_and_no_other() -> None:
    def away(_: str) -> list[dict[str, Any]]:
        raise StoreUnavailableError("it is away")

    evaluator = Evaluator(away)
    evaluator.evaluate(now=0, interval=30)
    told = {alert["labels"]["rule"]: alert["annotations"]["summary"] for alert in evaluator.evaluate(now=60, interval=30)}
    assert told == {name: rules()[name].silence for name in ("store_unreachable", "heartbeat")}
    assert "ClickHouse does not answer" in told["store_unreachable"]
