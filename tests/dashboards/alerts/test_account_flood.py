from __future__ import annotations

from typing import Any


def test_a_card_with_thousands_of_accounts_fires(ground: Any) -> None:
    ground.accounts(6_000, payment=0xAA)
    ground.accounts(100, payment=0xBB)
    (told,) = ground.summaries("account_flood")
    assert told.endswith("accounts sent requests under the card 00000000000000aa within an hour.")
    assert 5_900 < float(told.split()[0]) < 6_100  # counted within 1 %


def test_as_many_accounts_without_a_link_and_those_of_yesterday_are_no_flood(ground: Any) -> None:
    ground.accounts(6_000)
    ground.accounts(6_000, ago=86_400, api_key=0xCC)
    assert ground.summaries("account_flood") == []
