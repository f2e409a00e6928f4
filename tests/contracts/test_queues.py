"""Who forgets the oldest of many uses an ordered dictionary or a deque.

`del kept[next(iter(kept))]` of a plain dict, and `pop(0)` of a list, go through what was taken out before them: with 65,536 events in mind,
`collect` spent as much time on forgetting one as on reading it.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("streams", "models", "dashboards")


def is_slow(node: ast.AST) -> bool:
    """Whether a piece of code takes the first out of a dict or a list."""
    if isinstance(node, ast.Delete):
        return any(isinstance(target, ast.Subscript) and ast.unparse(target.slice).startswith("next(iter(") for target in node.targets)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and node.args:
        return ast.unparse(node.args[0]) == "0" or ast.unparse(node.args[0]).startswith("next(iter(")
    return False


def test_nothing_takes_the_first_out_of_a_plain_dict_or_list() -> None:
    slow = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if is_slow(node) and isinstance(node, ast.stmt | ast.expr)
    ]
    assert slow == []


def test_both_ways_to_take_the_first_are_seen() -> None:
    tree = ast.parse("del kept[next(iter(kept))]\nkept.pop(next(iter(kept)))\nlines.pop(0)\nkept.popitem(last=False)\ndel kept[name]\n")
    assert [any(map(is_slow, ast.walk(line))) for line in tree.body] == [True, True, True, False, False]
