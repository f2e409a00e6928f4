"""Large groups: a sample describes them as all members do, sums are of all members, and every member has its turn."""

from __future__ import annotations

import numpy as np
import pytest

from models.accumulators.hashing import spread
from models.durations import DAY, HOUR
from models.evidence.families import FAMILIES
from streams.features.members import Members
from streams.schema import blocks, layouts, topics
from streams.stages import attribution
from streams.stages.groups import sampling, scoring
from streams.stages.groups.sampling import MAX_EXACT_MEMBERS, SAMPLED_MEMBERS, TAKING_TURNS_MEMBERS, drawn_together
from streams.stages.groups.stage import Groups
from streams.testing.block_rows import Row, columns_of

KEY = b"a key of this test"
GROUP = "router:00000000000000aa"
LARGE = 12_000
CARDS = 2_000


def rows_of(numbers: list[int], at: float, offset: int, *, cards: bool = True) -> bytes:
    """Return a block of some accounts, six on a card and each an organisation; a third has content, a fifth does shifts by machine."""
    random = [np.random.default_rng(number) for number in numbers]
    rows: list[Row] = []
    for number, chance in zip(numbers, random, strict=True):
        nats = np.zeros(len(FAMILIES))
        nats[FAMILIES.index("content")] = chance.normal(4.0 if number % 3 == 0 else 0.0, 1.0)
        nats[FAMILIES.index("timing")] = chance.normal(3.0 if number % 5 == 0 else 0.0, 1.0)
        rows.append(
            {
                "account_id": f"account-{number}",
                "own": nats,
                "raw": nats,
                "payment": number % CARDS + 1 if cards else 0,
                "organization": number + 1,
                "begun": float(chance.poisson(chance.exponential(4.0))),
                "requests": float(chance.integers(1, 40)),
                "created": at - DAY * float(chance.uniform(0, 400)),
                "age_rank": float(chance.random()),
                "single_turn": float(chance.random()),
                "template": number % 700 + 1,
                "template_rarity": 7.0,
                "template_share": 0.2,
                "job_share": 0.1,
                "harvest_share": 0.1,
                "router": number % 90 + 1,
            }
        )
    usual: Row = {"group_id": GROUP, "time": at, "offset": offset, "population": 1e6, "source": 0.0, "output_tokens": 10.0, "jobs": 0.0}
    return layouts.GROUPS.encode(columns_of(layouts.GROUPS, rows, usual))


def filled(accounts: int, *, backwards: bool = False, cards: bool = True) -> Groups:
    """Return a stage in which the accounts came to one group within a day, in order or the other way round."""
    groups, step = Groups(0, 1, KEY), 2_000
    firsts = range(0, accounts, step)
    for offset, first in enumerate(reversed(firsts) if backwards else firsts):
        groups.apply(rows_of([*range(first, min(first + step, accounts))], 20_000 * DAY + offset * HOUR, offset, cards=cards), offset)
    return groups


@pytest.fixture(scope="module")
def large() -> Groups:
    return filled(LARGE)


