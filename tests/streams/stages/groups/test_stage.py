"""The groups stage: rows of the same account add up once, light accounts become one entity, and public links link nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from models.durations import DAY
from models.evidence import additive
from models.evidence.additive import Additive
from models.evidence.families import FAMILIES
from models.evidence.weighing import MIN_SUSPECT_MEMBERS, SUSPECT_NATS
from streams.core.errors import BlockLayoutError
from streams.schema import blocks, layouts, topics
from streams.stages import attribution
from streams.stages.groups import scoring
from streams.stages.groups.model_inputs import INPUT_NAMES
from streams.stages.groups.stage import Groups
from streams.stages.groups.state import MEMBER_SECONDS
from streams.stages.stage import Message
from streams.testing.block_rows import Cell, Row, columns_of

KEY = b"a key of this test"
HOUR = 3600.0


def row(account: str, at: Cell = 0.0, offset: Cell = 0, requests: Cell = 1.0, **more: Cell) -> Row:
    return {"group_id": "payment:00000000000000aa", "account_id": account, "time": at, "offset": offset, "requests": requests, **more}


def encoded(rows: Sequence[Row]) -> bytes:
    """Return a block of groups; what the rows do not say is unknown, of no evidence, in a population of 1,000."""
    usual: Row = {"population": 1_000.0, "source": 0.0, "output_tokens": 10.0, "begun": 0.0, "jobs": 0.0}
    return layouts.GROUPS.encode(columns_of(layouts.GROUPS, rows, usual))


def stage() -> Groups:
    return Groups(0, 1, KEY)


def total(groups: Groups, account: str) -> float:
    return float(groups.members["total"][groups.members.find(f"payment:00000000000000aa|{account}")])


def scored(messages: list[Message]) -> list[tuple[str | None, float]]:
    found = [blocks.decode(message.value, layouts.SCORES) for message in messages if message.topic == topics.SCORES]
    return [pair for block in found for pair in zip(block.texts("entity_id"), block.numbers("requests").tolist(), strict=True)]


def test_requests_of_an_account_add_up() -> None:
    groups = stage()
    groups.apply(encoded([row("ada", offset=0)]), 0)
    groups.apply(encoded([row("ada", offset=1, requests=2.0)]), 1)
    assert total(groups, "ada") == 3.0


def test_a_row_that_comes_again_counts_once() -> None:
    groups = stage()
    for offset in (0, 1):  # the agent before us crashed after it had sent the row, and sends it again
        groups.apply(encoded([row("ada", offset=7)]), offset)
    assert total(groups, "ada") == 1.0


def test_a_restart_knows_who_belongs_to_whom() -> None:
    groups, restarted = stage(), stage()
    groups.apply(encoded([row(name) for name in ("ada", "bob")]), 0)
    restarted.load([(name, groups.dump(name)) for name in list(groups.dirty())])
    later = encoded([row("eve", offset=1)])
    assert scored(restarted.apply(later, 1)) == scored(groups.apply(later, 1)) != []


def test_fewer_than_three_accounts_are_no_group() -> None:
    groups = stage()
    pair = [row(f"account-{number}") for number in range(MIN_SUSPECT_MEMBERS - 1)]
    assert groups.apply(encoded(pair), 0) == []
    assert scored(groups.apply(encoded([row("one-more", offset=1)]), 1)) == [("00000000000000aa", 3.0)]


def test_a_group_is_scored_again_only_when_it_has_grown() -> None:
    groups = stage()
    groups.apply(encoded([row(f"account-{number}", requests=100.0) for number in range(3)]), 0)
    assert scored(groups.apply(encoded([row("account-0", at=HOUR, offset=1)]), 1)) == []
    assert scored(groups.apply(encoded([row("account-0", at=HOUR, offset=2, requests=30.0)]), 2)) == [("00000000000000aa", 331.0)]


def test_a_block_that_cannot_be_read_changes_nothing() -> None:
    groups = stage()
    whole = encoded([row("ada")])
    for bad in (b"", b"noise", whole[:-100]):
        with pytest.raises(BlockLayoutError):
            groups.apply(bad, 0)
    assert len(groups.members) == 0


def test_evidence_that_fell_under_the_floor_is_sent_once_more() -> None:
    groups = stage()
    table = groups.table
    sent = []
    for offset in range(3):
        messages = groups.apply(encoded([row(name, at=offset * 2 * HOUR, offset=offset) for name in ("ada", "bob", "eve")]), offset)
        sent.append([message.topic for message in messages].count(topics.EVIDENCE))
        if offset == 0:
            table["last_evidence_row_nats"][:] = 20.0  # as after a score that was over the floor
    assert sent == [0, 1, 0]


def test_a_standing_group_is_scored_within_the_hour_though_it_hardly_grows() -> None:
    groups = stage()
    groups.apply(encoded([row(name, requests=100.0) for name in ("ada", "bob", "eve")]), 0)
    groups.apply(encoded([row("ada", at=HOUR, offset=1)]), 1)
    assert groups.counters()["group_ticks"] == 1
    groups.table["last_evidence_row_nats"][:] = 20.0
    groups.apply(encoded([row("ada", at=HOUR + 1, offset=2)]), 2)
    assert groups.counters()["group_ticks"] == 2


def test_a_link_that_most_accounts_have_is_public() -> None:
    groups = stage()
    groups.apply(encoded([row(f"account-{number}", population=100.0) for number in range(60)]), 0)
    slot = groups.table.find("payment:00000000000000aa")
    assert groups.table["is_public_link"][slot] == 1


def test_a_link_of_one_payer_is_never_public() -> None:
    groups = stage()
    groups.apply(encoded([row(f"account-{number}", population=100.0, payment=5) for number in range(60)]), 0)
    assert groups.table["is_public_link"][groups.table.find("payment:00000000000000aa")] == 0


RELAY, NEXT = 0xAA, 0xBB


def moved(*accounts: str, offset: int, at: float = HOUR, others: float = 0.0) -> bytes:
    """Rows of a router's accounts that show another stack now, which `others` accounts of their partition have for their own."""
    router: Row = {"group_id": f"router:{RELAY:016x}", "router": RELAY, "router_next": NEXT, "next_accounts": others}
    return encoded([row(account, at, offset) | router for account in accounts])


