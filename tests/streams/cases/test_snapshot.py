from __future__ import annotations

import zstandard

from streams.cases.snapshot import Snapshots

ROWS = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}


def take(snapshots: Snapshots, offset: int, rows: dict[str, int], chunks: int = 100) -> dict[str, bytes]:
    names = sorted(snapshots.dirty(), key=lambda name: (snapshots.dirty()[name], name))[:chunks]
    return {name: snapshots.frozen(name, offset, [("rows", rows)], {"now": 7.0}) for name in names}


def touched(offset: int, parts: int) -> Snapshots:
    snapshots = Snapshots("cases")
    snapshots.touch(offset, parts)
    return snapshots


def test_nothing_changed_is_nothing_to_write() -> None:
    assert Snapshots("cases").dirty() == {}


def test_what_was_taken_apart_comes_back_in_its_order() -> None:
    chunks = take(touched(3, parts=2), 5, ROWS)
    assert sorted(chunks) == ["cases/a/0", "cases/a/1"]
    loaded = Snapshots("cases").load(chunks.items())
    assert loaded is not None
    offset, head, tables = loaded
    assert (offset, head, list(tables["rows"].items())) == (5, {"now": 7.0}, list(ROWS.items()))


def test_a_chunk_is_of_the_moment_when_the_first_was_taken() -> None:
    snapshots = touched(0, parts=2)
    rows = dict(ROWS)
    chunks = take(snapshots, 0, rows, chunks=1)
    rows["f"] = 6
    snapshots.touch(1, 2)
    chunks |= take(snapshots, 1, rows, chunks=1)
    loaded = Snapshots("cases").load(chunks.items())
    assert loaded is not None
    assert loaded[0] == 0
    assert "f" not in loaded[2]["rows"]


def test_what_was_frozen_is_written_before_what_changed_since() -> None:
    snapshots = touched(0, parts=2)
    take(snapshots, 0, ROWS, chunks=1)
    snapshots.touch(1, 1)
    assert snapshots.dirty() == {"cases/a/1": 0, "cases/b/0": 1}


def test_half_a_snapshot_does_not_count_and_the_one_before_does() -> None:
    snapshots = touched(0, parts=3)
    kept = take(snapshots, 0, {"old": 1})
    snapshots.touch(1, 3)
    kept |= take(snapshots, 1, {"new": 1})
    snapshots.touch(2, 3)
    kept |= take(snapshots, 2, {"newest": 1}, chunks=2)  # over the first side
    loaded = Snapshots("cases").load(kept.items())
    assert loaded is not None
    assert (loaded[0], loaded[2]) == (1, {"rows": {"new": 1}})


def test_the_next_snapshot_after_a_restart_spares_the_one_that_was_loaded() -> None:
    chunks = take(touched(0, parts=1), 0, ROWS)
    again = Snapshots("cases")
    again.load(chunks.items())
    again.touch(1, 1)
    assert list(again.dirty()) == ["cases/b/0"]


def test_chunks_left_over_from_a_bigger_snapshot_are_not_mixed_in() -> None:
    snapshots = touched(0, parts=3)
    kept = take(snapshots, 0, ROWS)
    snapshots.touch(1, 1)
    kept |= take(snapshots, 1, {"x": 1})
    snapshots.touch(2, 1)
    kept |= take(snapshots, 2, {"y": 1})
    loaded = Snapshots("cases").load(kept.items())
    assert loaded is not None
    assert loaded[2] == {"rows": {"y": 1}}


def test_an_unreadable_chunk_is_counted() -> None:
    snapshots = Snapshots("cases")
    assert snapshots.load([("cases/a/0", b"\x00"), ("other/a/0", b"")]) is None
    assert snapshots.cold == 2


def test_what_must_be_nowhere_any_more_is_written_over_on_both_sides_and_in_every_part() -> None:
    snapshots = touched(0, parts=2)
    kept = take(snapshots, 0, {"ada": 1, "bob": 2})
    snapshots.touch(1, 1)
    kept |= take(snapshots, 1, {"ada": 1})
    snapshots.touch_both_sides(2, 1)
    kept |= take(snapshots, 2, {"eve": 3})
    kept |= take(snapshots, 2, {"eve": 3})
    assert snapshots.dirty() == {}
    assert not [data for data in kept.values() if b"ada" in zstandard.decompress(data)]
