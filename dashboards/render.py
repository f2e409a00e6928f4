"""`make render`: write every board and the runbooks into `dashboards/generated`.

The same declarations give the same bytes. The generated files are committed, so that a change shows in review and a board can be imported
by hand. `stale` returns those that no longer follow from the declarations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dashboards import rules
from dashboards.board import boards
from streams.core.output import echo

GENERATED: Final = Path(__file__).with_name("generated")


def rendered() -> dict[str, str]:
    """Return the text of every generated file, by its path below `dashboards/generated`."""
    found = {f"{name}.json": board.render() for name, board in boards().items()} | rules.files()
    return {name: json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n" for name, content in found.items()}


def stale(folder: Path = GENERATED) -> list[str]:
    """Return the files that are missing or differ, and those that are no longer generated."""
    wanted, found = rendered(), _written(folder)
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path = GENERATED) -> list[str]:
    """Write stale files, remove those that are no longer generated, and return the files that changed."""
    changed, wanted = stale(folder), rendered()
    for name in changed:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in wanted:
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _written(folder: Path) -> Mapping[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.json"))}


def main() -> None:
    """Write all files and print what changed."""
    echo("\n".join(f"wrote {GENERATED.name}/{name}" for name in write()) or "everything is up to date")


if __name__ == "__main__":
    main()
