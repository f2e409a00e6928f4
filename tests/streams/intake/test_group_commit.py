"""Slices of lines that are parsed at a time."""

from __future__ import annotations

from streams.intake.group_commit import MAX_SLICE_BYTES, MAX_SLICE_LINES, _slices


def test_a_slice_ends_with_the_line_that_exceeds_its_bytes_or_is_its_last() -> None:
    half = b"x" * (MAX_SLICE_BYTES // 2)
    assert list(_slices([half, half, b"x", half])) == [(0, 3), (3, 4)]
    assert list(_slices([b"x" * 10 * MAX_SLICE_BYTES] * 3)) == [(0, 1), (1, 2), (2, 3)]
    assert list(_slices([b"x"] * (MAX_SLICE_LINES + 1))) == [(0, MAX_SLICE_LINES), (MAX_SLICE_LINES, MAX_SLICE_LINES + 1)]
    assert list(_slices([])) == []
