"""The accounts stage: counts every event once, scores first requests always, and gives the groups what is new."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import orjson
import pytest

from models.durations import DAY
from models.evidence.client_claims import HALF_CLAIM_VOTES
from streams.core.errors import BlockLayoutError
from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.schema import blocks, layouts, topics
from streams.schema.prompt_sketch import PROMPT_SHINGLES
from streams.stages.accounts.archive import Retention
from streams.stages.accounts.delayed_feedback import FEEDBACK_DELAY_SECONDS, STEP_SECONDS
from streams.stages.accounts.stage import Accounts
from streams.stages.accounts.state import FIRST_REQUESTS
from streams.stages.stage import Message
from streams.testing.feature_trial import block_of

START = 1_790_000_000.0
LATER = FEEDBACK_DELAY_SECONDS + STEP_SECONDS
"""Seconds after START at which feedback about START has taken effect."""
KEY = b"a key of this test"
NUMBERS = count()


def requests(*events: tuple[str, float], **more: Any) -> bytes:
    """Return a block of requests: (account, seconds) each."""
    collector = Collector(Settings(mode="local", partitions=1))
    facts = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 20, **more}
    lines = [
        orjson.dumps(
            {"timestamp": START + at, "event.id": f"request {next(NUMBERS)}", "account.id": account, "payment.hash": account, **facts}
        )
        for account, at in events
    ]
    collector.add(lines, "test", START + max(at for _, at in events))
    (block,) = collector.flush()
    return block.data


def harvest(*prompts: tuple[str, list[int]], at: float = 0.0, system: int = 0) -> bytes:
    """Return a block of requests that get long answers to one question: (account, shingles) each, a second apart."""
    rows = len(prompts)
    shingles = np.array([[*pieces, *[0] * (PROMPT_SHINGLES - len(pieces))] for _, pieces in prompts], np.uint64)
    block = block_of(
        {"account_id": [account for account, _ in prompts], "event_id": [f"{at} {place}" for place in range(rows)], "shingles": shingles}
        | {"time": [START + at + place for place in range(rows)], "message_count": 1, "output_tokens": 900, "input_tokens": 100}
        | {"system_template": [system] * rows}
    )
    return blocks.encode(block.batch)


def feedback(*rows: tuple[str | None, int, int, int, float]) -> bytes:
    """Return a block of feedback: account, template, router, upgrade, until."""
    return layouts.FEEDBACK.encode(dict(zip(layouts.FEEDBACK.columns, map(list, zip(*rows, strict=True)), strict=True)))


def suspect(*accounts: str, until: float = START + 86_400) -> bytes:
    return feedback(*[(account, 0, 0, 0, until) for account in accounts])


def upgraded(router: int, upgrade: int) -> bytes:
    return feedback((None, 0, router, upgrade, START))


def stage() -> Accounts:
    return Accounts(0, 1, KEY, {}, shingle_cells=1 << 10)


def of(messages: list[Message], topic: str, layout: blocks.Layout) -> list[blocks.Block]:
    return [blocks.decode(message.value, layout) for message in messages if message.topic == topic]


def counted(accounts: Accounts, name: str) -> float:
    return float(accounts.table["requests"][accounts.table.find(name)])


def test_a_block_that_comes_again_counts_once() -> None:
    accounts = stage()
    block = requests(("ada", 0), ("ada", 1), ("bob", 2))
    accounts.apply(block, 0)
    chunks = [(name, accounts.dump(name)) for name in list(accounts.dirty())]
    restarted = stage()
    restarted.load(chunks)
    assert restarted.apply(block, 0) == []
    assert (counted(restarted, "ada"), counted(restarted, "bob")) == (2.0, 1.0)


def test_a_restart_changes_nothing_that_comes_after() -> None:
    first, later = requests(("ada", 0), ("bob", 1)), requests(("ada", 300), ("bob", 301), ("eve", 302))
    accounts, restarted = stage(), stage()
    accounts.apply(first, 0)
    restarted.load([(name, accounts.dump(name)) for name in list(accounts.dirty())])
    assert [message.topic for message in restarted.apply(later, 1)] == [message.topic for message in accounts.apply(later, 1)]
    for name in ("evidence_shrunk", "requests", "new_requests", "votes"):
        np.testing.assert_array_equal(restarted.table[name][restarted.table.slots], accounts.table[name][accounts.table.slots])


def test_a_block_that_cannot_be_read_changes_nothing() -> None:
    accounts = stage()
    accounts.apply(requests(("ada", 0)), 0)
    whole = requests(("ada", 1))
    for bad in (b"", b"noise", whole[:-100], suspect("ada", until=1.0)):
        with pytest.raises(BlockLayoutError):
            accounts.apply(bad, 1)
    assert counted(accounts, "ada") == 1.0


def test_every_one_of_the_first_requests_is_scored() -> None:
    accounts = stage()
    for number in range(FIRST_REQUESTS):
        (block,) = of(accounts.apply(requests(("ada", number)), number), topics.GROUPS, layouts.GROUPS)
        assert block.numbers("requests").tolist() == [1.0]


def test_later_an_account_is_scored_when_it_has_grown_and_a_minute_has_passed() -> None:
    accounts = stage()
    accounts.apply(requests(*[("ada", 0.1 * number) for number in range(20)]), 0)
    assert accounts.apply(requests(("ada", 3), ("ada", 4)), 1) == [], "grown by a tenth, but no minute has passed"
    messages = accounts.apply(requests(("ada", 70)), 2)
    (block,) = of(messages, topics.GROUPS, layouts.GROUPS)
    assert block.numbers("requests").tolist() == [3.0], "the groups hear of all that is new since the last row"


def test_accounts_of_one_card_are_sent_to_one_group() -> None:
    (block,) = of(stage().apply(requests(("ada", 0), ("bob", 1), **{"payment.hash": "card"}), 0), topics.GROUPS, layouts.GROUPS)
    kinds = [str(name).partition(":")[0] for name in block.texts("group_id")]
    assert kinds.count("payment") == 2
    assert len({name for name in block.texts("group_id") if str(name).startswith("payment:")}) == 1


def test_a_suspect_account_has_no_vote_on_what_is_ordinary() -> None:
    accounts = stage()
    accounts.apply(requests(*[("ada", number) for number in range(FIRST_REQUESTS)]), 0)
    before = accounts.votes.reference.votes.sum()
    assert before > 0
    told = suspect("ada")
    for offset in (0, 1):
        assert accounts.apply_feedback(told, offset) == []
        accounts.apply(requests(("bob", LATER + offset)), 1 + offset)
        assert accounts.votes.reference.votes.sum() == 0


def test_feedback_takes_effect_forty_minutes_after_what_it_is_about_however_late_it_comes() -> None:
    early, late = stage(), stage()
    for accounts in (early, late):
        accounts.apply(requests(*[("ada", number) for number in range(FIRST_REQUESTS)]), 0)
    early.apply_feedback(suspect("ada"), 0)
    for accounts in (early, late):
        accounts.apply(requests(("bob", FEEDBACK_DELAY_SECONDS)), 1)
        assert accounts.votes.reference.votes.sum() > 0
    late.apply_feedback(suspect("ada"), 0)
    for accounts in (early, late):
        accounts.apply(requests(("bob", LATER)), 2)
        assert accounts.votes.reference.votes.sum() == 0


def test_a_partition_that_moves_knows_what_of_its_feedback_waits_and_applies_none_twice() -> None:
    """Both feedbacks came before the move: the first has taken effect by then, the second has not."""
    first, second = suspect("ada", until=START + 86_400), suspect("bob", until=START + 86_400 + 2 * STEP_SECONDS)
    stays = stage()
    stays.apply(requests(*[(name, number) for number in range(FIRST_REQUESTS) for name in ("ada", "bob")]), 0)
    for offset, told in enumerate((first, second)):
        stays.apply_feedback(told, offset)
    stays.apply(requests(("eve", LATER)), 1)
    moved, forgetful = stage(), stage()
    chunks = [(name, stays.dump(name)) for name in list(stays.dirty())]
    for other in (moved, forgetful):
        other.load(chunks)
    for told in (first, second):
        moved.recall_feedback(told, since=START + LATER)
    last = requests(("eve", LATER + 2 * STEP_SECONDS))
    for each in (stays, moved, forgetful):
        each.apply(last, 2)
    suspects = [{name for name in ("ada", "bob") if each.table["suspect_until"][each.table.find(name)] > START} for each in (stays, moved)]
    assert suspects == [{"ada", "bob"}] * 2
    assert moved.votes.reference.votes.sum() == stays.votes.reference.votes.sum() < forgetful.votes.reference.votes.sum()


def test_a_tally_waits_again_unless_it_took_effect() -> None:
    there = Accounts(1, 2, KEY, {}, shingle_cells=1 << 10)
    ((_, told),) = tallies(there.apply(people("bob", "eve", "joe"), 0))
    for since, others in ((START, 3.0), (START + LATER, 0.0)):
        here = Accounts(0, 2, KEY, {}, shingle_cells=1 << 10)
        here.apply(people("ada"), 0)
        here.recall_feedback(told, since)
        here.state.newest = START + LATER
        here.votes.apply_due_tallies()
        assert here.votes.tail.other_partitions_votes.sum() == others


def test_what_took_effect_when_it_came_is_not_recalled() -> None:
    accounts = stage()
    accounts.apply(requests(("ada", 0)), 0)
    before = {name: accounts.dump(name) for name in list(accounts.dirty())}
    accounts.recall_feedback(feedback((None, 7, 0, 0, START + 86_400), (None, 0, 5, 6, START)), since=-np.inf)
    accounts.recall_feedback(layouts.ERASURES.encode({name: [] for name in layouts.ERASURES.columns}), since=-np.inf)
    assert before
    assert accounts.dirty() == {}


def test_a_verdict_on_an_account_that_is_not_here_is_ignored() -> None:
    accounts = stage()
    accounts.apply(requests(("ada", 0)), 0)
    accounts.apply_feedback(suspect("nobody", until=1.0), 0)
    assert "nobody" not in accounts.table


def test_an_account_that_was_idle_for_long_comes_back_with_what_it_had() -> None:
    archive: dict[str, bytes] = {}
    accounts = Accounts(0, 1, KEY, archive, shingle_cells=1 << 10, retention=Retention(idle_seconds=3_600.0))
    accounts.apply(requests(("ada", 0), ("ada", 1)), 0)
    for name in list(accounts.dirty()):
        accounts.dump(name)
    accounts.apply(requests(("bob", 8_000)), 1)
    assert list(archive) == ["ada"]
    assert "ada" not in accounts.table
    accounts.apply(requests(("ada", 8_001)), 2)
    assert counted(accounts, "ada") == 3.0


TOOL = {"user_agent.original": "codewright/2.4.0", "http.request.header_names": "accept,user-agent", "tls.client.ja4": "t13d5912h1_a_b"}
RELAY = TOOL | {"http.request.header_names": "user-agent,accept", "tls.client.ja4": "t13d5110h1_c_d"}


def claiming(client: dict[str, str], *names: str, card: str | None = None) -> bytes:
    return requests(*[(name, place) for place, name in enumerate(names)], **client, **{"payment.hash": card})


def misfit(messages: list[Message]) -> list[float]:
    """What each account scored now shows of `stack_mismatch`."""
    (block,) = of(messages, topics.SCORES, layouts.SCORES)
    values: list[float] = block.vectors("features")[:, block.names("features").index("stack_mismatch")].tolist()
    return values


TWENTY = [f"user-{number}" for number in range(20)]


def expected(votes: int, alike: int) -> Any:
    """What one account shows when so many have voted on its claim, and so many of them show what it shows."""
    return pytest.approx([np.log(votes / alike) * votes / (votes + HALF_CLAIM_VOTES)], abs=1e-5)


def test_a_client_that_shows_what_none_of_twenty_that_claim_the_same_shows_is_a_misfit() -> None:
    accounts = stage()
    assert np.isnan(misfit(accounts.apply(claiming(TOOL, *TWENTY), 0))).all(), "nobody knows yet what is usual"
    assert misfit(accounts.apply(claiming(RELAY, "eve"), 1)) == expected(20, 1)
    assert misfit(accounts.apply(claiming(TOOL, "ada"), 2)) == expected(21, 20)


def test_twenty_accounts_of_one_card_have_one_vote_on_what_is_usual_for_a_client() -> None:
    accounts = stage()
    accounts.apply(claiming(TOOL, *TWENTY, card="theirs"), 0)
    assert misfit(accounts.apply(claiming(RELAY, "eve"), 1)) == pytest.approx([0.0], abs=1e-5)


def test_the_suspect_have_no_vote_on_what_is_usual_for_a_client_and_a_restart_changes_nothing() -> None:
    accounts, restarted = stage(), stage()
    five = [f"pooled-{number}" for number in range(5)]
    accounts.apply(claiming(TOOL, *TWENTY), 0)
    accounts.apply(claiming(RELAY, *five), 1)
    restarted.load([(name, accounts.dump(name)) for name in list(accounts.dirty())])
    told = suspect(*five)
    for each in (accounts, restarted):
        assert misfit(each.apply(claiming(RELAY, "eve"), 2)) == expected(25, 5)
        each.apply_feedback(told, 0)
        each.apply(requests(("ann", LATER)), 3)
        assert misfit(each.apply(claiming(RELAY, "bob"), 4)) == expected(21, 1), "21 votes, of which one is eve's"
        each.apply(claiming(RELAY, *five), 5)
        assert misfit(each.apply(claiming(RELAY, "joe"), 6)) == expected(22, 2), "bob's counts, theirs do not"


OLD = TOOL | {"network.protocol.version": "1.1", "http.request.header.accept-encoding": "identity", "sdk.language": "js"}
NEW = OLD | {"http.request.header_names": "user-agent,accept"}


def routers(messages: list[Message]) -> list[tuple[int, int]]:
    """The router that each row for the groups counts under, and what it shows instead."""
    found = of(messages, topics.GROUPS, layouts.GROUPS)
    return [pair for block in found for pair in zip(block.hashes("router").tolist(), block.hashes("router_next").tolist(), strict=True)]


def test_a_new_stack_that_is_an_upgrade_counts_under_the_first_name_for_old_and_new_accounts_and_after_a_restart() -> None:
    accounts, restarted = stage(), stage()
    ((old, none),) = routers(accounts.apply(claiming(OLD, "ada"), 0))
    ((held, new),) = routers(accounts.apply(claiming(NEW, "ada"), 1))
    assert (held, none) == (old, 0)
    assert routers(accounts.apply(claiming(NEW, "eve"), 2)) == [(new, 0)], "a new account has no router yet"
    for offset in (0, 1):
        assert accounts.apply_feedback(upgraded(old, new), offset) == []
    restarted.load([(name, accounts.dump(name)) for name in list(accounts.dirty())])
    for each in (accounts, restarted):
        assert routers(each.apply(claiming(NEW, "ada", "eve", "bob"), 3)) == [(old, 0)] * 3


def test_an_account_of_many_requests_is_scored_at_once_when_its_stack_changes() -> None:
    accounts = stage()
    accounts.apply(claiming(OLD, *["ada"] * 100), 0)
    assert len(routers(accounts.apply(requests(("ada", 200), **NEW, **{"payment.hash": None}), 1))) == 1


def people(*names: str, at: float = 0.0) -> bytes:
    """Each asks often enough to vote."""
    return requests(*[(name, at + place) for name in names for place in range(FIRST_REQUESTS)])


def tallies(messages: list[Message]) -> list[tuple[int, bytes]]:
    return [(message.partition, message.value) for message in messages if message.topic == topics.FEEDBACK]


def test_a_partition_tells_every_other_how_its_accounts_vote_and_again_after_ten_minutes() -> None:
    accounts = Accounts(1, 3, KEY, {}, shingle_cells=1 << 10)
    assert [home for home, _ in tallies(accounts.apply(people("ada"), 0))] == [0, 2]
    assert tallies(accounts.apply(requests(("ada", 300)), 1)) == []
    assert [home for home, _ in tallies(accounts.apply(requests(("ada", 700)), 2))] == [0, 2]


def test_a_partition_alone_tells_nobody() -> None:
    assert tallies(stage().apply(people("ada"), 0)) == []


def test_what_is_ordinary_rests_on_the_accounts_of_all_partitions_also_after_a_restart() -> None:
    here, there = (Accounts(partition, 2, KEY, {}, shingle_cells=1 << 10) for partition in (0, 1))
    here.apply(people("ada"), 0)
    ((_, told),) = tallies(there.apply(people("bob", "eve", "joe"), 0))
    for _ in range(2):
        here.apply_feedback(told, 0)
        here.state.newest = START + LATER
        here.votes.apply_due_tallies()
        assert here.votes.reference.all_votes.sum() == 4 * here.votes.reference.votes.sum()
        assert here.votes.levels.all_votes.sum() == 4 * here.votes.levels.votes.sum()
        assert here.votes.tail.other_partitions_votes.sum() == 3
    restarted = Accounts(0, 2, KEY, {}, shingle_cells=1 << 10)
    restarted.load([(name, here.dump(name)) for name in list(here.dirty())])
    np.testing.assert_array_equal(restarted.votes.reference.all_votes, here.votes.reference.all_votes)
    np.testing.assert_array_equal(restarted.votes.tail.other_partitions_votes, here.votes.tail.other_partitions_votes)


def test_a_tally_that_counts_no_votes_changes_nothing() -> None:
    accounts = Accounts(0, 2, KEY, {}, shingle_cells=1 << 10)
    accounts.apply(people("ada"), 0)
    row = {"time": [START], "source": [1.0], "histogram": ["score"]}
    for votes in (np.ones((1, 3)), *(np.full((1, 128), absurd) for absurd in (np.nan, np.inf, -1.0, 1e38, 2.0**25))):
        with pytest.raises(BlockLayoutError):
            accounts.apply_feedback(layouts.TALLIES.encode(row | {"votes": votes}), 0)
    for lost in (
        {"source": [np.nan]},
        {"source": [2.0]},
        {"source": [0.5]},
        {"time": [np.nan]},
        {"time": [np.inf]},
        {"time": [START + 10 * DAY]},
    ):
        with pytest.raises(BlockLayoutError):
            accounts.apply_feedback(layouts.TALLIES.encode(row | lost | {"votes": np.ones((1, 128))}), 0)
    accounts.apply_feedback(layouts.TALLIES.encode({name: [] for name in row} | {"votes": np.ones((0, 128))}), 1)
    accounts.apply_feedback(layouts.TALLIES.encode(row | {"source": [0.0], "votes": np.ones((1, 128))}), 2)
    accounts.state.newest = START + LATER
    accounts.votes.apply_due_tallies()
    assert accounts.votes.tail.other_partitions_votes.sum() == 0, "its own tally it knows better"


@pytest.mark.parametrize("claimed", [1_000.0, 16_777_216.0])
def test_a_tally_of_very_many_votes_moves_what_is_ordinary_no_further_than_an_honest_one_could(claimed: float) -> None:
    """ada's partition knows 40 accounts that score 0 and another partition knows 40 more. A third claims a crowd that scores 31."""
    accounts = Accounts(0, 3, KEY, {}, shingle_cells=1 << 10)
    accounts.apply(people(*(f"account-{number}" for number in range(40))), 0)
    row = {"time": [START], "histogram": ["score"]}
    honest, forged = np.zeros((1, 128)), np.zeros((1, 128))
    honest[0, 0], forged[0, 124] = 40.0, claimed
    accounts.apply_feedback(layouts.TALLIES.encode(row | {"source": [1.0], "votes": honest}), 0)
    accounts.apply_feedback(layouts.TALLIES.encode(row | {"source": [2.0], "votes": forged}), 1)
    accounts.state.newest = START + LATER
    accounts.votes.apply_due_tallies()
    assert accounts.votes.tail.votes.sum() == 40.0
    assert accounts.votes.tail.other_partitions_votes.tolist() == [40.0, *[0.0] * 123, 80.0, 0.0, 0.0, 0.0]


