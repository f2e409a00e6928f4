from __future__ import annotations

from math import exp, isnan

import pytest

from streams.features.account.sdk_versions import SdkVersions
from streams.testing.feature_trial import account


def test_two_versions_and_a_runtime() -> None:
    assert exp(account(SdkVersions, sdk_version=["1.0", "1.1", "1.1"], sdk_runtime=["node", "node", "deno"])) == pytest.approx(
        1 + 3, abs=0.2
    )


def test_logs_without_clients_say_nothing() -> None:
    assert isnan(account(SdkVersions, input_tokens=5))
