"""The last step of `make bench`: every table of what an event costs, of the newest run of each target, else of the newest that is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markdown import Markdown

from streams.testing import speed_tables
from streams.testing.figure_tables import Kept, bench, bench_limit, collecting, provenance
from streams.testing.figures import KEPT, MEASURED, Measurement, history, read

OTHERS: Final[Mapping[str, Sequence[Callable[[Kept], str]]]] = {"bench": (bench, bench_limit), "bench-collect": (collecting,)}
TABLES: Final = {
    "bench-replay": ("blocks", "rooms"),
    "bench-scale": ("accounts", "members", "features"),
    "bench-peers": ("programs", "programs do"),
}


def newest(target: str, measured: Path = MEASURED, kept: Path = KEPT) -> Measurement | None:
    """Return what a target measured here, else what was kept of it last, None without either."""
    here = measured / f"{target}.json"
    return read(here) if here.is_file() else next(iter(history(target, kept)[-1:]), None)


def whole(measured: Path = MEASURED, kept: Path = KEPT) -> list[str]:
    """Return every table as Markdown, each with where its figures come from."""
    parts = []
    for target, makers in OTHERS.items():
        run = newest(target, measured, kept)
        parts += [make([run]) for make in makers] if run else [_missing(target)]
    for target, names in TABLES.items():
        run = newest(target, measured, kept)
        parts += [speed_tables.TABLES[name](run.figures) for name in names] + [provenance([run])] if run else [_missing(target)]
    return parts


def _missing(target: str) -> str:
    return f"`make {target}` was not run here, and none of its figures are kept."


def main() -> None:
    """Print them."""
    console = Console(width=140)
    for part in whole():
        console.print(Markdown(part))


if __name__ == "__main__":
    main()
