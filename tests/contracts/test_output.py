"""There is one way out to a terminal: `streams.core.output`. Everything printed elsewhere could move a cursor."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAY_OUT = ROOT / "streams" / "core" / "output.py"
MODULES = sorted(path for room in ("streams", "models", "dashboards") for path in (ROOT / room).rglob("*.py") if path != WAY_OUT)
NAMES = frozenset({"print", "Console"})
ATTRIBUTES = frozenset({"click.echo", "click.secho", "click.echo_via_pager", "sys.stdout.write", "sys.stderr.write", "rich.print"})


def printed(tree: ast.AST) -> list[int]:
    """Return the lines of a module that print without `streams.core.output`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if ast.unparse(call.func) in NAMES | ATTRIBUTES]


def test_what_prints_is_found() -> None:
    source = "print(1)\nclick.echo(2)\nConsole()\nsys.stderr.write('3')\necho(4)\nscreen.print(5)\n"
    assert printed(ast.parse(source)) == [1, 2, 3, 4]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_printed_but_through_the_one_way_out(path: Path) -> None:
    assert printed(ast.parse(path.read_bytes())) == []


def test_a_command_shows_what_would_move_the_cursor_as_its_code(tmp_path: Path) -> None:
    hostile = tmp_path / "evil\x1b[2J\u202e.jsonl"
    hostile.write_text('{"timestamp": 1}\n')
    env = {**os.environ, "HYDROMETER_MODE": "local", "PYTHONUTF8": "1"}
    words = [sys.executable, "-m", "streams", "replay", str(hostile), "--out", str(tmp_path / "out")]
    found = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    shown = found.stdout + found.stderr
    assert "evil" in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
