"""One meaning a word: the name of a public class stands for one thing in the whole project, and that of a public constant for one value."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

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


OWN_VALUES: Final = {
    "FORMAT_VERSION": "each kind of file counts the versions of its own layout",
}
"""Public names of which several modules have a value of their own, and why."""


def quantities(source: str) -> Iterator[tuple[str, str]]:
    """Yield name and value, as text, of each public constant of a module that is a number or a text, or is computed from others."""
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                literal = isinstance(value, ast.Constant) and isinstance(value.value, int | float | str)
                if name.isupper() and not name.startswith("_") and (literal or isinstance(value, ast.BinOp | ast.UnaryOp)):
                    yield name, ast.unparse(value).replace("_", "").removesuffix(".0")


def names_of_several_values(modules: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """Return the public constants that have another value in another module, with the modules by value. modules: source by path."""
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path, source in modules.items():
        for name, value in quantities(source):
            values[name][value].append(path)
    return {name: dict(places) for name, places in values.items() if len(places) > 1}


@pytest.mark.parametrize(
    ("first", "other", "names"),
    [
        ("MIN_PAYERS = 3", "MIN_PAYERS: Final = 20", ["MIN_PAYERS"]),
        ("KEPT_SECONDS = 4 * DAY", "KEPT_SECONDS = 400 * DAY", ["KEPT_SECONDS"]),
        ("NO_RULE = -1", 'NO_RULE = "no rule"', ["NO_RULE"]),
        ("MIN_PAYERS = 3", "MIN_PAYERS = 3.0", []),
        ("_MIN_PAYERS = 3", "_MIN_PAYERS = 20", []),
        ("ROWS = rows_of(3)", "ROWS = rows_of(4)", []),
    ],
)
def test_a_public_name_with_two_values_is_found(first: str, other: str, names: list[str]) -> None:
    assert list(names_of_several_values({"a.py": first, "b.py": other})) == names


def test_no_public_constant_has_another_value_in_another_module() -> None:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    several = names_of_several_values({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths})
    assert {name: places for name, places in several.items() if name not in OWN_VALUES} == {}, "name each after what it limits"
    assert set(OWN_VALUES) <= set(several), "a name of OWN_VALUES has one value: drop it"


TAKES: Final = {
    "models/evidence/evenness.py": "chooses rows",
    "streams/schema/blocks.py": "chooses rows",
    "streams/schema/layout_check.py": "chooses rows",
    "streams/devserver/wire.py": "reads so many bytes",
    "streams/intake/otlp_wire.py": "reads so many items",
}
"""Modules that define `take`: in NumPy's and Arrow's sense. It was ten things once: receive, freeze, pop, spend, merge, ..."""


def test_take_has_the_meaning_that_numpy_and_arrow_give_it() -> None:
    modules = [path for room in ("streams", "models", "dashboards") for path in (ROOT / room).rglob("*.py")]
    defined = {str(path.relative_to(ROOT)) for path in modules if re.search(r"def _?take\(", path.read_text(encoding="utf-8"))}
    assert defined == TAKES.keys(), "say what it does: receive, freeze, pop, spend, merge, read, ..."
