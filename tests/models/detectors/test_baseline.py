from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.detectors.baseline import Baseline, BaselineColumns

LIMITS = {"egress": (0.0, 10.0), "share": (0.0, 1.0)}
VALUE = st.one_of(st.none(), st.floats(-5.0, 15.0, width=32), st.sampled_from([math.inf, -math.inf, math.nan, 0.0, 1.0]))
STREAM = st.lists(st.tuples(VALUE, VALUE), max_size=60)


def row(x: tuple[float | None, float | None]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array([[math.nan if value is None else value for value in x]], np.float32)


def named(x: tuple[float | None, float | None]) -> dict[str, float]:
    return {name: value for name, value in zip(LIMITS, x, strict=True) if value is not None}


@settings(deadline=None, max_examples=200)
@given(STREAM)
def test_columns_and_estimator_give_the_same_scores(stream: list[tuple[float | None, float | None]]) -> None:
    one = Baseline(LIMITS, half_life=8.0)
    many = BaselineColumns(LIMITS, half_life=8.0)
    state = many.empty(1)
    for x in stream:
        score = many.score(*state, row(x))[0]
        assert one.ready_one(named(x)) == bool(np.isfinite(score))
        assert one.score_one(named(x)) == pytest.approx(float(np.nan_to_num(score)), rel=1e-3, abs=1e-3)
        state = many.learn(*state, row(x))
        one.learn_one(named(x))


@settings(deadline=None)
@given(st.lists(st.tuples(VALUE, VALUE), min_size=2, max_size=20))
def test_rows_do_not_touch_each_other(stream: list[tuple[float | None, float | None]]) -> None:
    columns = BaselineColumns(LIMITS)
    together = columns.empty(2)
    alone = columns.empty(1)
    for x in stream:
        both = np.vstack([row(x), row((5.0, 0.5))])
        together = columns.learn(*together, both)
        alone = columns.learn(*alone, row(x))
    for pair, single in zip(together, alone, strict=True):
        assert np.array_equal(pair[:1], single)


def test_the_first_observation_is_the_mean() -> None:
    columns = BaselineColumns(LIMITS)
    mean, var, weight = columns.learn(*columns.empty(1), row((4.0, None)))
    assert (mean[0, 0], var[0, 0], weight[0, 0]) == (4.0, 0.0, 1.0)
    assert weight[0, 1] == 0.0


def test_after_one_half_life_an_observation_counts_half() -> None:
    columns = BaselineColumns(LIMITS, half_life=1.0)
    state = columns.learn(*columns.empty(1), row((3.0, None)))
    mean, _, weight = columns.learn(*state, row((6.0, None)))
    assert weight[0, 0] == 1.5
    assert mean[0, 0] == 5.0  # (3 / 2 + 6) / 1.5


def test_a_short_past_says_not_enough() -> None:
    model = Baseline(LIMITS)
    for _ in range(5):
        model.learn_one({"egress": 1.0})
    assert not model.ready_one({"egress": 9.0})
    assert model.score_one({"egress": 9.0}) == 0.0
    model.learn_one({"egress": 1.0})
    assert model.ready_one({"egress": 9.0})
    assert model.score_one({"egress": 9.0}) > 5.0


def test_scores_do_not_saturate() -> None:
    model = Baseline({"egress": (0.0, 1e6)}, floor=1e-6)
    for i in range(100):
        model.learn_one({"egress": 100.0 + i % 3})
    scores = [model.score_one({"egress": value}) for value in (110.0, 200.0, 2000.0, 20000.0)]
    assert scores == sorted(set(scores))


def test_silence_does_not_erase_the_past() -> None:
    model = Baseline(LIMITS)
    for _ in range(50):
        model.learn_one({"egress": 1.0, "share": 0.1})
    for _ in range(500):
        model.learn_one({"share": 0.1})
    assert model.score_one({"egress": 9.0}) > 10.0


def test_a_lasting_change_is_accepted_in_the_end() -> None:
    model = Baseline(LIMITS)
    for _ in range(100):
        model.learn_one({"egress": 1.0, "share": 0.1})
    before = model.score_one({"egress": 9.0, "share": 0.9})
    for _ in range(300):
        model.learn_one({"egress": 9.0, "share": 0.9})
    assert before > 10.0
    assert model.score_one({"egress": 9.0, "share": 0.9}) < 0.5


def test_whoever_takes_an_account_over_outranks_its_owner_on_a_bad_day() -> None:
    random = np.random.default_rng(7)
    columns = BaselineColumns({f"f{i}": (0.0, 1.0) for i in range(8)})
    habits = random.uniform(0.2, 0.8, (200, 8))
    state = columns.empty(200)
    for _ in range(40):
        state = columns.learn(*state, random.normal(habits, 0.05).astype(np.float32))
    owner = columns.score(*state, random.normal(habits, 0.05).astype(np.float32))
    thief = columns.score(*state, random.normal(np.roll(habits, 1, axis=0), 0.05).astype(np.float32))
    assert np.mean(thief > np.quantile(owner, 0.99)) > 0.9


def test_surprises_say_which_feature_changed() -> None:
    columns = BaselineColumns(LIMITS)
    state = columns.empty(1)
    for _ in range(20):
        state = columns.learn(*state, row((1.0, 0.5)))
    nats = columns.surprises(*state, row((9.0, 0.5)))[0]
    assert nats[0] > 10.0
    assert nats[1] == 0.0
    assert columns.deviations(*state, row((0.0, None)))[0, 0] < 0.0


def test_a_block_of_believed_rows_is_learned_as_one_by_one() -> None:
    random = np.random.default_rng(3)
    blocks, singles = Baseline(LIMITS, trust=100.0), Baseline(LIMITS, trust=100.0)
    for rows in (3, 1, 20, 0, 40):
        values = random.uniform((-1.0, 0.0), (11.0, 1.0), (rows, 2))
        values[random.random((rows, 2)) < 0.2] = math.nan
        blocks.learn_many(values)
        for each in values.tolist():
            singles.learn_one(dict(zip(LIMITS, each, strict=True)))
        for name in LIMITS:
            assert blocks._past[name] == pytest.approx(singles._past[name])
        scores = [singles.score_one(dict(zip(LIMITS, each, strict=True))) for each in values.tolist()]
        assert np.nan_to_num(blocks.score_many(values)) == pytest.approx(np.array(scores))


def test_a_block_of_unknowns_teaches_nothing() -> None:
    model = Baseline(LIMITS)
    model.learn_many(np.full((5, 2), math.nan))
    assert model._past == {"egress": (0.0, 0.0, 0.0), "share": (0.0, 0.0, 0.0)}
