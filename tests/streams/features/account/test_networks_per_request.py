from __future__ import annotations

from math import isnan

import pytest

from streams.features.account.networks_per_request import NetworksPerRequest
from streams.testing.feature_trial import account


def test_of_three_further_requests_one_came_from_a_further_network() -> None:
    assert account(NetworksPerRequest, client_network=[1, 1, 2, 2]) == pytest.approx(1 / 3, abs=0.02)


def test_who_asks_twice_from_one_network_has_no_further_one() -> None:
    assert account(NetworksPerRequest, client_network=[1, 1]) == pytest.approx(0.0, abs=0.02)


def test_one_request_says_nothing() -> None:
    assert isnan(account(NetworksPerRequest, client_network=[1]))


def test_every_request_from_elsewhere() -> None:
    assert account(NetworksPerRequest, client_network=[1, 2, 3, 4]) > 0.95


def test_without_networks_it_does_not_know() -> None:
    assert isnan(account(NetworksPerRequest, client_network=0))
