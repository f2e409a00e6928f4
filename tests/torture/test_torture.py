"""The short part of `make torture`: what once lost or doubled events, on real processes."""

from __future__ import annotations

from pathlib import Path

import hurried  # noqa: F401 - scenarios register themselves
import load
import machines  # noqa: F401
import owners  # noqa: F401
import pytest
import scenarios  # noqa: F401
from trial import SCENARIOS


@pytest.mark.integration
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["frozen", "sent_again"])
def test_every_event_counts_once(name: str, tmp_path: Path) -> None:
    assert SCENARIOS[name](tmp_path, 1).faults == []


def test_growth_is_what_the_most_grew_by_in_the_second_half_and_no_dip() -> None:
    hours = [tenth * 360.0 for tenth in range(1, 11)]
    dip = load.Samples(times=hours, memory={"worker": [500, 590, 610, 615, 613, 590, 590, 609, 612, 604]})
    leak = load.Samples(times=hours, memory={"worker": [500, 510, 520, 530, 540, 550, 560, 570, 580, 594]})
    assert dip.growth("worker") == 0.0
    assert leak.growth("worker") == pytest.approx(20.0)