def ten(**more: Cell) -> Groups:
    """A stage that knows ten accounts of one router."""
    groups = stage()
    groups.apply(encoded([row(f"a{number}", **more) | {"group_id": f"router:{RELAY:016x}", "router": RELAY} for number in range(10)]), 0)
    return groups


def renamed(messages: list[Message]) -> list[tuple[int, int]]:
    """What the accounts' partitions are told: the router, and the stack that is its upgrade."""
    found = [blocks.decode(message.value, layouts.FEEDBACK) for message in messages if message.topic == topics.FEEDBACK]
    pairs = [pair for block in found for pair in zip(block.hashes("router").tolist(), block.hashes("upgrade").tolist(), strict=True)]
    return [pair for pair in pairs if pair[1]]


def test_a_stack_is_a_routers_upgrade_once_eight_of_ten_accounts_have_gone_there() -> None:
    groups = ten()
    assert renamed(groups.apply(moved(*[f"a{number}" for number in range(7)], offset=1), 1)) == []
    assert renamed(groups.apply(moved("a7", offset=2), 2)) == [(RELAY, NEXT)]
    assert renamed(groups.apply(moved("a8", offset=3), 3)) == [], "said once"


def test_an_upgrade_is_announced_once_across_a_restart() -> None:
    groups, restarted = ten(), stage()
    groups.apply(moved(*[f"a{number}" for number in range(8)], offset=1), 1)
    restarted.load([(name, groups.dump(name)) for name in list(groups.dirty())])
    assert renamed(restarted.apply(moved("a8", offset=2), 2)) == []


def test_accounts_that_were_silent_for_a_day_have_no_say_in_an_upgrade() -> None:
    assert renamed(ten().apply(moved("a0", "a1", "a2", at=25 * HOUR, offset=1), 1)) == [(RELAY, NEXT)]


def test_two_accounts_are_no_upgrade() -> None:
    assert renamed(ten().apply(moved("a0", "a1", at=25 * HOUR, offset=1), 1)) == []


def test_a_stack_that_more_others_have_than_came_is_theirs_and_no_upgrade() -> None:
    all_of_them = [f"a{number}" for number in range(10)]
    assert renamed(ten().apply(moved(*all_of_them, others=10.0, offset=1), 1)) == []
    assert renamed(ten().apply(moved(*all_of_them, others=9.0, offset=1), 1)) == [(RELAY, NEXT)]


