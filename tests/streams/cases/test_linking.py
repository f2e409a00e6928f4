from __future__ import annotations

from streams.cases.linking import channel, relation
from streams.schema.evidence import Entity, Known


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
