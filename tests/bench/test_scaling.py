from __future__ import annotations

from pathlib import Path

import pytest
from scaling import SHARES, by_case, by_features, by_members, filled, later_events
from whole import whole

from streams.features.registry import features
from streams.testing import speed_tables
from streams.testing.figures import write


def test_a_stage_is_filled_with_so_many_accounts_and_their_later_events_cost_something() -> None:
    stages = filled(1_500)
    assert sum(stage.counters()["entities"] for stage in stages) == 1_500
    assert 0 < later_events(stages, 1_500) < 10_000
    assert sum(stage.counters()["entities"] for stage in stages) == 1_500


def test_every_fourth_feature_is_measured_and_then_all() -> None:
    few, *_, every = (by_features(share, accounts=50) for share in (SHARES[0], SHARES[-1]))
    assert few["features"] == -(-every["features"] // 4)
    assert every["features"] == len(features("account"))


def test_a_group_is_scored_once_for_each_measurement() -> None:
    assert by_members(40)["ms_a_tick"] > 0
    with pytest.raises(SystemExit, match="was not scored"):
        by_members(2)


def test_a_version_of_a_case_costs_what_changed_in_it() -> None:
    small, large = by_case(200), by_case(400)
    assert large["bytes_a_version"] < 1.05 * small["bytes_a_version"] < large["bytes_whole"] / 4
    assert large["bytes_whole"] > 1.8 * small["bytes_whole"]
    text = speed_tables.cases({"cases": {"200": small}})
    assert f"| 200 | {small['bytes_whole']:,} | {small['bytes_a_version']:,} |" in text


def test_the_whole_table_takes_what_was_measured_here_else_what_is_kept_and_names_what_neither_has(tmp_path: Path) -> None:
    measured, kept = tmp_path / "measured", tmp_path / "kept"
    here = write("bench-scale", {"accounts": {}, "members": {"100": {"ms_a_tick": 3.0}}, "features": []}, command="x", folder=measured)
    older = {"accounts": {}, "members": {"100": {"ms_a_tick": 4.0}}, "features": []}
    write("0.1.0", older, command="x", folder=kept / "bench-scale")
    text = "\n".join(whole(measured, kept))
    assert "| 100 | 3.0 | 5 | met |" in text
    assert "`make bench-peers` was not run here" in text
    here.unlink()
    assert "| 100 | 4.0 | 5 | met |" in "\n".join(whole(measured, kept))
