"""Every door over HTTP decides itself what it reads: a server that unpacks before it answers 400 where 415 is meant."""

from __future__ import annotations

import ast
from pathlib import Path

import streams

ROOM = Path(streams.__file__).parent


def servers(tree: ast.AST) -> list[ast.Call]:
    """Return the calls in a module that set up one of aiohttp's servers."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in ("AppRunner", "ServerRunner", "run_app")]


def test_every_server_is_set_up_as_the_others_are() -> None:
    doors = {path: calls for path in sorted(ROOM.rglob("*.py")) if (calls := servers(ast.parse(path.read_text())))}
    assert {path.parent.name for path in doors} >= {"intake", "desk"}, "the doors that are known"
    for path, calls in doors.items():
        for call in calls:
            spread = [ast.unparse(word.value) for word in call.keywords if word.arg is None]
            assert spread == ["bodies.SERVER"], f"{path}:{call.lineno} sets a server up by itself: give it **bodies.SERVER"