def test_a_public_stack_is_never_renamed() -> None:
    groups = stage()
    users = [f"a{number}" for number in range(60)]
    groups.apply(encoded([row(user) | {"group_id": f"router:{RELAY:016x}", "router": RELAY} for user in users]), 0)
    assert groups.table["is_public_link"][groups.table.find(f"router:{RELAY:016x}")] == 1
    assert renamed(groups.apply(moved(*users, offset=1), 1)) == []


def sixty(client: float, network: float) -> tuple[Groups, int, list[Message]]:
    """60 of 1,000 accounts on one stack, each with so many nats of its own, and a card of its own."""
    nats = np.array([{"client": client, "network": network}.get(name, 0.0) for name in FAMILIES])
    groups = stage()
    router: Row = {"group_id": f"router:{RELAY:016x}", "router": RELAY}
    said = groups.apply(encoded([row(f"a{number}", raw=nats, own=nats, payment=number + 1) | router for number in range(60)]), 0)
    return groups, groups.table.find(f"router:{RELAY:016x}"), said


def test_a_stack_that_many_ordinary_accounts_have_is_public_and_no_router() -> None:
    groups, slot, said = sixty(client=0.5, network=0.5)
    assert (groups.table["is_public_link"][slot], groups.table["best_routing"][slot]) == (1, 0.0)
    assert [message for message in said if message.topic == topics.EVIDENCE] == []


def test_a_relay_that_many_accounts_come_through_is_not_public() -> None:
    groups, slot, said = sixty(client=4.0, network=4.0)
    assert (groups.table["is_public_link"][slot], groups.table["best_routing"][slot]) == (0, pytest.approx(8.0, abs=1.5))
    assert [message.topic for message in said].count(topics.EVIDENCE) == 1


def public_until(messages: list[Message]) -> list[tuple[int, float]]:
    """Return the templates that are announced as public, and until when."""
    found = [blocks.decode(message.value, layouts.FEEDBACK) for message in messages if message.topic == topics.FEEDBACK]
    rows = [pair for block in found for pair in zip(block.hashes("template").tolist(), block.numbers("until").tolist(), strict=True)]
    return [(template, until) for template, until in rows if template and not np.isnan(until)]


def users(accounts: int, at: float, offset: int) -> bytes:
    group: Row = {"group_id": "template:00000000000000cc", "template": 0xCC, "template_rarity": 3.0, "template_share": 0.5}
    people: Row = {"created": 0.0, "requests": 5.0, "begun": 5.0}
    return encoded([row(f"a{n}", at, offset, payment=n + 1, organization=n + 1, **(group | people)) for n in range(accounts)])


def test_the_accounts_stage_learns_which_template_is_public_and_again_before_the_day_is_over() -> None:
    groups = stage()
    said = [public_until(groups.apply(users(60, hours * HOUR, offset), offset)) for offset, hours in enumerate((0, 6, 13))]
    assert said == [[(0xCC, DAY)], [], [(0xCC, 13 * HOUR + DAY)]]


def test_a_template_of_few_accounts_is_never_announced_as_public() -> None:
    assert public_until(stage().apply(users(20, 0.0, 0), 0)) == []


def test_a_public_app_whose_users_roam_stays_public() -> None:
    groups, slot, _ = sixty(client=0.0, network=3.0)
    assert groups.table["is_public_link"][slot] == 1


def test_a_stack_of_many_people_is_public_though_a_fifth_of_them_joined_in_one_week_and_share_a_card() -> None:
    groups = stage()
    router: Row = {"group_id": f"router:{RELAY:016x}", "router": RELAY}
    people = [
        row(f"a{n}", created=(400 - n) * 24 * HOUR, age_rank=n / 400, payment=n + 9, organization=n + 9) | router for n in range(1, 401)
    ]
    pupils = [
        row(f"p{n}", created=400 * 24 * HOUR - n * HOUR, age_rank=0.01, payment=1, organization=n + 1_000) | router for n in range(100)
    ]
    groups.apply(encoded([*people, *pupils]), 0)
    slot = groups.table.find(f"router:{RELAY:016x}")
    strong = [FAMILIES[place] for place in np.flatnonzero(families_of(groups, slot) >= 7.0)]
    assert strong == ["payment"]
    assert groups.table["is_public_link"][slot] == 1