def test_the_accounts_of_one_payer_vote_as_one() -> None:
    accounts = stage()
    events = [(f"pool-{number}", 60.0 * tick) for tick in range(FIRST_REQUESTS) for number in range(64)]
    accounts.apply(requests(*events, **{"payment.hash": "one card"}), 0)
    assert accounts.votes.tail.votes.sum() == 1.0
    accounts.apply(people("ada"), 1)
    assert accounts.votes.tail.votes.sum() == 2.0
    restarted = stage()
    restarted.load([(name, accounts.dump(name)) for name in list(accounts.dirty())])
    np.testing.assert_array_equal(restarted.votes.tail.votes, accounts.votes.tail.votes)
    np.testing.assert_array_equal(restarted.votes.reference.votes, accounts.votes.reference.votes)


def test_the_template_is_what_most_prompts_of_an_account_show_whatever_else_recurs_in_them() -> None:
    # 40 is in every prompt; 3, 5 and 7 are tasks that everybody asks for, more often than all of ada's prompts together
    accounts = stage()
    accounts.apply(harvest(*[(f"guest{number}", [task]) for number in range(20) for task in (3, 5, 7)]), 0)
    messages = [accounts.apply(harvest(*[("ada", [task, 40]) for task in (3, 5, 7)], at=600.0 * number), number) for number in range(1, 5)]
    assert accounts.table["template"][accounts.table.find("ada")] == 40
    newest = of(messages[-1], topics.GROUPS, layouts.GROUPS)[-1]
    assert newest.numbers("job_share").tolist() == [1.0], "every prompt, not those alone whose task is rarer"
    assert newest.numbers("account_begun").tolist() == newest.numbers("account_jobs").tolist() == [12.0]


