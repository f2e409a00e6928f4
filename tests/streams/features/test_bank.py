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
from streams.features.registry import features
from streams.testing.feature_trial import block_of, derived_columns


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


def test_what_is_read_together_is_what_each_feature_reads_by_itself() -> None:
    bank = Bank(features("account"))
    table = Columns("t", bank.fields())
    given = {"output_tokens": [100, 400, 5], "input_tokens": [10, 20, 900], "duration": [1, 2, 3], "user_agent": ["a", "b", None]}
    block = block_of(given | {"status": [200, 429, 200], "conversation": [1, 2, 2], "seeded": [1, None, 0]})
    times = np.asarray(block.numbers("time"), np.float64)
    slots = table.intern(["ada", "bob", "ada"])
    grouped = GroupedEvents.of(slots, times, table["clock"])
    bank.fold(table, Events(block, grouped, derived_columns(block, grouped, {})))
    entities = np.unique(slots)
    values, weights = bank.read(table, entities)
    for row, feature in enumerate(bank.features):
        value, weight = feature.value.read(bank.reader(table, entities))
        np.testing.assert_array_equal(values[:, row], value, feature.name())
        np.testing.assert_array_equal(weights[:, row], weight, feature.name())
    assert np.isfinite(values).any(axis=0).sum() > len(bank.features) / 3, "the comparison is of known values"
