"""What a worker keeps of the detectors in shadow when its features change: an upgrade, or a package that brings one."""

from __future__ import annotations

import numpy as np

from models.arrays import Floats
from models.state.columns import Columns
from streams.features.declaration import Feature
from streams.features.registry import features
from streams.stages.shadow_detectors import ShadowDetectors

KEY = b"sixteen bytes or more"
ACCOUNTS = 20
FEATURES = features("account")
Features = tuple[type[Feature], ...]


def learn(detectors: ShadowDetectors, columns: int) -> dict[str, Floats]:
    """Score and learn one block of accounts."""
    table = Columns("accounts", detectors.fields)
    slots = np.arange(ACCOUNTS)
    values = np.linspace(0.0, 1.0, ACCOUNTS * columns).reshape(ACCOUNTS, columns)
    return detectors.score_then_learn(table, slots, np.zeros(ACCOUNTS, np.uint64), values, np.ones(ACCOUNTS, np.bool_), offset=1)


def stored(of: Features) -> dict[str, bytes]:
    detectors = ShadowDetectors("accounts", of, KEY)
    learn(detectors, len(of))
    return {chunk: detectors.dump(chunk) for chunk in detectors.dirty()}


def read(chunks: dict[str, bytes], of: Features) -> ShadowDetectors:
    detectors = ShadowDetectors("accounts", of, KEY)
    detectors.load(chunks.items())
    return detectors


def test_models_of_the_same_features_are_read_back() -> None:
    chunks = stored(FEATURES)
    assert chunks
    assert read(chunks, FEATURES).unreadable_chunks == 0


def test_models_that_somebody_changed_are_refused_and_counted() -> None:
    chunks = {chunk: data[:-1] + bytes([data[-1] ^ 1]) for chunk, data in stored(FEATURES).items()}
    assert read(chunks, FEATURES).unreadable_chunks == len(chunks)


def test_models_of_fewer_more_or_other_features_start_empty_without_an_alarm_and_the_worker_goes_on() -> None:
    """State of 0.2.0, which knew fewer features, ended every worker of later versions at its first score."""
    for before, now in ((FEATURES[:-1], FEATURES), (FEATURES, FEATURES[:-1]), (FEATURES[::-1], FEATURES)):
        chunks = stored(before)
        detectors = read(chunks, now)
        assert detectors.unreadable_chunks == 0
        assert set(learn(detectors, len(now))) >= {"baseline", "population"}
        assert set(detectors.dirty()) == set(chunks)