def test_a_stack_is_not_public_when_half_of_its_accounts_joined_in_one_week_and_share_a_card() -> None:
    groups = stage()
    router: Row = {"group_id": f"router:{RELAY:016x}", "router": RELAY}
    people = [
        row(f"a{n}", created=(400 - n) * 24 * HOUR, age_rank=n / 400, payment=n + 9, organization=n + 9) | router for n in range(1, 101)
    ]
    pool = [row(f"p{n}", created=400 * 24 * HOUR - n * HOUR, age_rank=0.01, payment=1, organization=n + 1_000) | router for n in range(100)]
    groups.apply(encoded([*people, *pool]), 0)
    assert groups.table["is_public_link"][groups.table.find(f"router:{RELAY:016x}")] == 0


def families_of(groups: Groups, slot: int) -> Any:
    """A group's nats by family, unknown as 0."""
    members = groups.view(slot)
    nats = np.array([np.nan if each.nats is None else each.nats(each.value(members)) for each in groups.features])
    return np.nan_to_num(attribution.group_families(groups.features, nats))


def suspects(said: list[Message]) -> set[str]:
    told = [blocks.decode(message.value, layouts.FEEDBACK) for message in said if message.topic == topics.FEEDBACK]
    return {account for block in told for account in block.texts("account_id") if account}


def evidence_of_one_text(stranger: int) -> list[float]:
    """Return the evidence of nine accounts that all fill in one text: eight in one program, and the first in the program `stranger`."""
    own = np.array([{"content": 4.0, "timing": 3.0}.get(name, 0.0) for name in FAMILIES])
    text: Row = {"group_id": "template:00000000000000cc", "template": 0xCC, "template_rarity": 6.0, "template_share": 0.9, "job_share": 0.9}
    text |= {"harvest_share": 0.9, "single_turn": 1.0, "begun": 20.0, "account_begun": 20.0, "account_first": 0.0, "time": 8 * HOUR}
    alike: Row = text | {"raw": own, "own": own, "age_rank": 0.01, "requests": 20.0}
    rows = [row(f"a{n}", created=n * HOUR, payment=n + 1, organization=n + 1, router=RELAY if n else stranger, **alike) for n in range(9)]
    groups = stage()
    groups.apply(encoded(rows), 0)
    slot = groups.table.find("template:00000000000000cc")
    nats: list[float] = scoring.score(slot, groups.view(slot), groups.features, 1_000.0).judgement.nats.tolist()
    return nats


def test_who_fills_in_the_text_of_a_pool_in_another_program_is_less_suspect_for_what_the_pool_shows() -> None:
    together, apart = evidence_of_one_text(stranger=RELAY), evidence_of_one_text(stranger=RELAY + 1)
    assert together[0] == together[1]
    assert apart[0] < apart[1] - 0.5


TREES = ("root", "root_threshold", "root_unknown", "branch", "branch_threshold", "branch_unknown", "leaves")
SURE = Additive.of({"inputs": INPUT_NAMES, "base": 20.0, "offset": 0.0, "scale": 1.0, "trees": dict.fromkeys(TREES, ())})
"""A judgement of 20 nats, whatever it reads."""


def test_a_member_ranks_with_as_much_as_three_of_its_group_have(monkeypatch: pytest.MonkeyPatch) -> None:
    by_work = Additive.of(
        {"inputs": INPUT_NAMES, "base": 0.0, "offset": 5.0, "scale": 1.0, "trees": dict.fromkeys(TREES, ()), "slopes": {"begun_work": 1.0}}
    )
    monkeypatch.setattr(additive, "trained", lambda: by_work)
    groups, begun = stage(), [99.0, 9.0, 1.0, 0.0]
    groups.apply(encoded([row(f"a{number}", begun=work) for number, work in enumerate(begun)]), 0)
    best = [float(groups.members["best_extraction"][groups.members.find(f"payment:00000000000000aa|a{number}")]) for number in range(4)]
    assert best == pytest.approx([5 + np.log(2)] * 3 + [5.0])


def evidence_of_a_pool(came: float) -> list[float]:
    """Return the evidence of three accounts of one program; the first, a year old, came to it so many seconds after its first request."""
    group: Row = {"group_id": f"router:{RELAY:016x}", "router": RELAY, "created": 0.0}
    group |= {"account_first": 365 * DAY, "time": 365 * DAY + 8 * HOUR, "begun": 1.0}
    groups = stage()
    groups.apply(encoded([row(f"a{n}", router_since=np.nan if n else 365 * DAY + came, **group) for n in range(3)]), 0)
    slot = groups.table.find(f"router:{RELAY:016x}")
    nats: list[float] = scoring.score(slot, groups.view(slot), groups.features, 1_000.0, SURE).judgement.nats.tolist()
    return nats


