from __future__ import annotations

import time
from typing import Any


def members(fresh: int, settled: int) -> dict[str, Any]:
    now = time.time()
    times = [now - 60] * fresh + [now - 7200] * settled
    return {f"a-{number}": {"joined_at": joined} for number, joined in enumerate(times)}


def test_an_old_case_with_twenty_one_new_accounts_fires(ground: Any) -> None:
    ground.case("case-1", ago=7200, members=members(fresh=21, settled=5))
    assert ground.summaries("case_grows_fast") == ["case-1 has gained 21 accounts within an hour."]


def test_twenty_new_accounts_are_not_enough(ground: Any) -> None:
    ground.case("case-1", ago=7200, members=members(fresh=20, settled=50))
    assert ground.summaries("case_grows_fast") == []


def test_a_case_of_this_hour_is_new_rather_than_growing(ground: Any) -> None:
    ground.case("case-1", ago=600, members=members(fresh=30, settled=0))
    assert ground.summaries("case_grows_fast") == []
