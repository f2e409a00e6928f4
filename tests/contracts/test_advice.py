"""What the product advises a person to do: never to delete the state of an agent."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DELETES = re.compile(r"\b(delete|remove|drop|wipe|rm -r)\b", re.IGNORECASE)
STATE = re.compile(r"\bstate\b|changelog|datadir|state_dir", re.IGNORECASE)


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every text of a module with its line, as it is written: docstrings left out, the code inside of f-strings included."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        if id(node) in docstrings | inner:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def advises_to_delete_state(text: str) -> bool:
    """Tell whether a sentence of a text tells a person to delete state."""
    return any(DELETES.search(part) and STATE.search(part) for part in re.split(r"[;.]\s", text))


def test_no_error_or_log_line_advises_to_delete_state() -> None:
    offences = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted((ROOT / "streams").rglob("*.py"))
        for line, text in texts(ast.parse(path.read_text()))
        if " " in text and advises_to_delete_state(text)
    ]
    assert offences == []


def test_the_advice_that_was_once_given_is_found() -> None:
    [(_, text)] = texts(
        ast.parse('raise Error(f"the topic ends at {end}, so it was made anew: delete {self.app.conf.datadir} and topic {name}")')
    )
    assert advises_to_delete_state(text)
