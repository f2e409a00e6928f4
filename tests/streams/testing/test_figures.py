from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from streams.testing.figures import KEPT, Measurement, history, keep, read, write

COMMITTED = Measurement(
    target="bench",
    version="0.3.0",
    revision="4205a4e",
    date="2026-11-26",
    machine="2 cores",
    command="make bench",
    seed=None,
    partial="",
    versions={},
    figures={"speed": 7},
)


def laid(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    measured = msgspec.structs.replace(COMMITTED, **changes)
    path = folder / f"{measured.version if changes.get('version') else 'bench'}.json"
    path.write_bytes(msgspec.json.encode(measured))
    return path


def test_figures_are_written_with_all_that_a_reader_needs_to_measure_them_again(tmp_path: Path) -> None:
    path = write("bench", {"speed": 7}, command="make bench", seed=3, folder=tmp_path)
    measured = read(path)
    assert path == tmp_path / "bench.json"
    assert (measured.figures, measured.seed, measured.command) == ({"speed": 7}, 3, "make bench")
    assert re.fullmatch(r"([0-9a-f]{10})?\+?", measured.revision)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", measured.date)
    assert {"python", "numpy", "river"} <= measured.versions.keys()


def test_a_whole_run_of_committed_code_is_kept_under_its_release(tmp_path: Path) -> None:
    laid(tmp_path / "measured")
    (kept,) = keep(tmp_path / "measured", tmp_path / "kept")
    assert kept == tmp_path / "kept" / "bench" / "0.3.0.json"
    assert read(kept) == COMMITTED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"partial": "the grids"}, "bench left out the grids"), ({"revision": "4205a4e+"}, "bench measured changed files of 4205a4e")],
)
def test_a_run_that_nobody_can_repeat_is_not_kept(changes: dict[str, str], reason: str, tmp_path: Path) -> None:
    laid(tmp_path / "measured", **changes)
    with pytest.raises(ValueError, match=reason):
        keep(tmp_path / "measured", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_the_oldest_release_comes_first_and_0_10_is_younger_than_0_9(tmp_path: Path) -> None:
    for version in ("0.10.0", "0.9.0"):
        laid(tmp_path / "bench", version=version)
    laid(tmp_path / "bench", version="0.11.0", date="2026-11-25")
    assert [run.version for run in history("bench", tmp_path)] == ["0.11.0", "0.9.0", "0.10.0"]


@pytest.mark.parametrize("path", sorted(KEPT.rglob("*.json")), ids=lambda path: str(path.relative_to(KEPT)))
def test_what_is_kept_is_whole_and_lies_where_it_says(path: Path) -> None:
    run = read(path)
    assert (path.parent.name, path.stem) == (run.target, run.version)
    assert not run.partial
    assert not run.revision.endswith("+")
