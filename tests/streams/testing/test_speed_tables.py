from __future__ import annotations

from streams.testing.figures import Figures
from streams.testing.speed_tables import (
    accounts,
    blocks,
    blocks_chart,
    feature_counts,
    members,
    programs,
    programs_chart,
    programs_do,
    rooms,
    rooms_chart,
)


def replayed(accounts_us: float) -> Figures:
    return {"us_an_event": {"collect": 40.0, "accounts": accounts_us}}


REPLAY: Figures = {"now": {"replay": {"1": replayed(60.0), "4": replayed(160.0)}, "by_block": {"4": 2_371.4, "4096": 15.0}}}


def spread(median: float) -> Figures:
    return {"min": median / 2, "median": median, "max": 2 * median}


def rate(cpu: float) -> Figures:
    return {
        "rounds": 5,
        "cpu_us": spread(cpu),
        "parts_us": {"collect": cpu / 4, "worker": cpu * 3 / 4},
        "broker_us": spread(10.0),
        "clickhouse_us": spread(20.0),
        "p50_seconds": spread(0.5),
        "p99_seconds": spread(1.0),
        "events_a_second": spread(2_000.0),
        "rounds_held": 4,
        "other_cores": spread(0.5),
    }


def program(words: str, rates: Figures, not_run: str = "") -> Figures:
    return {
        "words": words,
        "version": "1.2",
        "does": "all of it",
        "lacks": "nothing",
        "not_run": not_run,
        "rates": rates,
        "idle_ms_a_second": spread(7.0),
    }


PEERS: Figures = {
    "programs": {
        "hydrometer": program("ours", {"300": rate(100.0), "full": rate(50.0)}),
        "quix": program("Quix Streams", {"300": rate(80.0), "full": rate(40.0)}),
        "pathway": program("Pathway", {}, "it has no wheel for this Python"),
    },
    "ratios": {"300": {"best": "quix", "best_peer_us / ours": 0.8}, "full": {"best": "quix", "best_peer_us / ours": 0.8}},
    "cores": 2,
    "other_cores": spread(0.5),
}


def test_a_block_that_costs_more_than_the_goal_is_missed() -> None:
    assert blocks(REPLAY).splitlines()[2:] == ["| 4 | 2,371 | 25 | missed |", "| 4096 | 15 | 25 | met |"]
    assert blocks_chart(REPLAY).count("<circle") == 2


def test_rooms_are_added_up_and_the_most_partitions_are_compared_with_one() -> None:
    lines = rooms(REPLAY).splitlines()
    assert lines[2:5] == ["| collect | 40 | 40 |", "| accounts | 60 | 160 |", "| all | 100 | 200 |"]
    assert lines[-1] == "With 4 partitions it is 2.0 times the cost with 1 (goal: at most 1.2)."
    assert rooms_chart(REPLAY).count("<rect") == 2


def test_cost_by_accounts_members_and_features_has_a_row_each() -> None:
    each = {"us_an_event": 23.4, "state_bytes_an_account": 2_702, "resident_mb": 168.2}
    assert accounts({"accounts": {"1000": each}}).splitlines()[2] == "| 1,000 | 23 | 2,702 | 168 | missed |"
    assert members({"members": {"60000": {"ms_a_tick": 432.7}}}).splitlines()[2] == "| 60,000 | 432.7 | 5 | missed |"
    assert feature_counts({"features": [{"features": 9, "us_an_event": 18.9}]}).splitlines()[2] == "| 9 | 19 |"


def test_a_program_has_a_row_a_rate_and_one_that_was_not_run_says_why() -> None:
    lines = programs(PEERS).splitlines()
    assert lines[2] == "| ours 1.2 | 300 | 100 (50 to 200): collect 25, worker 75 | 10, 20 | 0.50, 1.00 | 2,000 | 4 of 5 |"
    assert lines[3] == "| ours 1.2 | full | 50 (25 to 100): collect 12, worker 38 | 10, 20 |  | 2,000 |  |"
    assert "| Pathway 1.2 | not run | it has no wheel for this Python |  |  |  |  |" in lines
    assert "At 300 events a second the cheapest peer (quix) takes 0.8 times our CPU time an event (goal: at least 1)." in lines[-3]
    assert "From a backlog the cheapest peer (quix) takes 0.8 times our CPU time an event (goal: at least 4)." in lines[-3]
    assert lines[-1].startswith("Without events they take, in milliseconds of CPU a second: hydrometer 7, quix 7. ")
    assert lines[-1].endswith("Of 2 cores others kept 0.50 (0.25 to 1.00) busy meanwhile.")


def test_what_was_run_is_drawn_and_what_each_does_is_said() -> None:
    assert programs_chart(PEERS).count("<circle") == 2
    assert programs_chart(PEERS).count("<rect") == 2
    assert programs_do(PEERS).count("| all of it | nothing |") == 3
