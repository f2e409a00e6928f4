from __future__ import annotations

from baselines import Event, busiest_day, busiest_hour, half_space_trees, prada

DAY = 86_400.0


def _event(account: str, time: float, output: float) -> Event:
    facts = {"input": 4.0, "output": output, "messages": 0.7, "reasoning": 0.0, "duration": 1.0}
    return Event(account=account, time=time, model="m", served=True, simhash=0, facts=facts)


def test_the_busiest_day_counts() -> None:
    assert busiest_day([10.0, 20.0, DAY + 1, DAY + 2, DAY + 3]) == 3.0


def test_the_busiest_hour_may_cross_a_full_hour() -> None:
    assert busiest_hour([3500.0, 3700.0, 7000.0, 9000.0]) == 3.0


def test_prada_says_nothing_about_few_or_equal_prompts() -> None:
    assert prada([1, 2, 3]) == 0.0
    assert prada([7] * 100) == 0.0


def test_prada_finds_distances_in_two_heaps_less_normal_than_a_bell() -> None:
    rng_like = [(number * 0x9E3779B97F4A7C15) % 2**64 for number in range(1, 200)]
    heaps = [value if index % 2 else rng_like[0] for index, value in enumerate(rng_like)]
    assert prada(heaps) > prada(rng_like)


def test_half_space_trees_score_every_account_between_nought_and_one() -> None:
    events = [_event("a" if number % 10 else "b", float(number), 3.0 if number % 10 else 8.5) for number in range(600)]
    found = half_space_trees(events)
    assert set(found) == {"a", "b"}
    assert all(0.0 <= score <= 1.0 for score in found.values())
    assert found["b"] > found["a"]
