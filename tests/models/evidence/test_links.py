from __future__ import annotations

import math

import pytest

from models.evidence import links
from models.evidence.links import edge, joins, miss, total, weight


def test_a_value_that_one_account_in_a_million_has_says_fourteen_nats() -> None:
    assert weight(1e-6) == pytest.approx(13.7, abs=0.02)


def test_what_most_accounts_have_says_nothing() -> None:
    assert weight(0.9) == weight(0.95) == 0.0


def test_a_miss_speaks_against_and_the_more_so_the_rarer_the_value() -> None:
    assert miss(1e-6) == pytest.approx(math.log(0.1), abs=1e-5)
    assert miss(1e-6) < miss(0.5) < 0


def test_two_of_three_voices_with_one_rare_card_are_two_matches_and_a_miss() -> None:
    found = edge("payment", {"c": 2}, {"c": 0.09}, of=3)
    assert found.nats == pytest.approx(2 * math.log(10) + math.log(0.1 / 0.91), abs=0.01)
    assert (found.shared, found.of, found.family) == (2, 3, "money")


def test_one_family_says_no_more_than_its_cap_and_so_never_joins_alone() -> None:
    found = edge("router", {"r": 1000}, {"r": 1e-6}, of=1000)
    assert found.nats == links.MAX_LINK_FAMILY_NATS < links.JOIN_THRESHOLD_NATS
    assert not joins([found], 1000, 5)


def test_a_card_and_an_organisation_are_one_family() -> None:
    both = [edge(kind, {"x": 9}, {"x": 1e-4}, of=9) for kind in ("payment", "organization")]
    assert total(both) == links.MAX_LINK_FAMILY_NATS
    assert not joins(both, 9, 9)


def test_two_families_join_what_they_are_sure_of() -> None:
    both = [edge(kind, {"x": 9}, {"x": 1e-4}, of=9) for kind in ("payment", "template")]
    assert joins(both, 9, 9)


def test_two_weak_families_do_not_join() -> None:
    both = [edge(kind, {"x": 1}, {"x": 0.001}, of=1) for kind in ("payment", "template")]
    assert total(both) == pytest.approx(13.6, abs=0.02)
    assert not joins(both, 9, 9)


def test_two_sets_of_more_than_fifty_accounts_need_ten_nats_more() -> None:
    assert links.needed(50, 5000) == 23.0
    assert links.needed(51, 51) == 33.0
    both = [edge(kind, {"x": 99}, {"x": 1e-4}, of=99) for kind in ("payment", "template")]
    assert not joins(both, 51, 51)
    assert joins([*both, edge("router", {"x": 99}, {"x": 1e-4}, of=99)], 51, 51)


def test_more_misses_than_matches_say_nothing_rather_than_less_than_nothing() -> None:
    assert edge("template", {"t": 1}, {"t": 0.1}, of=10).nats == 0.0


def test_cases_are_joined_by_the_kinds_that_form_groups() -> None:
    assert set(links.JOINING) == {kind.name for kind in links.LINK_KINDS if kind.group_words}
