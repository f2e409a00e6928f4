"""The short part of `make torture`: what once lost or doubled events, on real processes."""

from __future__ import annotations

from pathlib import Path

import hurried  # noqa: F401 - scenarios register themselves
import load  # noqa: F401
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
