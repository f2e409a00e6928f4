"""Templates that several accounts share, as the groups stage announces them."""

from __future__ import annotations

import numpy as np
import pytest

from streams.stages.accounts import templates
from streams.stages.accounts.state import AccountState
from streams.stages.accounts.templates import AccountTemplates


@pytest.fixture
def known() -> AccountTemplates:
    return AccountTemplates(AccountState(0, 1, {}), cells=8)


def test_a_template_that_is_known_costs_a_look_up_and_changes_nothing(known: AccountTemplates) -> None:
    known.share(np.array([7, 5, 0], np.uint64))
    before = known.shared
    known.share(np.array([5, 7], np.uint64))
    assert known.shared is before
    assert before.tolist() == [5, 7]


def test_of_too_many_templates_the_newest_stay(known: AccountTemplates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MAX_SHARED_TEMPLATES", 3)
    for value in (9, 1, 8, 2):
        known.share(np.array([value], np.uint64))
    assert known.shared.tolist() == [1, 2, 8]
