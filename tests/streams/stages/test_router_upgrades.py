"""An account stays a day with its router when its stack changes in part, and a stack keeps the first name that it was known by."""

from __future__ import annotations

import numpy as np
import pytest

from models.durations import DAY
from models.state.columns import Columns, Field
from streams.stages import router_upgrades
from streams.stages.router_upgrades import FIELDS, Aliases, follow

OLD, NEW, OTHER = 1, 2, 3
STACKS = {OLD: [1, 2, 3, 4, 5, 6], NEW: [9, 2, 3, 9, 5, 6], OTHER: [9, 9, 9, 9, 5, 6]}
"""Of six parts the upgrade leaves four, the other stack two."""


class Ada:
    """One account, and what router it counts under as it shows one stack after another."""

    def __init__(self) -> None:
        self.table = Columns("accounts", {"router": Field("u8"), **FIELDS})
        self.slot = self.table.intern(["ada"])

    def shows(self, router: int, at: float, stack: list[int] | None = None) -> int:
        parts = np.array([stack or STACKS[router]], np.uint32)
        self.begun = len(follow(self.table, self.slot, np.array([router], np.uint64), parts, np.array([at]))) == 1
        return int(self.table["router"][0])

    @property
    def ahead(self) -> int:
        return int(self.table["router_next"][0])


def test_an_account_stays_with_its_router_for_a_day_after_an_upgrade_and_then_moves() -> None:
    ada = Ada()
    assert ada.shows(OLD, at=0.0) == OLD
    assert (ada.shows(NEW, at=10.0), ada.ahead, ada.begun) == (OLD, NEW, True)
    assert (ada.shows(NEW, at=DAY), ada.ahead, ada.begun) == (OLD, NEW, False)
    assert (ada.shows(NEW, at=DAY + 10.0), ada.ahead) == (NEW, 0)


def test_an_account_that_comes_back_has_never_left() -> None:
    ada = Ada()
    shown = [ada.shows(router, at) for router, at in [(OLD, 0.0), (NEW, 10.0), (OLD, DAY), (NEW, DAY + 20.0)]]
    assert shown == [OLD] * 4


def test_an_account_with_an_entirely_different_stack_moves_at_once() -> None:
    ada = Ada()
    assert [ada.shows(OLD, at=0.0), ada.shows(OTHER, at=1.0)] == [OLD, OTHER]


def test_it_is_known_since_when_an_account_has_another_router_than_its_first() -> None:
    ada = Ada()
    since = []
    for router, at in [(OLD, 0.0), (OTHER, 100.0), (OTHER, 200.0), (OLD, 300.0)]:
        ada.shows(router, at)
        since.append(float(ada.table["router_since"][0]))
    np.testing.assert_array_equal(since, [np.nan, 100.0, 100.0, 300.0])


def test_parts_that_nobody_knows_are_not_alike() -> None:
    ada = Ada()
    ada.shows(OLD, at=0.0, stack=[1, 2, 0, 0, 0, 0])
    assert ada.shows(OTHER, at=1.0, stack=[7, 8, 0, 0, 0, 0]) == OTHER


def first(aliases: Aliases, *routers: int) -> list[int]:
    found: list[int] = aliases.first(np.array(routers, np.uint64)).tolist()
    return found


def test_a_chain_of_upgrades_has_one_name_in_whatever_order_it_is_heard_of() -> None:
    onward, backward = Aliases(), Aliases()
    for aliases, steps in ((onward, [(1, 2), (2, 3)]), (backward, [(2, 3), (1, 2)])):
        for router, upgrade in steps:
            aliases.learn(upgrade, router, 0.0, 0)
        assert first(aliases, 1, 2, 3, 4) == [1, 1, 1, 4]


def test_hearing_it_again_changes_nothing_and_nothing_goes_round_in_a_circle() -> None:
    aliases = Aliases()
    for _ in range(2):
        aliases.learn(2, 1, 0.0, 0)
    aliases.learn(1, 2, 0.0, 0)
    aliases.learn(1, 1, 0.0, 0)
    assert first(aliases, 1, 2) == [1, 1]
    assert len(aliases.table) == 1


def test_a_restart_remembers_every_name() -> None:
    aliases, restarted = Aliases(), Aliases()
    aliases.learn(2, 1, 0.0, 5)
    restarted.table.load([(name, aliases.table.dump(name)) for name in list(aliases.table.dirty())])
    restarted.reread()
    assert first(restarted, 2) == [1]


def test_names_are_bounded_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_upgrades, "MAX_UPGRADES", 2)
    aliases = Aliases()
    for number in (10, 20, 30):
        aliases.learn(number + 1, number, float(number), 0)
    assert first(aliases, 11, 21, 31) == [11, 20, 30]
