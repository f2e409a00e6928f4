"""One meaning a word: a public class's name stands for one thing in the whole project."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("streams", "models", "dashboards")


def home(path: Path, name: str) -> str:
    """Return where a class is at home: the folder of a kind (`exports/outlets`) for the kind and its implementations, else the module."""
    kind = f"{name.lower()}s"
    if path.parent.name == kind:
        return str(path.parent)
    return str(path.parent / kind) if path.stem == name.lower() else str(path)


def homes_by_name(modules: dict[str, str]) -> dict[str, list[str]]:
    """Return the names of public classes that have several homes, with these. modules: source by path."""
    homes: dict[str, set[str]] = defaultdict(set)
    for path, source in modules.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(home(Path(path), node.name))
    return {name: sorted(found) for name, found in homes.items() if len(found) > 1}


def test_two_things_of_one_name_are_found_and_a_kind_with_its_implementations_is_not() -> None:
    modules = {
        "streams/a/rows.py": "class Record: ...",
        "streams/b/record.py": "class Record: ...",
        "streams/exports/outlet.py": "class Outlet: ...",
        "streams/exports/outlets/file.py": "class Outlet: ...",
        "streams/c.py": "class _Row: ...",
        "streams/d.py": "class _Row: ...",
    }
    assert homes_by_name(modules) == {"Record": ["streams/a/rows.py", "streams/b/records"]}


def test_a_name_of_a_class_has_one_meaning() -> None:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    again = homes_by_name({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths})
    assert not again, "name one of each after what it is of: a reader who meets the word must not ask which"
