"""Every example in a docstring (`>>>`) of this code is executed, and the dense kernels have one."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil

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
