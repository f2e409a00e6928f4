from __future__ import annotations

import math

import pytest

from models.evidence.links import BIG_JOIN_EXTRA_NATS, JOIN_THRESHOLD_NATS
from streams.cases.linking import accounts_of, channel, relation
from streams.schema.evidence import Entity, Known, Member


def account(organization: str = "", **links: str) -> Known:
    return Known(population=10_000.0, organization=organization, **links)  # type: ignore[arg-type]  # links are texts


def known(kind: str, value: str, accounts: float, common: float = 0.0) -> dict[str, Entity]:
    """A group that was heard of: how many of 10,000 accounts show the value."""
    return {f"{kind}:{value}": Entity(entity_kind=kind, entity_id=value, accounts=accounts, population=10_000.0, common=common)}


def test_half_of_the_smaller_side_on_both_is_one_story() -> None:
    mine, theirs = {name: account() for name in "ab"}, {name: account() for name in "bcd"}
    assert relation({}, mine, theirs).joined
    assert relation({}, mine, theirs).same == 0.5
    assert not relation({}, {name: account() for name in "abc"}, {name: account() for name in "cde"}).joined


def test_a_public_value_links_nobody() -> None:
    mine, theirs = ({name: account(name, router="r") for name in names} for names in ("abc", "def"))
    assert relation(known("router", "r", 6.0), mine, theirs).nats > 10
    assert relation(known("router", "r", 6.0, common=1.0), mine, theirs).edges == ()


def test_what_nobody_counted_links_nobody() -> None:
    mine, theirs = ({name: account(name, template="t") for name in names} for names in ("abc", "def"))
    assert relation({}, mine, theirs).edges == ()


def test_accounts_of_one_payer_are_one_voice() -> None:
    mine, theirs = ({name: account(payer, template="t") for name in names} for payer, names in (("x", "abc"), ("y", "def")))
    (edge,) = relation(known("template", "t", 6.0), mine, theirs).edges
    assert (edge.shared, edge.of) == (1, 1)


def test_the_rarer_the_value_the_more_it_says() -> None:
    mine, theirs = ({name: account(name, template="t") for name in names} for names in ("a", "b"))
    said = [relation(known("template", "t", holders), mine, theirs).nats for holders in (2.0, 20.0, 2000.0)]
    assert said == sorted(said, reverse=True)
    assert said[0] == 8.41  # ln(0.9 * 10,000 / 2)


def test_an_account_behind_an_alerted_router_belongs_to_the_channel() -> None:
    router = {"r": account(router="r")}
    assert channel({"ada": account(router="r")}, router)
    assert channel(router, {"ada": account(router="r")})
    assert not channel({"ada": account(router="other")}, router)


def test_accounts_on_both_sides_count_for_one_story_and_others_against_it() -> None:
    nine, four = {name: account() for name in "abcdefghi"}, {name: account() for name in "ghiz"}
    # chance puts one of ten thousand accounts into a set of nine with 0.0009: ln(0.9 / 0.0009) for each of three, ln(0.1 / 0.9991) for z
    assert relation({}, nine, four).same_nats == round(3 * math.log(1_000) - 2.3017, 2) == 18.42


def test_where_the_number_of_accounts_is_unknown_there_are_two() -> None:
    one = {"a": Known()}
    assert relation({}, one, one).same_nats == round(math.log(0.9 / 0.5), 2)


@pytest.mark.parametrize(("population", "joined"), [(10_000.0, True), (100.0, False)])
def test_two_big_sets_with_half_of_their_accounts_on_both_are_one_story_only_where_that_is_rare(population: float, joined: bool) -> None:  # noqa: FBT001
    left = {str(number): Known(population=population) for number in range(51)}
    right = {str(number): Known(population=population) for number in range(25, 76)}
    related = relation({}, left, right)
    assert related.same > 0.5
    assert related.needed == JOIN_THRESHOLD_NATS + BIG_JOIN_EXTRA_NATS
    assert related.joined == joined


def test_only_values_of_both_sides_are_shared() -> None:
    mine, theirs = {"a": account("x", template="t")}, {"b": account("y", template="t"), "c": account("z", template="u")}
    (edge,) = relation(known("template", "t", 2.0) | known("template", "u", 2.0), mine, theirs).edges
    assert edge.values == ("t",)


def test_a_weak_link_is_listed_and_one_without_evidence_is_not() -> None:
    mine, theirs = ({name: account(name, template="t") for name in names} for names in ("a", "b"))
    weak, none = (relation(known("template", "t", holders), mine, theirs).merge("c", 0.0).edges for holders in (5_000.0, 9_500.0))
    assert [edge.nats for edge in weak] == [round(math.log(0.9 / 0.5), 2)]
    assert none == []


def test_an_account_stands_for_itself_a_group_for_its_members_and_a_channel_for_itself() -> None:
    ada, bob = Entity(entity_kind="account", entity_id="ada"), Member()
    router = Entity(entity_kind="router", entity_id="r", members={"bob": bob})
    entities = {"account:ada": ada, "router:r": router}
    assert accounts_of(entities, entities, "extraction") == {"ada": ada, "bob": bob}
    assert accounts_of(entities, entities, "routing") == {"ada": ada, "r": router}
