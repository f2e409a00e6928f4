"""The contract checks of every detector.

`models.detector_registry.detectors()` returns each class in `models/detectors`; `yield_checks(model)` yields River's checks and this
project's own. A new file there is checked without being listed anywhere.

All applicable checks of `river.checks` run, on `stream()` instead of River's data sets, which River downloads from the network. Left out
are `check_roc_auc` (needs scikit-learn; `check_storm_outranks_calm` is stricter), `check_debug_one` (no detector here implements it), and
the checks of transformers, mini-batches, forecasters and recommenders.
"""

from __future__ import annotations

import copy
import functools
import math
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base
from river.checks import clf, common

from models.state.signed_pickle import seal, unseal

Check = Callable[[Any], None]
Example = tuple[dict[str, float], bool]

FEATURES = tuple(f"f{i}" for i in range(6))
"""Features in every detector's `_unit_test_params`, with limits 0..1."""

_SEAL_KEY = b"contract checks " * 2
_CALM, _STORM, _SPREAD = 0.4, 0.9, 0.05
_RIVER_PLAIN = (
    common.check_repr,
    common.check_str,
    common.check_tags,
    common.check_doc,
    common.check_clone_same_class,
    common.check_clone_is_idempotent,
    common.check_clone_changes_memory_addresses,
    common.check_clone_with_new_params_applies,
    common.check_repr_roundtrips_clone,
    common.check_mutate_can_be_idempotent,
    common.check_init_has_default_params_for_tests,
    common.check_init_default_params_are_not_mutable,
    common.check_get_params_matches_signature,
    common.check_pickling_supports_roundtrip,
)
_RIVER_STREAM = (
    common.check_learn_one,
    common.check_pickling,
    common.check_shuffle_features_no_impact,
    common.check_emerging_features,
    common.check_disappearing_features,
    common.check_radically_disappearing_features,
    common.check_predict_one_pure,
    common.check_predict_one_before_any_learn,
    common.check_no_state_aliasing_with_input,
    common.check_clone_is_independent,
    common.check_seeding_is_idempotent,
    common.check_bounded_memory_growth,
)
_RIVER_CLASSIFIER = (
    clf.check_predict_proba_one,
    clf.check_predict_proba_one_binary,
    clf.check_classifier_tracks_seen_labels,
)


def examples(kind: type[base.Estimator]) -> list[base.Estimator]:
    """Return one new detector for each of the class's own test parameters."""
    return [kind(**params) for params in kind._unit_test_params()]  # noqa: SLF001 (River's protocol)


def stream(seed: int, rows: int, storms: float = 0.1) -> list[Example]:
    """Return examples (features, whether it is a storm) in time order.

    Args:
        seed: Seed of the random numbers.
        rows: Number of examples.
        storms: Share of storms: all features are around 0.9 in a storm, and around 0.4 otherwise.
    """
    random = np.random.default_rng(seed)
    storm = random.random(rows) < storms
    values = random.normal(np.where(storm, _STORM, _CALM)[:, None], _SPREAD, (rows, len(FEATURES)))
    return [({**dict(zip(FEATURES, row, strict=True)), "router": 7}, bool(y)) for row, y in zip(values.tolist(), storm, strict=True)]


