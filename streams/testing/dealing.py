"""In what order tests go to processes: what takes longest first, so that no process works alone at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson

MIN_SECONDS: Final = 1.0
"""Of a test whose duration is kept: shorter ones count as OTHER_SECONDS, and the file changes seldom."""
OTHER_SECONDS: Final = 0.05
"""What a test takes of which nothing is kept: the mean of such tests."""


def read_durations(path: Path) -> dict[str, float]:
    """Return the seconds of tests by their names; none when the file is missing."""
    durations: dict[str, float] = orjson.loads(path.read_bytes()) if path.exists() else {}
    return durations


def write_durations(path: Path, run: Mapping[str, float], root: Path) -> None:
    """Keep the seconds of tests that were run, and of the others those whose file is still there.

    Args:
        path: What is written.
        run: Seconds by the name of a test, `tests/a/test_b.py::test_c`.
        root: The folder that the names begin at.
    """
    others = {name: seconds for name, seconds in read_durations(path).items() if (root / name.partition("::")[0]).exists()}
    kept = {name: round(seconds, 1) for name, seconds in {**others, **run}.items() if seconds >= MIN_SECONDS}
    path.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))


def longest_first(names: Sequence[str], home: Callable[[str], str], durations: Mapping[str, float]) -> list[str]:
    """Return the names of tests in the order in which they are dealt: homes that take longest first, tests of a home as they were.

    Args:
        names: All tests of this run.
        home: What goes to one process, of a test's name: its file or folder.
        durations: Seconds by name, as far as they are known.
    """
    total = dict[str, float]()
    for name in names:
        total[home(name)] = total.get(home(name), 0.0) + durations.get(name, OTHER_SECONDS)
    return sorted(names, key=lambda name: (-total[home(name)], home(name)))
