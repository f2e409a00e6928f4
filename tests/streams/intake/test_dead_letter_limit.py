"""The fuse counts shares of a window, and runs."""

from __future__ import annotations

import pytest

from streams.core.errors import FuseBlownError
from streams.intake.dead_letter_limit import Fuse


def blown_after(pattern: str, fuse: Fuse) -> int | None:
    """Return after how many lines the fuse blew: `x` is refused, `.` accepted."""
    return next((place for place, line in enumerate(pattern, 1) if fuse.count(refused=line == "x")), None)


def test_a_run_blows_it_at_once() -> None:
    assert blown_after("..xxx", Fuse(window=100, share=0.2, run=3)) == 5


def test_a_share_is_judged_only_over_a_full_window() -> None:
    assert blown_after("x.x.......", Fuse(window=10, share=0.15, run=5)) == 10
    assert blown_after("x.x......", Fuse(window=10, share=0.15, run=5)) is None


def test_what_leaves_the_window_no_longer_counts() -> None:
    assert blown_after("xx" + "." * 9 + "x" + "." * 9 + "x", Fuse(window=10, share=0.2, run=5)) is None


def test_a_blown_fuse_stays_blown_and_says_what_to_do() -> None:
    fuse = Fuse(window=10, share=0.2, run=1)
    fuse.check()
    fuse.count(refused=True)
    fuse.count(refused=False)
    assert fuse.blown
    with pytest.raises(FuseBlownError, match="--format"):
        fuse.check()