@pytest.fixture
def nothing_sampled(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(sampling, "MAX_EXACT_MEMBERS", 1 << 30)
    return monkeypatch


def slot_of(groups: Groups) -> int:
    return groups.table.find(GROUP)


def whole(groups: Groups) -> Members:
    """Return all members of the group: the slow reference."""
    samples, groups.state.samples = groups.state.samples, sampling.GroupSamples(groups.members)
    try:
        return groups.state.view_of(slot_of(groups), groups.state.slots(slot_of(groups)))
    finally:
        groups.state.samples = samples


def names(groups: Groups, slots: np.ndarray) -> set[str]:
    return set(groups.state.accounts(slots))


def test_a_group_is_read_whole_up_to_a_size_and_sampled_above_it(large: Groups) -> None:
    small = filled(MAX_EXACT_MEMBERS)
    assert len(small.view(slot_of(small))) == MAX_EXACT_MEMBERS
    assert SAMPLED_MEMBERS <= len(large.view(slot_of(large))) <= SAMPLED_MEMBERS + 16


@pytest.mark.parametrize("cards", [True, False])
def test_the_order_in_which_members_came_makes_no_difference_to_the_sample(*, cards: bool) -> None:
    one, other = (filled(6_000, backwards=backwards, cards=cards) for backwards in (False, True))
    for groups in (one, other):
        groups.state.samples.forget(slot_of(groups))
        groups.view(slot_of(groups))
    first, second = (names(groups, groups.state.samples.sample(slot_of(groups))) for groups in (one, other))
    assert first == second


def test_a_sample_describes_the_group_as_all_its_members_do(large: Groups) -> None:
    sample, everyone = large.view(slot_of(large)), whole(large)
    for name in ("content", "timing"):
        assert float(np.mean(sample.family(name) >= 2.0)) == pytest.approx(float(np.mean(everyone.family(name) >= 2.0)), abs=0.045)
        assert float((everyone.family(name) < np.median(sample.family(name))).mean()) == pytest.approx(0.5, abs=0.045)
    assert sample.units / len(sample) == pytest.approx(everyone.units / len(everyone))


@pytest.mark.parametrize(("on_a_card", "error"), [(1, 0.031), (6, 0.075)])
def test_a_share_in_a_sample_is_as_near_the_groups_as_is_said_in_nineteen_of_twenty_draws(on_a_card: int, error: float) -> None:
    cards = np.arange(LARGE, dtype=np.uint64) // np.uint64(on_a_card) + np.uint64(1)
    alike = cards % np.uint64(2) == 0  # half of the members, and all of a card or none
    near, draws = 0, 300
    for draw in range(draws):
        hashes = np.random.default_rng(draw).integers(0, 1 << 32, LARGE).astype(np.uint64)
        sample = np.argsort(drawn_together(hashes, spread(cards + np.uint64(LARGE * draw))), kind="stable")[:SAMPLED_MEMBERS]
        near += bool(abs(alike[sample].mean() - alike.mean()) <= error)
    assert 0.93 <= near / draws <= 0.985


@pytest.mark.parametrize("name", ["member_content", "member_timing", "quota_equality", "single_question", "start_together", "age_cohort"])
def test_what_a_sample_can_show_is_near_the_exact_value(large: Groups, name: str) -> None:
    feature = next(feature for feature in large.features if feature.name() == name)
    assert feature.value(large.view(slot_of(large))) == pytest.approx(feature.value(whole(large)), abs=0.25)


@pytest.mark.parametrize("name", ["stack_spread", "job_partition", "one_script", "card_sharing", "shared_cards"])
def test_what_a_sample_cannot_show_is_exact(large: Groups, name: str) -> None:
    slot = slot_of(large)
    place = next(place for place, feature in enumerate(large.features) if feature.name() == name)
    scored = scoring.score(slot, large.view(slot), large.features, 1e6)
    assert scored.values[place] == pytest.approx(large.features[place].value(whole(large)), nan_ok=True)


def test_a_member_shares_its_card_also_with_those_that_are_not_in_the_sample(large: Groups) -> None:
    slot, payment = slot_of(large), FAMILIES.index("payment")
    large.view(slot)
    alone = large.state.view_of(slot, large.state.samples.take_turns(slot)[:1])
    families = np.full(len(FAMILIES), np.nan)
    families[payment] = 5.0
    assert attribution.member_families(alone, families)[0, payment] == 5.0
    assert attribution.has_dealt_cards(alone) is attribution.has_dealt_cards(whole(large)) is True


def test_sums_are_of_all_members_also_after_more_was_counted() -> None:
    groups, slot = filled(MAX_EXACT_MEMBERS + 1_000), 0
    groups.view(slot)
    groups.apply(rows_of([*range(300)], 20_000 * DAY + 12 * HOUR, 90), 90)
    groups.state.leave(f"{GROUP}|account-7", 91)
    sample, everyone = groups.view(slot), whole(groups)
    assert sample.whole is not None
    assert sample.whole.output_tokens == everyone.output_tokens.sum()
    assert sample.whole.began == everyone.first.min()
    assert sample.accounts == len(everyone) == MAX_EXACT_MEMBERS + 999
    assert scoring.payers(sample) == scoring.payers(everyone)
    assert sample.balance == pytest.approx(everyone.balance, nan_ok=True)


def test_the_load_balance_of_all_members_is_known_from_sums(large: Groups) -> None:
    for offset, hour in ((50, 10), (51, 20)):
        large.apply(rows_of([*range(1_500)], 20_000 * DAY + hour * HOUR, offset), offset)
    sample, everyone = large.view(slot_of(large)), whole(large)
    assert sample.balance == pytest.approx(everyone.balance)
    assert np.isfinite(sample.balance)


def test_what_changed_is_judged_next_and_everyone_in_turn() -> None:
    groups = filled(MAX_EXACT_MEMBERS + 1_000)
    slot, samples = slot_of(groups), groups.state.samples
    groups.view(slot)
    everyone = set(groups.state.slots(slot).tolist())
    changed = sorted(everyone - set(samples.sample(slot).tolist()))[-50:]
    samples.after(samples.before(np.full(50, slot), np.array(changed)))
    assert set(changed) <= set(samples.take_turns(slot).tolist())
    rounds = -(-len(everyone) // TAKING_TURNS_MEMBERS) + 1
    judged = [set(samples.take_turns(slot).tolist()) for _ in range(rounds)]
    assert set.union(*judged) == everyone
    assert max(map(len, judged)) <= len(samples.sample(slot)) + sampling.LEADING_MEMBERS + TAKING_TURNS_MEMBERS


def test_the_leading_members_keep_their_turn() -> None:
    groups = filled(MAX_EXACT_MEMBERS + 1_000)
    slot, samples = slot_of(groups), groups.state.samples
    groups.view(slot)
    judged = samples.take_turns(slot)
    samples.lead(slot, judged, np.arange(len(judged), dtype=np.float64))
    leading = set(judged[-sampling.LEADING_MEMBERS :].tolist())
    assert all(leading <= set(samples.take_turns(slot).tolist()) for _ in range(5))


def test_who_left_is_never_judged_again() -> None:
    groups = filled(MAX_EXACT_MEMBERS + 1_000)
    slot, samples = slot_of(groups), groups.state.samples
    groups.view(slot)
    judged = samples.take_turns(slot)
    samples.lead(slot, judged, np.ones(len(judged)))
    gone = [groups.members.find(f"{GROUP}|account-{number}") for number in range(0, 3_000, 3)]
    for number in range(0, 3_000, 3):
        groups.state.leave(f"{GROUP}|account-{number}", 99)
    groups.view(slot)
    for _ in range(12):
        if slot in samples:
            assert not set(gone) & set(samples.take_turns(slot).tolist())


def test_a_row_counts_all_accounts_of_a_sampled_group(large: Groups) -> None:
    large.table["tick_requests"][:], large.table["tick_time"][:] = 0.0, -np.inf
    large.table["last_score_row_time"][:] = -np.inf
    said = large.apply(rows_of([1, 2, 3], 20_010 * DAY, 70), 70)
    (block,) = [blocks.decode(message.value, layouts.EVIDENCE) for message in said if message.topic == topics.EVIDENCE]
    assert set(block.numbers("accounts").tolist()) == {float(LARGE)}


def test_a_sampled_group_has_about_the_evidence_of_the_whole(nothing_sampled: pytest.MonkeyPatch) -> None:
    groups = filled(8_000)
    slot, population = slot_of(groups), 1e9
    exact = scoring.score(slot, groups.view(slot), groups.features, population)
    nothing_sampled.undo()
    members = groups.view(slot)
    sampled = scoring.score(
        slot, members, groups.features, population, judged=groups.state.view_of(slot, groups.state.samples.take_turns(slot))
    )
    assert members.whole is not None
    assert np.nanmax(np.abs(sampled.families - exact.families)) < 1.0
    suspects = [float(np.mean(scored.judgement.nats >= 9.0)) for scored in (sampled, exact)]
    assert suspects[0] == pytest.approx(suspects[1], abs=0.06)
