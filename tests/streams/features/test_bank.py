from __future__ import annotations

import math

import numpy as np

from models.accumulators.grouped_events import GroupedEvents
from models.durations import DAY
from models.state.columns import Columns
from streams.features.bank import Bank
from streams.features.declaration import Feature
from streams.features.events import Events
from streams.features.expressions import col
from streams.features.needs import Sum
from streams.features.readings import (
    Reading,
    share,
)
from streams.testing.feature_trial import block_of


def tried(reading: Reading | None = None, name: str = "Tried") -> type[Feature]:
    """A feature that no file declares."""
    return type(name, (Feature,), {"value": reading})


def test_features_that_need_the_same_share_it() -> None:
    one, two = tried(share(col.seeded), "One"), tried(share(col.seeded), "Two")
    bank = Bank([one, two])
    assert bank.fields()[f"sums over {DAY:g}"].size == 2
    assert isinstance(one.value.needs[0], Sum)


def test_a_reading_rests_on_the_requests_where_it_was_known() -> None:
    bank = Bank([tried(share(col.seeded))])
    table = Columns("t", bank.fields())
    block = block_of({"seeded": [1, 0, math.nan, math.nan]})
    grouped = GroupedEvents.of(table.intern(["a"] * 4), np.asarray(block.numbers("time"), np.float64), table["clock"])
    bank.fold(table, Events(block, grouped))
    assert bank.read(table, np.zeros(1, np.int64))[1].tolist() == [[2.0]]
