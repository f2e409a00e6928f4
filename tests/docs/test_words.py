"""The code speaks in nouns of the domain, and every number says what it counts.

Two rules that a reader can check by eye and this file checks by syntax tree, in every module of
`streams/`, `models/` and `dashboards/`, also in those that are not written yet:

* A vague word (`found`, `told`, `each`...) names nothing that lives longer than three lines, and no
  function, parameter or field.
* A constant that is a number carries its quantity and its unit (`MIN_GROUP_ACCOUNTS`).
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
VAGUE_NOUNS = "found told said each every place places noun thing things stuff somebody nobody anybody everyone"
VAGUE_VERBS = "heard hears hear speak speaks spoken tell tells telling says say theirs ours mine whose"
VAGUE = frozenset(f"{VAGUE_NOUNS} {VAGUE_VERBS}".split())
NEARBY_LINES = 3
UNITS_OF_MEASURES = "NATS SECONDS MS MILLISECONDS MICROSECONDS NANOSECONDS MINUTES HOURS DAYS BYTES MB BITS HZ PIXELS"
UNITS_OF_RATIOS = "SHARE RATIO FACTOR RATE QUANTILE PROBABILITY WEIGHT EXPONENT SHAPE DEVIATIONS ALPHA PERCENT BASE"
NUMBERS_BY_NATURE = "VERSION SEED PORT STATUS CODE ID FLAG MASK PRIME EPOCH SHIFT INDEX OFFSET SALT"
UNITS = frozenset(f"{UNITS_OF_MEASURES} {UNITS_OF_RATIOS} {NUMBERS_BY_NATURE}".split())
STANDARD = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "EPOCH", "KIB", "MIB", "GIB"})


class Offence(NamedTuple):
    """A name that a reader must translate."""

    path: str
    line: int
    name: str

    def __str__(self) -> str:
        """`path:line name`, as an editor opens it."""
        return f"{self.path}:{self.line} {self.name}"


def room_of(path: str) -> str:
    """`streams/cases/stage.py` is in the room `streams/cases`; the files of a package itself are in its own."""
    return "/".join(path.split("/")[:-1][:2])


def is_vague(name: str) -> bool:
    return name.strip("_").lower() in VAGUE


def spans(function: ast.AST) -> dict[str, tuple[int, int]]:
    """First and last line of every vague name inside a function or module, nested functions left out."""
    lines: dict[str, list[int]] = defaultdict(list)
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Name) and is_vague(node.id):
            lines[node.id].append(node.lineno)
    return {name: (min(at), max(at)) for name, at in lines.items()}


def named(node: ast.AST) -> tuple[int, str]:
    """Line and name of what a node declares for readers elsewhere: a definition, a parameter, a field; or an empty name."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return node.lineno, name
        case ast.arg(arg=name) | ast.AnnAssign(target=ast.Name(id=name)) | ast.Attribute(attr=name, ctx=ast.Store()):
            return node.lineno, name
        case _:
            return 0, ""


def vague_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    nearby = {argument for node in ast.walk(tree) if isinstance(node, ast.Lambda) for argument in ast.walk(node.args)}
    for node in ast.walk(tree):
        line, name = named(node)
        if is_vague(name) and node not in nearby:
            yield line, name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            for local, (first, last) in spans(node).items():
                if last - first >= NEARBY_LINES:
                    yield first, local


def is_number(node: ast.expr | None) -> bool:
    """Whether an expression is a number, written out or computed from written numbers (`64 * 1024`)."""
    match node:
        case ast.Constant(value=bool()):
            return False
        case ast.Constant(value=int() | float()):
            return True
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=ast.Constant(value=str() | bytes())):
            return False
        case ast.BinOp(left=left, right=right):
            return is_number(left) or is_number(right)
        case _:
            return False


def has_unit(name: str) -> bool:
    """Whether a number's name ends in what is counted (`MIN_GROUP_ACCOUNTS`, `MAX_ROWS_PER_CHUNK`) or in its unit."""
    if name in STANDARD or name.startswith("NO_"):  # a unit itself, or the mark of an absent value
        return True
    quantity = re.split("_PER_|_OF_", name)[0].split("_")
    return name in NUMBERS_BY_NATURE.split() or (
        len(quantity) > 1 and (quantity[-1] in UNITS or (quantity[-1].endswith("S") and len(quantity[-1]) > 2))
    )


def unitless_numbers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=value):
                if name.isupper() and is_number(value) and not has_unit(name.strip("_")):
                    yield statement.lineno, name


@cache
def offences() -> dict[str, list[Offence]]:
    """Every name that breaks a rule, by room."""
    by_room: dict[str, list[Offence]] = defaultdict(list)
    for package in ("models", "streams", "dashboards"):
        for file in sorted((ROOT / package).rglob("*.py")):
            path, tree = str(file.relative_to(ROOT)), ast.parse(file.read_text())
            for line, name in sorted({*vague_names(tree), *unitless_numbers(tree)}):
                by_room[room_of(path)].append(Offence(path, line, name))
    return by_room


ROOMS = sorted({room_of(str(file.relative_to(ROOT))) for top in ("models", "streams", "dashboards") for file in (ROOT / top).rglob("*.py")})


@pytest.mark.parametrize("room", ROOMS)
def test_names_are_nouns_of_the_domain_and_numbers_carry_their_unit(room: str) -> None:
    assert not offences()[room], "\n" + "\n".join(map(str, offences()[room]))


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def f(found): return found", ["found"]),
        ("def told(): pass", ["told"]),
        ("def f(xs):\n    return [each + 1 for each in xs]", []),
        ("def f(xs):\n    for each in xs:\n        a(1)\n        b(2)\n        c(each)", ["each"]),
        ("MOST = 50", ["MOST"]),
        ("LONGEST_KEY = 64 * 2", ["LONGEST_KEY"]),
        ("MAX_KEY_BYTES = 64 * 2", []),
        ("MAX_ROWS_PER_CHUNK = 9", []),
        ("NAME = 'hydrometer' * 2", []),
        ("class Row:\n    said: str", ["said"]),
        ("def f(self):\n    self.heard = 1", ["heard"]),
    ],
)
def test_the_rules_refuse_what_they_are_for(code: str, names: list[str]) -> None:
    tree = ast.parse(code)
    assert [name for _, name in (*vague_names(tree), *unitless_numbers(tree))] == names
