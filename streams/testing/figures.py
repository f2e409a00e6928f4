"""What a make target measured, as data with its provenance: `build/figures/<target>.json`, and one a release in `docs/data/<target>/`.

The tables of the documentation are made from `docs/data` (`streams.testing.figure_tables`); no figure in them is typed.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.core.output import echo
from streams.core.repository import ROOT
from streams.core.typed_json import read_json

MEASURED: Final = ROOT / "build" / "figures"
KEPT: Final = ROOT / "docs" / "data"
Figures = dict[str, Any]
"""Numbers, texts, lists and objects as JSON has them, in the shape that the target's table reads."""
_LIBRARIES: Final = ("numpy", "river", "faust-streaming", "pyarrow")


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figures of one run of one make target, and all that a reader needs to run it again.

    `revision` is the commit, with `+` behind it when files were changed. `partial` says what was left out, empty for a whole run.
    `seed` is the first that was drawn, None where nothing is drawn. `figures` has the shape that the target's table reads.
    `note` is a sentence for the reader, where figures were not written by the target itself.
    """

    target: str
    version: str
    revision: str
    date: str
    machine: str
    command: str
    seed: int | None
    partial: str
    versions: dict[str, str]
    figures: Any
    note: str = ""


def write(
    target: str,
    figures: Mapping[str, object],
    *,
    command: str,
    seed: int | None = None,
    partial: str = "",
    revision: str = "",
    folder: Path = MEASURED,
) -> Path:
    """Write the figures of a run with this checkout's provenance.

    Args:
        target: the make target, which is the file's name.
        figures: numbers, strings, lists and objects, as JSON has them.
        command: how to measure them again.
        seed: the first seed that was drawn.
        partial: what the run left out; such figures are never kept for a release.
        revision: of the code that was measured; empty for that of now.
        folder: where to, `build/figures`.

    Returns:
        The file.

    """
    measured = Measurement(
        target=target,
        version=version("hydrometer"),
        revision=revision or current_revision(),
        date=datetime.now(UTC).date().isoformat(),
        machine=f"{cpu_count()} cores, {_processor()}",
        command=command,
        seed=seed,
        partial=partial,
        versions={"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        figures=figures,
    )
    return _save(measured, folder / f"{target}.json")


def read(path: Path) -> Measurement:
    """Read one file. Raises msgspec.ValidationError, which names the field, for a file of another shape."""
    return read_json(path.read_bytes(), Measurement)


def history(target: str, folder: Path = KEPT) -> list[Measurement]:
    """Return what was kept of a target, the oldest release first."""
    return sorted((read(path) for path in (folder / target).glob("*.json")), key=lambda each: (each.date, _release(each.version)))


def keep(measured: Path = MEASURED, kept: Path = KEPT) -> list[Path]:
    """Copy the figures of `build/figures` to `docs/data/<target>/<version>.json`.

    Returns:
        The files written.

    Raises:
        ValueError: a run was partial or its code was not committed: a reader could not repeat it.

    """
    runs = [read(path) for path in sorted(measured.glob("*.json"))]
    for run in runs:
        if run.partial or run.revision.endswith("+"):
            reason = f"left out {run.partial}" if run.partial else f"measured changed files of {run.revision.removesuffix('+')}"
            raise ValueError(f"{run.target} {reason}; commit, run `make {run.target}` whole, then `make keep-figures`")
    return [_save(run, kept / run.target / f"{run.version}.json") for run in runs]


def _save(measured: Measurement, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
    return path


def _release(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name))


def current_revision() -> str:
    """Return the commit of the checkout, with `+` behind it when files were changed."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607

    commit = git("rev-parse", "--short=10", "HEAD")
    return commit + ("+" if not commit or git("status", "--porcelain", "--untracked-files=no") else "")


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", facts.read_text(encoding="utf-8"), re.MULTILINE) if facts.is_file() else None
    return named[1] if named else platform.machine()


def main() -> int:
    """Keep what `build/figures` holds for the release of this version (`make keep-figures`)."""
    try:
        kept = keep()
    except ValueError as error:
        echo(f"error: {error}", err=True)
        return 1
    echo("\n".join(str(path.relative_to(ROOT)) for path in kept) or f"nothing measured: {MEASURED} is empty")
    return 0


if __name__ == "__main__":
    sys.exit(main())
