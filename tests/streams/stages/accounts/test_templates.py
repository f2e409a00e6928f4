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


def test_a_public_template_stays_public_for_a_new_owner_and_ends_in_time(known: AccountTemplates) -> None:
    known.publish(np.array([7, 5], np.uint64), np.array([90.0, 200.0]))
    chunks = [(name, known.public_until.dump(name)) for name in known.public_until.dirty()]
    assert chunks
    owner = AccountTemplates(AccountState(0, 1, {}), cells=8)
    owner.public_until.load(chunks)
    owner.reload()
    assert owner.public.tolist() == [5, 7]
    owner._state.newest = 100.0
    owner.publish(np.array([9], np.uint64), np.array([300.0]))
    assert owner.public.tolist() == [5, 9], "that of 7 ended at 90"
    assert owner.public_until.dirty(), "and what ended leaves the stored state too"
