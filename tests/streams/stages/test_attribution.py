"""A group's families, when its purpose is plain, and who of its members is not part of it."""

from __future__ import annotations

import numpy as np
import pytest

from models.evidence.extraction_rules import Purpose
from models.evidence.families import FAMILIES
from models.evidence.weighing import MAX_FAMILY_NATS
from streams.features.registry import features
from streams.stages import attribution
from streams.stages.attribution import LIKELY_PURPOSE_NATS, MIN_UNRELATED_PROGRAMS, PLAIN_PURPOSE_NATS, SOLE_PURPOSE_NATS
from streams.testing.feature_trial import members_of

GROUP = features("group")
SCRIPT = [feature.name() for feature in GROUP].index("one_script")
CONTENT = [place for place, feature in enumerate(GROUP) if feature.family == "content"]


def nats(*content: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = np.full(len(GROUP), np.nan)
    found[CONTENT[: len(content)]] = content
    return found


def test_content_adds_up_to_the_cap() -> None:
    assert attribution.group_families(GROUP, nats(2.0, 1.5))[FAMILIES.index("content")] == pytest.approx(3.5)
    assert attribution.group_families(GROUP, nats(9.0, 9.0))[FAMILIES.index("content")] == MAX_FAMILY_NATS


def purpose(*content: float, programs: int = 1) -> Purpose:
    values = np.zeros(len(GROUP))
    values[SCRIPT] = programs - 1
    return attribution.purpose(GROUP, values, nats(*content))


def test_a_purpose_is_likely_when_content_says_twice_what_a_family_may_and_plain_when_it_says_more() -> None:
    assert purpose(PLAIN_PURPOSE_NATS - 1, 1.0) is Purpose.PLAIN
    assert purpose(PLAIN_PURPOSE_NATS - 1, 0.5) is Purpose.LIKELY
    assert purpose(LIKELY_PURPOSE_NATS - 1, 0.5) is Purpose.UNPROVEN
    assert purpose() is Purpose.UNPROVEN


def test_a_purpose_is_the_sole_one_when_unrelated_programs_do_nothing_else() -> None:
    assert purpose(SOLE_PURPOSE_NATS, programs=1 + MIN_UNRELATED_PROGRAMS) is Purpose.SOLE
    assert purpose(SOLE_PURPOSE_NATS - 1, programs=9) is Purpose.PLAIN


def test_clients_of_one_application_are_not_unrelated_programs() -> None:
    assert purpose(SOLE_PURPOSE_NATS, programs=MIN_UNRELATED_PROGRAMS) is Purpose.PLAIN


def has_dealt_cards(*cards: int) -> bool:
    """Say so of accounts that pay with these cards, each an organisation."""
    return attribution.has_dealt_cards(members_of(payment=list(cards), organization=list(range(1, len(cards) + 1))))


def test_a_sponsor_or_an_agency_has_a_card_or_two_and_a_pool_has_several() -> None:
    assert has_dealt_cards(1, 1, 2, 2, 3, 3)
    assert not has_dealt_cards(1, 1, 1, 2, 2, 2)


def test_of_a_programs_many_users_some_pairs_share_a_card() -> None:
    assert not has_dealt_cards(1, 1, 2, 2, 3, 3, *range(4, 11))


def outsiders(*programs: int, suspects: int, kind: str = "template", public: int = 0) -> list[bool]:
    """Return who is outside among accounts in these programs, the first of which are suspects; 20 times as many use the public one."""
    rarity = [2.0 if program == public else 5.0 for program in programs]
    members = members_of(kind=kind, router=list(programs), router_rarity=rarity)
    return list(attribution.outsiders(members, np.arange(len(programs)) < suspects))


def test_whoever_meets_the_text_of_a_pool_in_a_program_of_its_own_is_outside() -> None:
    assert outsiders(7, 7, 7, 8, suspects=4) == [False, False, False, True]
    assert outsiders(*[7] * 30, 8, 8, 8, suspects=33) == [False] * 30 + [True] * 3


def test_nobody_is_outside_a_pool_that_is_spread_over_programs() -> None:
    assert not any(outsiders(1, 2, 3, 4, suspects=4))
    assert not any(outsiders(7, 7, 8, 9, suspects=4))


def test_of_two_pools_that_meet_on_a_text_neither_is_outside_and_others_are() -> None:
    assert outsiders(*[7] * 20, *[8] * 18, 5, 5, 6, 4, 3, suspects=43) == [False] * 38 + [True] * 5


def test_a_public_program_is_outside_with_more_accounts_for_they_are_few_of_its_users() -> None:
    programs = (*[7] * 20, *[8] * 10)
    assert not any(outsiders(*programs, suspects=30))
    assert outsiders(*programs, suspects=30, public=8) == [False] * 20 + [True] * 10


def test_a_second_program_of_several_accounts_is_part_of_the_pool() -> None:
    assert not any(outsiders(7, 7, 7, 8, 8, suspects=5))


def test_outside_are_suspects_in_known_programs_and_only_where_a_text_links() -> None:
    assert not any(outsiders(7, 7, 7, 8, suspects=3))
    assert not any(outsiders(7, 7, 7, 0, suspects=4))
    assert not any(outsiders(7, 7, 7, 8, suspects=4, kind="payment"))
