"""A stage of cases that has heard nothing yet."""

from __future__ import annotations

import pytest

from streams.testing.case_desk import CaseDesk


@pytest.fixture
def desk() -> CaseDesk:
    """Return a stage with the policy of this version."""
    return CaseDesk()