def test_a_flood_of_new_accounts_has_bounded_memory_and_evicts_nobody_who_has_a_past() -> None:
    accounts = Accounts(0, 1, KEY, {}, shingle_cells=1 << 10, retention=Retention(max_accounts=1_024))
    accounts.apply(requests(*[("ada", second) for second in range(20)]), 0)
    for offset in range(1, 9):
        flood = [(f"sock-{offset}-{number}", 100.0 * offset) for number in range(512)]
        accounts.apply(requests(*flood, **{"payment.hash": "one card"}), offset)
        assert len(accounts.table) <= 1_024
        for chunk in list(accounts.dirty()):
            accounts.dump(chunk)
    assert counted(accounts, "ada") == 20
    accounts.apply(requests(("ada", 1_000.0)), 9)
    assert counted(accounts, "ada") == 21
    counters = accounts.counters()
    assert counters["left_out"] + counters["evicted"] + len(accounts.table) >= 8 * 512 + 1


def test_while_nothing_of_a_flood_is_durable_its_further_accounts_are_left_out_and_come_in_afterwards() -> None:
    accounts = Accounts(0, 1, KEY, {}, shingle_cells=1 << 10, retention=Retention(max_accounts=256))
    accounts.apply(requests(*[(f"sock-{number}", 0.0) for number in range(400)]), 0)
    assert (len(accounts.table), accounts.counters()["left_out"]) == (256, 144)
    for chunk in list(accounts.dirty()):
        accounts.dump(chunk)
    accounts.apply(requests(("sock-0", 1.0)), 1)
    accounts.apply(requests(("eve", 2.0)), 2)
    assert counted(accounts, "eve") == 1


