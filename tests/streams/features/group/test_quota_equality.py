from __future__ import annotations

import math

import pytest

from streams.features.group.quota_equality import QuotaEquality
from streams.testing.feature_trial import group


def test_equal_quotas() -> None:
    assert group(QuotaEquality, total=[5, 5, 5, 5]) == 1


def test_one_asks_for_all() -> None:
    assert group(QuotaEquality, total=[0, 0, 0, 8]) == pytest.approx(1 / 4)


def test_of_one_account_alone_it_is_unknown() -> None:
    assert math.isnan(group(QuotaEquality, total=[5]))
