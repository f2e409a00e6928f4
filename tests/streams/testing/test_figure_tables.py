from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.testing.figure_tables import authors, bench, evaluate, fill, fuzz, mutants, peers, torture
from streams.testing.figures import Measurement


def kept(figures: Any, version: str = "0.3.0") -> Measurement:
    return Measurement(
        target="bench",
        version=version,
        revision="4205a4e",
        date="2026-11-26",
        machine="2 cores",
        command="make bench",
        seed=None,
        partial="",
        versions={},
        figures=figures,
    )


def speeds(agent: float, loop: float, plain: float) -> dict[str, Any]:
    medians = {"accounts_agent": agent, "confluent_loop": loop, "plain_faust": plain}
    return {"events_per_cpu_second": {name: {"median": median} for name, median in medians.items()}}


def test_speeds_stand_side_by_side_by_release_with_the_ratio_of_the_newest() -> None:
    lines = bench([kept(speeds(100, 50, 10), "0.1.0"), kept(speeds(120_000, 40_000, 10_000))]).splitlines()
    assert lines[2].endswith("| 100 | 120,000 | 12.0 |")
    assert lines[4].endswith("| 10 | 10,000 | 1.0 |")
    assert lines[-1] == "*Version 0.3.0: `make bench` on 2026-11-26, revision `4205a4e`, 2 cores.*"


def test_a_split_that_was_not_measured_has_no_row() -> None:
    counts = {"campaigns_found": 9, "campaigns": 10, "benign_alerted": 2, "benign": 1_000}
    lines = evaluate([kept({"wild": {"counts": counts, "median_leak": [0.025, 0.01, 0.04]}})]).splitlines()
    assert lines[2] == "| drawn at random; some hide everything that would link them | 9 of 10 | 2.5% | 2 of 1,000 |"
    assert lines[3] == ""


def test_a_world_of_another_author_is_a_row() -> None:
    world = {"world": "harbour:1", "average_precision": 0.912, "recall": 0.5, "found": "4/5", "found_or_asked": "5/5", "leak": 0.05}
    lines = authors([kept({"worlds": [world | {"innocents": "2/1858", "asked": "30/40"}]})]).splitlines()
    assert lines[2] == "| `harbour:1` | 0.91 | 0.50 | 4/5 (5/5) | 5% | 2/1858 | 30/40 |"


def test_inputs_of_a_reader_are_added_over_its_runs_and_the_worst_of_them_is_shown() -> None:
    run = {"target": "lines", "inputs": 1_000, "good": True, "slowest_seconds": 0.25, "growth_mb": 1.5}
    lines = fuzz([kept({"runs": [run, run | {"slowest_seconds": 0.5, "good": False}]})]).splitlines()
    assert lines[2:4] == ["| `lines` | 2,000 | 1 | 0.500 | 1.5 |", "| all | 2,000 | 1 |  |  |"]


def test_the_score_is_the_share_of_mutants_killed() -> None:
    lines = mutants([kept({"modules": [{"module": "a.py", "mutants": 20, "killed": 15}]})]).splitlines()
    assert lines[2] == "| `a.py` | 20 | 15 | 75% |"


def test_a_clients_suite_says_what_passed_and_why_the_rest_need_not() -> None:
    suite = {
        "suite": "asynch",
        "version": "1",
        "revision": "4205a4e",
        "passed": 1_200,
        "failed": 3,
        "skipped": 2,
        "waived": [["no TLS", 3]],
    }
    lines = peers([kept({"suites": [suite]})]).splitlines()
    assert lines[2] == "| asynch | 1 | 1,203 | 1,200 | 3 | 2 | `4205a4e` |"
    assert "| asynch | 3 | no TLS |" in lines


def test_a_marker_is_replaced_and_all_else_stays(tmp_path: Path) -> None:
    (tmp_path / "mutants").mkdir()
    run = kept({"modules": [{"module": "a.py", "mutants": 2, "killed": 1}]})
    (tmp_path / "mutants" / "0.3.0.json").write_bytes(msgspec.json.encode(run))
    page = fill("# Tests\n\n[figures: mutants](data/mutants)\n\n[a link](data/mutants)\n", tmp_path)
    assert "| `a.py` | 2 | 1 | 50% |" in page
    assert page.startswith("# Tests\n\n|")
    assert page.endswith("\n\n[a link](data/mutants)\n")


def test_a_marker_without_figures_says_which_target_would_make_them(tmp_path: Path) -> None:
    assert fill("[figures: mutants](data/mutants)", tmp_path) == "*No figures of `make mutants` are kept.*\n"


def test_a_marker_of_an_unknown_table_names_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="speed of light"):
        fill("[figures: speed of light](data/bench)", tmp_path)


def test_a_scenario_of_torture_says_what_was_found_and_what_was_measured() -> None:
    calm = {"scenario": "killed", "what": "Kills.", "seconds": 90.4, "good": True, "faults": [], "notes": {"refusals": 2}}
    bad = calm | {"scenario": "stopped", "good": False, "faults": ["a stop took 11.0 s"], "notes": {}}
    lines = torture([kept({"runs": [calm, bad]})]).splitlines()
    assert lines[2] == "| `killed` | Kills. | 90 | every event counts once | refusals 2 |"
    assert lines[3] == "| `stopped` | Kills. | 90 | a stop took 11.0 s |  |"