def test_a_block_reaches_to_its_median_event_so_that_one_wrong_clock_holds_nobody_up() -> None:
    stage = Accounts(0, 4, KEY)
    assert stage.reach(requests(("a", 100.0), ("b", 110.0), ("c", 9_000.0))) == START + 110.0
    assert stage.reach(b"no block") == -np.inf


def template_of(accounts: Accounts, name: str) -> int:
    return int(accounts.table["template"][accounts.table.find(name)])


OTHERS = [(f"person-{number}", [1_000 + number]) for number in range(240)]
"""Prompts of others that nobody repeats: what one account uses is rare among them."""


def test_of_an_accounts_pieces_the_one_that_few_others_use_is_its_template() -> None:
    phrase, wording = 16, 33
    mine = [("ada", [phrase, wording] if number % 2 else [phrase]) for number in range(12)]
    alone, crowded = stage(), stage()
    for number in range(2):
        alone.apply(harvest(*mine, *OTHERS, at=1_000.0 * number), number)
        crowded.apply(harvest(*mine, *OTHERS[40:], *[(name, [phrase]) for name, _ in OTHERS[:40]], at=1_000.0 * number), number)
    assert (template_of(alone, "ada"), template_of(crowded, "ada")) == (phrase, wording)


def test_a_system_prompt_of_their_own_links_accounts_whose_questions_have_nothing_in_common() -> None:
    system, accounts = 77, stage()
    for number in range(2):
        accounts.apply(harvest(*OTHERS, at=1_000.0 * number), 2 * number)
        asked = [(name, [place + 100 * number]) for place, name in enumerate(("ada", "bob", "cyd") * 4, start=1)]
        accounts.apply(harvest(*asked, at=1_000.0 * number + 500.0, system=system), 2 * number + 1)
    assert {template_of(accounts, name) for name in ("ada", "bob", "cyd")} == {system}


