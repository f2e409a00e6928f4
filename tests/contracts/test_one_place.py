"""One fact, one place: a list of names is written in one module, and every other imports it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("streams", "models", "dashboards")
MIN_NAMES: Final = 3
FACTS_OF_OTHERS: Final = ("streams/intake/formats/", "streams/devserver/", "dashboards/boards/", "streams/testing/", "streams/demo/")
"""What other programs call their fields, what a panel shows, and what only examples say, is said where it is used."""


def name_sets(source: str) -> Iterator[frozenset[str]]:
    """Yield each literal of at least MIN_NAMES different strings that a module holds in a tuple, list, set or Literal."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            values = [item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
            if len(values) == len(node.elts) and len(set(values)) >= MIN_NAMES:
                yield frozenset(values)


def copies(modules: dict[str, str]) -> dict[tuple[str, ...], list[str]]:
    """Return the sets of names that several modules write out, with those modules. modules: source by path."""
    places: dict[frozenset[str], set[str]] = defaultdict(set)
    for path, source in modules.items():
        for names in name_sets(source):
            places[names].add(path)
    return {tuple(sorted(names)): sorted(paths) for names, paths in places.items() if len(paths) > 1}


def test_a_copy_is_found_in_another_order_and_in_another_kind_of_literal() -> None:
    found = copies({"a.py": 'KINDS = ("x", "y", "z")', "b.py": 'Kind = Literal["z", "y", "x"]', "c.py": 'PAIR = ("x", "y")'})
    assert found == {("x", "y", "z"): ["a.py", "b.py"]}


def test_no_set_of_names_is_written_in_two_modules() -> None:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    modules = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    assert not copies({path: source for path, source in modules.items() if not path.startswith(FACTS_OF_OTHERS)})
