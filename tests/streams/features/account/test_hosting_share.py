from __future__ import annotations

from streams.features.account.hosting_share import HostingShare
from streams.testing.feature_trial import account


def test_rented_machines_and_vpns() -> None:
    assert account(HostingShare, as_type=["hosting", "vpn", "isp", "education"]) == 0.5


def test_unknown_networks_are_left_out() -> None:
    assert account(HostingShare, as_type=["hosting", None]) == 1
