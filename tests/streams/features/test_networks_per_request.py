from __future__ import annotations

from math import isnan

import pytest

from streams.features.networks_per_request import NetworksPerRequest
from streams.trial import account


def test_four_requests_from_two_networks() -> None:
    assert account(NetworksPerRequest, client_network=[1, 1, 2, 2]) == pytest.approx(0.5, abs=0.02)


def test_every_request_from_elsewhere() -> None:
    assert account(NetworksPerRequest, client_network=[1, 2, 3, 4]) > 0.95


def test_without_networks_it_does_not_know() -> None:
    assert isnan(account(NetworksPerRequest, client_network=0))