def roc_auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve: the share of pairs in which the positive scores higher, ties count half.

    >>> roc_auc(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False]))
    0.625

    Args:
        scores: (rows,).
        positive: (rows,).
    """
    _, position, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2.0)[position]
    hits = int(positive.sum())
    return float((rank[positive].sum() - hits * (hits + 1) / 2.0) / (hits * (len(scores) - hits)))


def yield_checks(model: base.Estimator) -> Iterator[Check]:
    """Yield every check that applies to this detector. A check takes a new clone of it, and raises AssertionError if it fails."""
    river_checks = _RIVER_STREAM + (_RIVER_CLASSIFIER if isinstance(model, base.Classifier) else ())
    yield from _RIVER_PLAIN
    for check in river_checks:
        yield functools.update_wrapper(functools.partial(check, dataset=stream(0, 300)), check)
    yield from _CHECKS
    if isinstance(model, base.AnomalyDetector):
        yield from _UNSUPERVISED_CHECKS


def check_storm_outranks_calm(model: Any) -> None:
    """After the warm-up, storms score above calm: area under the ROC curve at least 0.95, every example scored before it is learned."""
    scores, storms = [], []
    for x, storm in [*stream(1, _warm(model), storms=0.02), *stream(2, 500)]:
        scores.append(model.score_one(x))
        storms.append(storm)
        _learn(model, x, storm=storm)
    late = slice(-500, None)
    auc = roc_auc(np.array(scores[late]), np.array(storms[late]))
    _hold(auc >= 0.95, f"a storm does not outrank calm: AUC {auc:.3f}")  # noqa: PLR2004 (said above)


def check_scoring_is_pure_and_comes_before_learning(model: Any) -> None:
    """A new model is not ready, its scores are finite, and scoring changes neither the model nor its input."""
    (x, _), *_ = stream(3, 1)
    _hold(not model.ready_one(x), "a model without experience is ready")
    _hold(math.isfinite(model.score_one(x)), "a fresh model does not score")
    _teach(model, stream(3, 150))
    state, given = pickle.dumps(model), dict(x)
    for other, _ in stream(4, 50, storms=0.5):
        model.score_one(other)
    model.score_one(x)
    _hold(x == given, "scoring changed its input")
    _hold(pickle.dumps(model) == state, "scoring changed the model")


def check_constant_stream_stays_finite(model: Any) -> None:
    """A constant stream has finite scores, and a different value after it too."""
    x = {**dict.fromkeys(FEATURES, 0.5), "router": 7}
    for i in range(_warm(model)):
        _hold(math.isfinite(model.score_one(x)), f"the score of a constant is not finite after {i} observations")
        _learn(model, x, storm=bool(i % 2))
    _hold(math.isfinite(model.score_one({**x, "f0": 0.6})), "the score beside a constant is not finite")


def check_unknown_input_stays_finite(model: Any) -> None:
    """NaN, None, infinities, missing and undeclared features raise no error and give finite scores."""
    _teach(model, stream(5, _warm(model)))
    for odd in (math.nan, None, math.inf, -math.inf, 1e300):
        for x in ({**stream(6, 1)[0][0], "f1": odd}, {**dict.fromkeys(FEATURES, odd), "router": 7}, {"other": odd}, {}):
            _learn(model, x, storm=False)
            _hold(math.isfinite(model.score_one(x)), f"the score of {odd} is not finite")
    _hold(all(math.isfinite(model.score_one(x)) for x, _ in stream(7, 50)), "scores after odd values are not finite")


def check_same_seed_same_scores(model: Any) -> None:
    """Two clones with the same input have the same scores, to the last bit."""
    one, two = model.clone(), model.clone()
    for x, storm in stream(8, _warm(model)):
        _hold(one.score_one(x) == two.score_one(x), "two clones disagree")
        _learn(one, x, storm=storm)
        _learn(two, x, storm=storm)


def check_memory_is_bounded(model: Any) -> None:
    """Of 10,000 different values, entities and undeclared feature names the second 5,000 add less than a tenth to the state's bytes."""
    sizes = []
    for half in range(2):
        for i, (x, storm) in enumerate(stream(9 + half, 5000)):
            entity = 1 + half * 500 + i // 10
            _learn(model, {**x, "router": entity, f"other{half}{i}": 1.0, "account": f"a{half}{i}"}, storm=storm)
        sizes.append(len(pickle.dumps(model)))
    _hold(sizes[1] <= 1.1 * sizes[0] + 1024, f"the state grows: {sizes[0]} bytes after 5,000, {sizes[1]} after 10,000")


def check_survives_seal_and_copy(model: Any) -> None:
    """A sealed and unsealed model, and a copy, have the same scores, also after further learning."""
    _teach(model, stream(11, _warm(model)))
    twins = [unseal(seal(model, _SEAL_KEY, "check"), _SEAL_KEY, type(model), "check"), copy.deepcopy(model)]
    for x, storm in stream(12, 300):
        scores = [copied.score_one(x) for copied in (model, *twins)]
        _hold(len(set(scores)) == 1, f"scores differ after a seal or a copy: {scores}")
        for copied in (model, *twins):
            _learn(copied, x, storm=storm)


def check_limits_are_respected(model: Any) -> None:
    """A value beyond its declared limits is scored and learned like the limit itself."""
    beyond, at_limit = model.clone(), model.clone()
    for x, storm in stream(13, _warm(model)):
        _learn(beyond, {**x, "f0": 50.0}, storm=storm)
        _learn(at_limit, {**x, "f0": 1.0}, storm=storm)
        same = beyond.score_one({**x, "f1": -9.0}) == at_limit.score_one({**x, "f1": 0.0})
        _hold(same, "a value beyond the limits differs from the limit")


def check_burst_does_not_become_normal(model: Any) -> None:
    """After 20 calm windows and a campaign of 3, the campaign still outranks 99 of 100 calm observations. For unsupervised detectors."""
    _teach(model, stream(14, 20 * model.window, storms=0.0))
    _teach(model, stream(15, 3 * model.window, storms=1.0))
    calm = np.quantile([model.score_one(x) for x, _ in stream(16, 300, storms=0.0)], 0.99)
    storm = float(np.median([model.score_one(x) for x, _ in stream(17, 100, storms=1.0)]))
    _hold(storm > calm, f"the model learned the campaign: it scores {storm:.2f}, calm reaches {calm:.2f}")


_CHECKS: tuple[Check, ...] = (
    check_storm_outranks_calm,
    check_scoring_is_pure_and_comes_before_learning,
    check_constant_stream_stays_finite,
    check_unknown_input_stays_finite,
    check_same_seed_same_scores,
    check_memory_is_bounded,
    check_survives_seal_and_copy,
    check_limits_are_respected,
)
_UNSUPERVISED_CHECKS: tuple[Check, ...] = (check_burst_does_not_become_normal,)


def _warm(model: Any) -> int:
    return 6 * int(getattr(model, "window", 100))


def _learn(model: Any, x: dict[Any, Any], *, storm: bool) -> None:
    if isinstance(model, base.Classifier):
        model.learn_one(x, storm)
    else:
        model.learn_one(x)


def _teach(model: Any, rows: list[Example]) -> None:
    for x, storm in rows:
        _learn(model, x, storm=storm)


def _hold(condition: bool, message: str) -> None:  # noqa: FBT001 (it is an assertion)
    if not condition:
        raise AssertionError(message)
