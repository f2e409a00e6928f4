"""The table of costs beside the code is the newest kept measurement."""

from __future__ import annotations

from pathlib import Path

from streams.replay.lacking_costs import Costs, stored
from streams.testing import figures
from streams.testing.kept_costs import TARGET, costs


def test_what_is_shown_is_what_was_kept() -> None:
    assert stored() == costs(), "run make render"


def test_the_newest_release_counts_and_nothing_is_shown_where_nothing_was_kept(tmp_path: Path) -> None:
    assert costs(tmp_path) == Costs("", 0, [])
    row = {"log": "kong", "fields": 9, "campaigns": 11, "campaigns_found": 1, "found_or_asked": 3, "benign": 5}
    figures.write(TARGET, {"logs": [row]}, command="make", revision="abc", folder=tmp_path / TARGET)
    ((only,), campaigns) = costs(tmp_path).rows, costs(tmp_path).campaigns
    assert (only.log, only.campaigns_found, only.campaigns_found_or_asked, campaigns) == ("kong", 1, 3, 11)
