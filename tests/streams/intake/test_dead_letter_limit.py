"""The fuse counts shares of a window, and runs."""

from __future__ import annotations

import pytest

from streams.core.errors import FuseBlownError, MalformedEventError
from streams.intake.dead_letter_limit import Fuse

WRONG = MalformedEventError("wrong_type", "gen_ai.usage.input_tokens must be a number")


def blown_after(pattern: str, fuse: Fuse) -> int | None:
    """Return after how many lines the fuse blew: `.` is accepted, `x` is refused, and so is a letter, the account whose line it is."""
    return next((place for place, line in enumerate(pattern, 1) if refuses(fuse, line)), None)


def refuses(fuse: Fuse, line: str) -> bool:
    return fuse.count() if line == "." else fuse.count(WRONG, None if line == "x" else line)


def test_a_run_blows_it_at_once() -> None:
    assert blown_after("..xxx", Fuse(window=100, share=0.2, run=3)) == 5


def test_a_share_is_judged_only_over_a_full_window() -> None:
    assert blown_after("x.x.......", Fuse(window=10, share=0.15, run=5)) == 10
    assert blown_after("x.x......", Fuse(window=10, share=0.15, run=5)) is None


def test_what_leaves_the_window_no_longer_counts() -> None:
    assert blown_after("xx" + "." * 9 + "x" + "." * 9 + "x", Fuse(window=10, share=0.2, run=5)) is None


def test_one_accounts_lines_never_blow_it_and_those_of_others_still_do() -> None:
    assert blown_after("a" * 1_000, Fuse(window=10, share=0.2, run=5)) is None
    assert blown_after("a" * 100 + "bcdef", Fuse(window=10, share=0.5, run=5)) == 105
    assert blown_after("a.a.a.a.a." * 10, Fuse(window=10, share=0.2, run=5)) is None
    assert blown_after("a.b.c.d.e." * 10, Fuse(window=10, share=0.3, run=5)) == 10


def test_told_to_skip_it_never_blows() -> None:
    assert blown_after("x" * 100, Fuse(window=10, share=0.2, run=5, skip=True)) is None


def test_a_blown_fuse_stays_blown_until_it_is_reset_and_names_the_field_and_what_to_do() -> None:
    fuse = Fuse(window=10, share=0.2, run=1)
    fuse.check()
    fuse.count(WRONG)
    fuse.count()
    with pytest.raises(FuseBlownError, match=r"1 of them as wrong_type: gen_ai.usage.input_tokens must be a number.*--format"):
        fuse.check()
    fuse.reset()
    fuse.check()