def test_an_account_is_known_by_its_own_wording_where_the_phrase_that_it_uses_most_is_public() -> None:
    phrase, wording = 16, 33
    prompts = [("ada", [phrase, wording] if number % 2 else [phrase]) for number in range(12)] + OTHERS
    told, untold = stage(), stage()
    told.apply_feedback(feedback((None, phrase, 0, 0, START + 86_400)), 0)
    untold.apply_feedback(feedback((None, phrase, 0, 0, np.nan)), 0)
    for accounts in (told, untold):
        for number in range(2):
            accounts.apply(harvest(*prompts, at=100.0 * number), number)
    assert (template_of(untold, "ada"), template_of(told, "ada")) == (phrase, wording)


def test_a_new_owner_of_the_partition_knows_which_phrases_are_public() -> None:
    phrase, wording = 16, 33
    before, after = stage(), stage()
    before.apply_feedback(feedback((None, phrase, 0, 0, START + 86_400)), 0)
    after.load([(name, before.dump(name)) for name in before.dirty()])
    for number in range(2):
        after.apply(harvest(*[("ada", [phrase, wording] if turn % 2 else [phrase]) for turn in range(12)], at=100.0 * number), number)
    assert template_of(after, "ada") == wording


def test_a_phrase_that_turns_public_gives_way_to_the_wording_at_the_next_request() -> None:
    phrase, wording = 16, 33
    accounts = stage()
    prompts = [("ada", [phrase, wording] if number % 2 else [phrase]) for number in range(12)] + OTHERS
    for number in range(2):
        accounts.apply(harvest(*prompts, at=1_000.0 * number), number)
    assert template_of(accounts, "ada") == phrase
    accounts.apply_feedback(feedback((None, phrase, 0, 0, START + 86_400)), 2)
    accounts.apply(harvest(("ada", [phrase, wording]), at=3_000.0), 3)
    assert template_of(accounts, "ada") == wording
