"""How common a link is: one vote a payer, so that one card cannot make its own router public."""

from __future__ import annotations

import numpy as np
import pytest

from models.accumulators.recurring import Recurring
from models.durations import DAY
from models.evidence.links import NEWEST
from models.evidence.releases import Releases
from streams.schema import blocks
from streams.stages.accounts.links import RARITY_LINKS
from streams.stages.accounts.stage import Accounts
from streams.testing.feature_trial import block_of

START = 1_790_000_000.0
CROWD = 99


def requests(accounts: list[str], cards: list[int], link: int, at: float = 0.0) -> bytes:
    """Return one request of each account: its card, and one hash for all its links."""
    rows = {"account_id": accounts, "event_id": [f"{name} {at}" for name in accounts], "time": START + at + np.arange(len(accounts))}
    links = dict.fromkeys((NEWEST.get(kind, kind) for kind in RARITY_LINKS), link)
    return blocks.encode(block_of(rows | links | {"payment": cards}).batch)


def stage() -> Accounts:
    return Accounts(0, 1, b"a key of this test", {}, shingle_cells=1 << 10)


def crowded() -> Accounts:
    """A stage with 99 ordinary accounts, each with its own card, which share their links."""
    accounts = stage()
    accounts.apply(requests([f"person-{number}" for number in range(CROWD)], list(range(1, CROWD + 1)), link=7), 0)
    return accounts


def share(accounts: Accounts, name: str) -> list[float]:
    """Return the share of payers that have each of the account's links."""
    slot = np.array([accounts.table.find(name)])
    return [float(np.exp(-accounts.links.rarity(link, slot)[0])) for link in RARITY_LINKS]


def test_a_thousand_accounts_of_one_card_make_their_links_no_more_common_than_one() -> None:
    accounts = crowded()
    pool = [f"pool-{number}" for number in range(1_000)]
    for offset in (1, 2):  # what an account counts follows its payer with its next request
        accounts.apply(requests(pool, [500] * 1_000, link=9, at=1_000.0 * offset), offset)
    assert share(accounts, "pool-0") == pytest.approx([1_000 / 64 / (CROWD + 1_000 / 64)] * len(RARITY_LINKS)), (
        "a vote is never under a 64th"
    )
    assert share(accounts, "person-0") == pytest.approx([CROWD / (CROWD + 1_000 / 64)] * len(RARITY_LINKS))


def test_ten_accounts_of_one_card_count_as_one() -> None:
    accounts = crowded()
    for offset in (1, 2):
        accounts.apply(requests([f"pool-{number}" for number in range(10)], [500] * 10, link=9, at=100.0 * offset), offset)
    assert share(accounts, "pool-0") == pytest.approx([1 / 100] * len(RARITY_LINKS), rel=0.1)


def test_accounts_that_leave_return_and_are_loaded_count_as_before() -> None:
    accounts, restarted = crowded(), stage()
    accounts.apply(requests(["pool-1", "pool-2"], [500, 500], link=9, at=100.0), 1)
    before = share(accounts, "person-0")
    slots = np.array([accounts.table.find("pool-1"), accounts.table.find("person-3")])
    accounts.links.uncount_links(slots)
    assert share(accounts, "person-0") != before
    accounts.links.count_links(slots)
    assert share(accounts, "person-0") == before
    restarted.load([(name, accounts.dump(name)) for name in list(accounts.dirty())])
    assert share(restarted, "person-0") == before


def test_one_card_does_not_release_a_model_and_many_do() -> None:
    for cards, new in ((np.full(64, 5, np.uint64), 0.0), (np.arange(64, dtype=np.uint64), 1.0)):
        releases, zeros = Releases(), np.zeros(64, np.int64)
        releases.observe(["old"], zeros, cards, np.zeros(64), 0)
        releases.observe(["next"], zeros, cards, np.full(64, 2 * DAY), 1)
        assert releases.new(["next"], zeros[:1], np.array([2 * DAY]))[0] == new


def test_a_template_of_one_card_has_many_accounts_and_one_payer() -> None:
    table, rows = Recurring(64), np.tile(np.array([5, 0, 0, 0, 0, 0, 0, 0], np.uint64), (40, 1))
    table.observe(rows, np.arange(40, dtype=np.uint64), 0.0, 0, payers=np.full(40, 3, np.uint64))
    templates = table.templates(rows[:1])
    assert templates.accounts[0] > 30
    assert templates.payers[0] == pytest.approx(1, abs=0.05)