def test_an_account_that_came_to_a_pool_after_hours_of_its_own_work_is_asked_about_and_not_accused() -> None:
    assert evidence_of_a_pool(came=60.0) == [20.0, 20.0, 20.0]
    assert evidence_of_a_pool(came=5 * HOUR) == [SUSPECT_NATS, 20.0, 20.0]


def test_a_customer_of_a_pools_relay_that_shows_no_purpose_itself_is_asked_about_and_not_accused() -> None:
    groups = stage()
    for number, content in enumerate((-0.4, 0.0, 1.5, np.nan)):
        raw = np.array([content if name == "content" else 0.0 for name in FAMILIES])
        groups.apply(encoded([row(f"a{number}", offset=number, raw=raw, begun=1.0)]), number)
    slot = groups.table.find("payment:00000000000000aa")
    judged = scoring.score(slot, groups.view(slot), groups.features, 1_000.0, SURE).judgement
    assert judged.nats.tolist() == [SUSPECT_NATS, 20.0, 20.0, 20.0]


def test_a_member_that_began_no_work_in_its_group_is_asked_about_and_not_accused() -> None:
    groups = stage()
    groups.apply(encoded([row(f"a{number}", begun=float(number)) for number in range(4)]), 0)
    slot = groups.table.find("payment:00000000000000aa")
    judged = scoring.score(slot, groups.view(slot), groups.features, 1_000.0, SURE).judgement
    assert judged.nats.tolist() == [SUSPECT_NATS, 20.0, 20.0, 20.0]


def suspects_on(cards: int) -> set[str]:
    """Return who of twelve young accounts that ask alike behind one router is suspect, if they pay with so many cards."""
    own = np.array([{"content": 3.0}.get(name, 0.0) for name in FAMILIES])
    behind: Row = {"group_id": f"router:{RELAY:016x}", "router": RELAY, "raw": own, "own": own, "age_rank": 0.01}
    rows = [row(f"a{n}", created=n * HOUR, payment=n % cards + 1, organization=n + 1, requests=20.0, **behind) for n in range(12)]
    return suspects(stage().apply(encoded(rows), 0))


@pytest.mark.parametrize("cards", [1, 4])
def test_before_their_load_can_tell_neither_a_hackathon_nor_a_pool_is_suspect(cards: int) -> None:
    assert suspects_on(cards) == set()


def test_a_group_counts_so_many_accounts_and_its_first_ones_go_on() -> None:
    groups = Groups(0, 1, KEY, max_group_members=100)
    groups.apply(encoded([row(f"sock-{number}") for number in range(150)]), 0)
    groups.apply(encoded([row("sock-0", offset=1), row("sock-149", offset=1), row("eve", group_id="payment:00000000000000bb")]), 1)
    assert len(groups.members) == 101
    assert total(groups, "sock-0") == 2.0
    assert groups.counters()["left_out"] == 51


def test_a_member_without_requests_for_a_quarter_is_removed_and_its_group_with_the_last() -> None:
    groups = stage()
    groups.apply(encoded([row("ada", offset=0), row("bob", offset=0, group_id="router:00000000000000bb")]), 0)
    for name in list(groups.dirty()):
        groups.dump(name)  # written: no crash repeats the block
    groups.apply(encoded([row("eve", at=MEMBER_SECONDS - 1, offset=1)]), 1)
    assert len(groups.members) == 3
    for name in list(groups.dirty()):
        groups.dump(name)
    groups.apply(encoded([row("eve", at=MEMBER_SECONDS + DAY, offset=2)]), 2)
    assert [key for key in groups.members.keys if key] == ["payment:00000000000000aa|eve"]
    assert [key for key in groups.table.keys if key] == ["payment:00000000000000aa"]


def test_a_block_that_was_meant_for_another_partition_changes_nothing() -> None:
    block, stages = encoded([row("ada")]), [Groups(number, 2, KEY) for number in range(2)]
    home = topics.partition_of("payment:00000000000000aa", 2)
    with pytest.raises(BlockLayoutError, match="another partition"):
        stages[1 - home].apply(block, 0)
    assert not stages[1 - home].dirty()
    stages[home].apply(block, 0)
    assert len(stages[home].table) == 1
