from __future__ import annotations

from typing import Any


def test_one_line_in_ten_fires_and_names_source_and_reason(ground: Any) -> None:
    ground.usage(90)
    ground.dead(7, source="http", reason="not_json")
    ground.dead(2, source="http", reason="absurd")
    ground.dead(1, source="files")
    assert ground.summaries("dead_letter_fuse") == [
        "http sends unreadable lines (not_json): 0.09 of all lines of ten minutes are set aside."
    ]


def test_a_few_bad_lines_are_life(ground: Any) -> None:
    ground.usage(96)
    ground.dead(4)
    assert ground.summaries("dead_letter_fuse") == []


def test_a_feed_of_nothing_but_bad_lines_fires(ground: Any) -> None:
    ground.dead(5)
    assert len(ground.summaries("dead_letter_fuse")) == 1


def test_an_hour_later_it_is_over(ground: Any) -> None:
    ground.dead(5, ago=3600)
    assert ground.summaries("dead_letter_fuse") == []
