from __future__ import annotations

import pickle

import numpy as np

from models.detectors.router import RouterModels

LIMITS = {"accounts": (0.0, 100.0), "length": (0.0, 10.0)}


def seen(router: int, seed: int, rows: int = 120, accounts: float = 20.0) -> list[dict[str, float]]:
    random = np.random.default_rng(seed)
    values = random.normal((accounts, 5.0), (3.0, 0.5), (rows, 2)).tolist()
    return [{"router": router, "accounts": each, "length": length} for each, length in values]


def teach(models: RouterModels, rows: list[dict[str, float]]) -> None:
    for x in rows:
        models.learn_one(x)


def test_each_router_is_measured_against_its_own_past() -> None:
    models = RouterModels(LIMITS)
    teach(models, seen(1, seed=1, accounts=20.0))
    teach(models, seen(2, seed=2, accounts=80.0))
    usual_for_one = {"accounts": 20.0, "length": 5.0}
    assert models.score_one({"router": 2, **usual_for_one}) > models.score_one({"router": 1, **usual_for_one}) + 1.0


def test_the_least_recently_taught_router_goes_first() -> None:
    models = RouterModels(LIMITS, most=2)
    for router in (1, 2, 1, 3):
        teach(models, seen(router, seed=router, rows=1))
    assert models.routers == [1, 3]


def test_scoring_is_no_use_and_does_not_keep_a_router() -> None:
    models = RouterModels(LIMITS, most=2)
    for router in (1, 2):
        teach(models, seen(router, seed=router, rows=1))
    models.score_one(seen(1, seed=9, rows=1)[0])
    teach(models, seen(3, seed=3, rows=1))
    assert models.routers == [2, 3]


def test_an_unknown_router_is_neither_learned_nor_scored() -> None:
    models = RouterModels(LIMITS)
    teach(models, seen(0, seed=1))
    models.learn_one({"accounts": 3.0})
    assert models.routers == []
    assert models.score_one({"accounts": 3.0}) == 0.0
    assert not models.ready_one({"accounts": 3.0})


def test_a_router_gets_the_same_model_whoever_came_before_it() -> None:
    alone, crowded = RouterModels(LIMITS), RouterModels(LIMITS)
    teach(crowded, seen(5, seed=5))
    for models in (alone, crowded):
        teach(models, seen(2**63 + 11, seed=6))
    x = seen(2**63 + 11, seed=7, rows=1)[0]
    assert alone.score_one(x) == crowded.score_one(x)


def test_one_router_takes_at_most_200_kilobytes_in_memory_and_40_when_kept() -> None:
    models = RouterModels({f"f{i}": (0.0, 1.0) for i in range(12)})
    teach(models, [{"router": 1, **{f"f{i}": 0.5 for i in range(12)}}] * 300)
    assert models._raw_memory_usage < 200_000
    assert len(pickle.dumps(models)) < 40_000
