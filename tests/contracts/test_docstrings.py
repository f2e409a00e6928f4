"""Every example in a docstring (`>>>`) is executed, the dense kernels have one, and who raises one of our errors says so."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import models
import streams

MODULES = [
    module.name
    for package in (models, streams)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]
ROOMS_OF_KERNELS = ("models", "streams.stages", "streams.features", "streams.privacy")
DENSE_NUMPY_NAMES = 10
ROWS_NOT_KERNELS = {
    ("streams.features.derived", "columns"),
    ("streams.stages.groups.counting", "count"),
    ("streams.stages.groups.group_rows", "_row"),
    ("streams.stages.groups.member_rows", "report_members"),
}
"""Functions with much NumPy that only name columns, one line each."""


def examples(name: str) -> list[doctest.DocTest]:
    """Return the docstrings of a module that have examples."""
    module = importlib.import_module(name)
    return [test for test in doctest.DocTestFinder(exclude_empty=True).find(module, name) if test.examples]


WITH_EXAMPLES = [name for name in MODULES if ">>>" in (importlib.util.find_spec(name).loader.get_source(name) or "")]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_example_prints_what_its_docstring_says(name: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in examples(name):
        runner.run(test)
    assert runner.summarize().failed == 0


def dense_kernels(name: str) -> list[str]:
    """Return the functions of a module that use names of NumPy DENSE_NUMPY_NAMES times or more, and have no example."""
    source = importlib.util.find_spec(name).loader.get_source(name) or ""  # type: ignore[union-attr]
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return [
        function.name
        for function in functions
        if (name, function.name) not in ROWS_NOT_KERNELS
        and sum(ast.unparse(statement).count("np.") for statement in function.body) >= DENSE_NUMPY_NAMES
        and ">>>" not in (ast.get_docstring(function) or "")
    ]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(ROOMS_OF_KERNELS)])
def test_every_dense_kernel_has_an_example(name: str) -> None:
    assert dense_kernels(name) == []


ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for room in ("streams", "models", "dashboards")
    for path in sorted((ROOT / room).rglob("*.py"))
}
OUR_ERRORS: Final = {
    node.name for tree in SOURCES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
}
"""Names of the errors that this project defines."""


def raised(function: ast.FunctionDef | ast.AsyncFunctionDef, errors: set[str]) -> set[str]:
    """Return which of these errors a function raises itself, functions within it left out."""
    names, waiting = set(), list[ast.AST](function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            names |= {word for word in ast.unparse(error).split(".") if word in errors}
    return names


def public(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions and methods that others may call. Commands are left out: their docstrings are helps."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public(child)
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and (not child.name.startswith("_") or child.name.endswith("__")):
            marks = [ast.unparse(decorator).partition("(")[0] for decorator in child.decorator_list]
            if not any(mark.endswith((".command", ".group")) for mark in marks):
                yield child


def silent_raisers(tree: ast.AST, errors: set[str]) -> list[str]:
    """Return the public functions that raise one of these errors and do not name it in their docstring."""
    functions = ((function, ast.get_docstring(function) or "") for function in public(tree))
    return [
        f"{function.name} raises {error}"
        for function, words in functions
        for error in sorted(raised(function, errors))
        if "Raise" not in words or error not in words
    ]


@pytest.mark.parametrize("path", SOURCES)
def test_a_public_function_names_each_of_our_errors_that_it_raises(path: str) -> None:
    assert silent_raisers(SOURCES[path], OUR_ERRORS) == []


@pytest.mark.parametrize(
    ("body", "silent"),
    [
        ('"Read."\n    raise AError()', ["f raises AError"]),
        ('"Read. Raises AError."\n    raise AError()', []),
        ('"Read."\n    raise KeyError()', []),
        ('"Read AError."\n    raise AError', ["f raises AError"]),
        ('"Read."\n    def inner():\n        raise AError', []),
    ],
)
def test_a_silent_raiser_is_found(body: str, silent: list[str]) -> None:
    assert silent_raisers(ast.parse(f"def f():\n    {body}"), {"AError"}) == silent
