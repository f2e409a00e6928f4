from __future__ import annotations

from pathlib import Path

import numpy as np
from training_rows import Rows

from streams.stages.groups.model_inputs import INPUT_NAMES


def rows(world: str, moments: list[int]) -> Rows:
    count = len(moments)
    text = np.array([world] * count)
    inputs = np.full((count, len(INPUT_NAMES)), np.nan)
    inputs[:, 0] = moments
    return Rows(text, text, text, text, text, np.array(moments), np.ones(count, bool), np.zeros(count, bool), inputs)


def test_rows_come_back_as_they_were_but_for_the_names_of_accounts(tmp_path: Path) -> None:
    kept = Rows.joined([rows("a", [0, 0, 1]), rows("b", [0])])
    kept.write({"a": "1234567"}, tmp_path / "rows.parquet")
    read, recorded_by = Rows.read(tmp_path / "rows.parquet")
    assert recorded_by == {"a": "1234567"}
    assert read.world.tolist() == kept.world.tolist()
    assert read.moment.tolist() == [0, 0, 1, 2]
    assert read.account.tolist() == ["0", "0", "0", "1"]
    np.testing.assert_array_equal(read.inputs, kept.inputs)
    assert (read.guilty.tolist(), read.tellable.tolist()) == ([True] * 4, [False] * 4)
