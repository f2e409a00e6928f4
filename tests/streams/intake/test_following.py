"""A log that grows arrives whole and once, however it is rotated, and whenever `collect` is stopped."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.errors import SettingsError
from streams.core.settings import Settings
from streams.intake.following import FollowedFile, Position, follow, load_positions, save_positions
from streams.schema import topics
from streams.schema.event import MAX_READ_BYTES
from streams.testing.builders import embedded_broker, event_ids_of, records_of


def read_all(file: FollowedFile) -> list[bytes]:
    """Read and accept until nothing is new."""
    lines: list[bytes] = []
    while piece := file.read():
        lines += piece.lines
        file.accept(piece)
    return lines


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def followed(path: Path, position: Position | None = None) -> FollowedFile:
    return FollowedFile(path, position, linger_seconds=0.0)


def test_a_line_is_read_when_its_line_feed_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = followed(path)
    assert read_all(file) == []  # nobody has made it yet
    append(path, b"one\ntw")
    assert read_all(file) == [b"one"]
    append(path, b"o\nthree\n")
    assert read_all(file) == [b"two", b"three"]


def test_lines_that_are_not_accepted_are_read_again_with_their_offsets(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n\ntwo\n")
    file = followed(path)
    first, again = file.read(), file.read()
    assert first == again
    assert first is not None
    assert (first.lines, first.starts) == ([b"one", b"", b"two"], [0, 4, 5])


def rename(path: Path) -> None:
    path.rename(path.with_name("log.1"))
    path.write_bytes(b"")


def rename_twice(path: Path) -> None:
    path.rename(path.with_name("log.2"))
    os.utime(path.with_name("log.2"), ns=(1, 1))
    path.with_name("log.1").write_bytes(b"between\n")
    path.write_bytes(b"")


def truncate(path: Path) -> None:
    path.with_name("log.1").write_bytes(path.read_bytes())
    os.truncate(path, 0)


@pytest.mark.parametrize(("rotate", "between"), [(rename, []), (rename_twice, [b"between"]), (truncate, [])])
@pytest.mark.parametrize("how", ["running", "stopped"])
def test_a_rotated_log_loses_nothing_also_while_nobody_reads(
    tmp_path: Path, rotate: Callable[[Path], None], between: list[bytes], how: str
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    file = followed(path)
    assert read_all(file) == [b"one", b"two"]
    if rotate is not truncate:
        append(path, b"late, and without an end")
    if how == "stopped":
        file = followed(path, file.position)
    rotate(path)
    append(path, b"new\n")
    assert read_all(file) == [*([] if rotate is truncate else [b"late, and without an end"]), *between, b"new"]


def test_a_cut_log_that_has_grown_past_our_position_is_known_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    file = followed(path)
    read_all(file)
    with path.open("r+b") as same:
        same.truncate()
        same.write(b"three\nfour\nfive\n")
    assert read_all(file) == [b"three", b"four", b"five"]


def test_what_is_written_to_a_renamed_log_shortly_after_is_read(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    path.write_bytes(b"one\n")
    file = FollowedFile(path, linger_seconds=60.0)
    read_all(file)
    rename(path)
    append(path, b"new\n")
    assert read_all(file) == []  # the writer may still hold the old one
    append(old, b"late\n")
    assert read_all(file) == [b"late"]


def test_a_rotated_log_that_was_packed_before_it_was_read_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    file = followed(path)
    read_all(file)
    os.utime(path, ns=(1, 1))
    path.rename(tmp_path / "log.2")
    (tmp_path / "log.1.gz").write_bytes(b"\x1f\x8b whatever")
    path.write_bytes(b"new\n")
    assert read_all(file) == [b"new"]
    assert "log.1.gz" in caplog.text


def test_a_packed_file_is_refused_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(b"\x1f\x8b whatever")
    with pytest.raises(SettingsError, match="send it with: hydrometer collect"):
        followed(path).read()


def test_a_line_without_an_end_is_cut_and_not_read_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * (3 * MAX_READ_BYTES) + b"\nshort\n")
    file = followed(path)
    lines = read_all(file)
    assert lines[-1] == b"short"
    assert all(len(line) <= MAX_READ_BYTES + 1 for line in lines)
    assert [len(line) > MAX_READ_BYTES for line in lines[:-2]] == [True] * (len(lines) - 2)


@given(st.lists(st.tuples(st.sampled_from(["write", "rename", "stop"]), st.binary(max_size=9)), max_size=12))
def test_whatever_is_written_renamed_and_stopped_every_line_is_read_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.touch()
    file = followed(path)
    lines, generation = read_all(file), 0
    written: list[bytes] = []
    for step, text in steps:
        if step == "write":
            line = b"%d:" % len(written) + text.replace(b"\n", b"")
            append(path, line + b"\n")
            written.append(line)
        elif step == "rename":
            generation += 1
            os.utime(path, ns=(generation, generation))
            path.rename(path.with_name(f"log.{generation}"))
            path.touch()
        else:
            lines += read_all(file)
            file = followed(path, file.position)
    assert lines + read_all(file) == written


def test_positions_that_are_damaged_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    save_positions(path, {"/log": Position(1, 2, 3)})
    assert load_positions(path) == {"/log": Position(1, 2, 3)}
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(SettingsError, match="delete it to read the files from their beginning"):
        load_positions(path)


@pytest.fixture
def settings() -> Iterator[Settings]:
    with embedded_broker() as bootstrap:
        local = Settings(mode="local", kafka=bootstrap, partitions=1, fuse_run=3)
        topics.ensure(local)
        yield local


def event(number: int) -> bytes:
    return json.dumps({"timestamp": time.time(), "event.id": f"e{number}", "account.id": "a"}).encode() + b"\n"


def wait_for(done: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)


async def follow_until(
    settings: Settings, paths: list[Path], positions: Path, done: Callable[[], bool], pause_seconds: float = 60.0
) -> None:
    task = asyncio.create_task(follow(paths, settings, positions=positions, pause_seconds=pause_seconds))
    await asyncio.wait([task, asyncio.create_task(asyncio.to_thread(wait_for, done))], return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_second_run_goes_on_where_the_broker_had_the_last_line(settings: Settings, tmp_path: Path) -> None:
    path, positions = tmp_path / "log", tmp_path / "state" / "positions.json"
    path.write_bytes(event(0) + event(1))
    await follow_until(settings, [path], positions, positions.exists)
    append(path, event(2))
    size = path.stat().st_size
    await follow_until(settings, [path], positions, lambda: load_positions(positions)[str(path.absolute())].offset == size)
    assert event_ids_of(settings.kafka) == ["e0", "e1", "e2"]


async def test_a_file_of_another_format_pauses_alone_and_its_lines_are_set_aside_once(settings: Settings, tmp_path: Path) -> None:
    good, bad, positions = tmp_path / "good", tmp_path / "bad", tmp_path / "positions.json"
    good.write_bytes(event(0))
    bad.write_bytes(b"".join(b'{"timestamp": 1, "account.id": "a%d"}\n' % number for number in range(9)))
    pauses = time.monotonic() + 2.0
    await follow_until(settings, [good, bad], positions, lambda: time.monotonic() > pauses, pause_seconds=0.3)
    assert event_ids_of(settings.kafka) == ["e0"]
    assert str(bad) not in load_positions(positions)
    assert 0 < len(records_of(settings.kafka, topics.DEAD_LETTERS)) < 9
