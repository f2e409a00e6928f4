from __future__ import annotations

from collections.abc import Callable

from streams.forensics.compare import examine
from streams.forensics.measure import all_measures
from streams.forensics.panel import Panel, Prompts

MEASURE = all_measures()["harvested_topics"]


def test_copying_of_everything_alike_is_not_concentrated_on_the_harvest(writers: Callable[..., Panel]) -> None:
    """Copied are items 0 to 49 of 100, harvested those with an even number: as many copied ones on both sides."""
    even = Prompts(harvested=frozenset(str(item) for item in range(0, 100, 2)))
    assert examine(MEASURE, writers(copied=50, prompts=even)).p > 0.1


def test_topics_are_shuffled_as_wholes_where_there_are_enough(writers: Callable[..., Panel]) -> None:
    """Four topics of eight are harvested, in all 70 ways to choose them one is as extreme as what was copied."""
    topics = {str(item): f"topic {item % 100 // 10}" for item in range(80)}
    harvested = frozenset(f"topic {number}" for number in range(4))
    found = examine(MEASURE, writers(copied=40, items=80, prompts=Prompts({}, topics, harvested)))
    assert 0.005 < found.p_prompts < 0.03
