"""How rare a group's score is among ordinary groups, as soon as there are enough of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.evidence.calibration import MIN_FIT_VOTES
from models.evidence.weighing import SUSPECT_NATS
from models.state.columns import Columns
from streams.stages.groups.group_rows import ordinary_tail
from streams.stages.groups.state import GroupState

PARTITIONS = 2


def groups(*scores: float) -> Columns:
    """A partition's table of groups with these newest scores."""
    table = GroupState(0, PARTITIONS, {}).table
    slots = table.intern([f"router:{number:016x}" for number in range(len(scores))])
    table["last_score_row_nats"][slots], table["last_score_row_time"][slots] = np.array(scores), 1000.0
    return table


def alerts_of(table: Columns, score: float) -> float:
    return float(ordinary_tail(table).false_alerts(np.array([score]))[0])


def test_of_a_thousand_groups_forty_have_something_so_four_hundred_of_ten_thousand_would() -> None:
    table = groups(*[0.0] * 960, *[3.0] * 40)
    assert alerts_of(table, 0.25) == pytest.approx(400)
    assert 400 > alerts_of(table, 3.0) > alerts_of(table, 13.0) > 0


def test_with_few_groups_it_is_not_known() -> None:
    assert math.isnan(alerts_of(groups(*[0.0] * (MIN_FIT_VOTES - 41), *[3.0] * 40), 13.0))


@pytest.mark.parametrize(
    ("column", "value"), [("is_public_link", 1), ("last_score_row_nats", SUSPECT_NATS), ("last_score_row_time", -math.inf)]
)
def test_a_public_a_suspect_and_an_unscored_group_do_not_vote(column: str, value: float) -> None:
    table = groups(*[0.0] * 960, *[3.0] * 40, *[5.0] * 40)
    table[column][1000:1040] = value
    assert alerts_of(table, 0.25) == pytest.approx(400)
