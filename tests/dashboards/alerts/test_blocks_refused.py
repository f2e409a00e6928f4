from __future__ import annotations

from typing import Any


def test_blocks_set_aside_within_the_hour_fire(ground: Any) -> None:
    ground.health("blocks_refused", 1, ago=4000, agent="store")
    ground.health("blocks_refused", 3, agent="store")
    assert ground.summaries("blocks_refused") == ["store could not read 2 blocks within an hour and set them aside."]


def test_none_is_silent(ground: Any) -> None:
    ground.health("blocks_refused", 0, agent="store")
    assert ground.summaries("blocks_refused") == []
