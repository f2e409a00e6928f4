"""Docstrings: examples (`>>>`) are executed, dense kernels have one, errors are named, and no parameter or shape is left open."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import models
import streams
from streams.schema.event import FIELDS

MODULES = [
    module.name
    for package in (models, streams)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]
ROOMS_OF_KERNELS = ("models", "streams.stages", "streams.features", "streams.privacy")
DENSE_NUMPY_NAMES = 10
ROWS_NOT_KERNELS = {
    ("streams.stages.accounts.score_rows", "evidence"),
    ("streams.features.derived", "columns"),
    ("streams.stages.groups.counting", "count"),
    ("streams.stages.groups.group_rows", "_row"),
    ("streams.stages.groups.member_rows", "report_members"),
}
"""Functions with much NumPy that only name columns, one line each."""
HALF_SENTENCE = re.compile(r"^\.\.\.|[^,] \.\.\.$")


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
SOURCES: Final = [
    str(path.relative_to(ROOT)) for room in ("streams", "models", "dashboards") for path in sorted((ROOT / room).rglob("*.py"))
]


@cache
def tree_of(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


@cache
def our_errors() -> set[str]:
    """Return the names of the errors that this project defines."""
    nodes = (node for path in SOURCES for node in ast.walk(tree_of(path)))
    return {node.name for node in nodes if isinstance(node, ast.ClassDef) and node.name.endswith("Error")}


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
    return (function for function, _ in public_with_docstrings(node))


def public_with_docstrings(node: ast.AST, of_class: str = "") -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """Yield the public functions and methods with their docstrings; a constructor's is that of its class too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public_with_docstrings(child, ast.get_docstring(child) or "")
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and (not child.name.startswith("_") or child.name.endswith("__")):
            marks = [ast.unparse(decorator).partition("(")[0] for decorator in child.decorator_list]
            if not any(mark.endswith((".command", ".group")) for mark in marks):
                words = ast.get_docstring(child) or ""
                yield child, f"{words} {of_class}" if child.name == "__init__" else words


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
    assert silent_raisers(tree_of(path), our_errors()) == []


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


_PLAIN = "int float str bool bytes dict list tuple set frozenset Sequence Mapping MutableMapping Iterable Iterator Collection Callable Any"
_NUMPY = "object None NDArray ArrayLike Floats Hashes Slots Rows Mask Integers np uint64 int64 intp float32 float64 bool_"
PLAIN_TYPES: Final = frozenset(f"{_PLAIN} {_NUMPY}".split())
"""Types that say nothing about a value. A parameter of another type (`Settings`, `Block`) is explained by that type."""
ARRAY_TYPES: Final = frozenset({"NDArray", "Floats", "Hashes", "Slots", "Rows", "Mask", "Integers"})
MIN_PARAMETERS: Final = 3
"""Parameters from which a reader can no longer keep apart what the summary does not name."""
_OF_THE_WEB = (
    "name title url host port user password key table value note message secret seed time now at headers query sql width height x y"
)
_OF_KAFKA = "bootstrap topic partition partitions offset source position log_format"
_OF_THE_GLOSSARY = "requests accounts families slots panel_id group campaign country reason"
OWN_WORDS: Final = frozenset(f"{_OF_THE_WEB} {_OF_KAFKA} {_OF_THE_GLOSSARY}".split())
"""Words that mean the same everywhere: of the web, of Kafka, of the glossary. An Args block for them would repeat them."""
FIELDS_OF_RECORDS: Final = {"case_id", "account", "verdict", "behaviour", "entity_kind", "entity_id", *(field.column for field in FIELDS)}
"""Fields that a schema explains."""
UNIT: Final = re.compile(r"_(seconds|nats|bytes|ms|share|events|members|ids?|days|tokens|accounts)$")
SHAPE: Final = re.compile(
    r"\(\w[\w ]*,|\([\w ]+, [\w ,]+\)|\bshape|\bper (event|entity)|\ban? (row|entity|account|value)\b|\beach\b|\bfields\b"
)
FOREIGN_SIGNATURES: Final = ("streams/enforcement/litellm_hook.py", "streams/forensics/litellm_hook.py", "streams/core/settings.py")
"""Modules whose methods have the parameters of a library, which explains them."""


def words_of(annotation: ast.AST) -> set[str]:
    """Return the names that an annotation uses."""
    nodes = list(ast.walk(annotation))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def unexplained(tree: ast.Module) -> Iterator[str]:
    """Yield the parameters of public functions whose meaning or unit neither name, type nor docstring says, and arrays without a shape."""
    for function, words in public_with_docstrings(tree):
        arguments = function.args
        named = [argument for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs) if argument.annotation]
        for argument in named if len(named) >= MIN_PARAMETERS and not re.search(r"[Ss]ee `|as in the fields", words) else ():
            known = argument.arg in OWN_WORDS | FIELDS_OF_RECORDS or UNIT.search(argument.arg) or re.search(rf"\b{argument.arg}\b", words)
            if not known and argument.annotation and words_of(argument.annotation) <= PLAIN_TYPES:
                yield f"{function.name}: what is {argument.arg}?"
        returned = words_of(function.returns) if function.returns else set()
        if returned & ARRAY_TYPES and "Callable" not in returned and not SHAPE.search(words):
            yield f"{function.name}: which shape has the array?"


@pytest.mark.parametrize("path", [path for path in SOURCES if path not in FOREIGN_SIGNATURES])
def test_a_public_function_says_what_its_parameters_mean_and_which_shape_its_array_has(path: str) -> None:
    assert list(unexplained(tree_of(path))) == []


@pytest.mark.parametrize(
    ("source", "questions"),
    [
        ('def f(a: float, b: Block, case_id: str) -> None:\n    "Do it."', ["f: what is a?"]),
        ('def f(a: float, b: Block, case_id: str) -> None:\n    "Do it within `a` seconds."', []),
        ('def f(wait_seconds: float, b: Block, c: Block) -> None:\n    "Do it."', []),
        ('def f(a: float, b: float) -> None:\n    "Two parameters can be kept apart."', []),
        ('class A:\n    "Args: a: seconds."\n    def __init__(self, a: float, b: Block, c: Block) -> None:\n        "Start."', []),
        ('class A:\n    "It is one."\n    def f(self, a: bool, b: Block, c: Block) -> None:\n        "Do it."', ["f: what is a?"]),
        ('def f() -> NDArray[np.float64]:\n    "Return the scores."', ["f: which shape has the array?"]),
        ('def f() -> NDArray[np.float64]:\n    "Return the scores, (entities,)."', []),
    ],
)
def test_what_a_docstring_leaves_open_is_found(source: str, questions: list[str]) -> None:
    assert list(unexplained(ast.parse(source))) == questions


def test_half_a_sentence_is_seen() -> None:
    halves = [bool(HALF_SENTENCE.search(text)) for text in ("... and more.", "Two kinds ...", "Labels, counts, ...", "Whole.")]
    assert halves == [True, True, False, False]


def test_no_text_of_a_constant_or_a_setting_continues_that_of_another() -> None:
    halves = []
    for path in sorted(path for room in ("streams", "models", "dashboards") for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Expr) or (isinstance(node, ast.keyword) and node.arg == "description")):
                continue
            text = node.value
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and HALF_SENTENCE.search(text.value.strip()):
                halves.append(f"{path.relative_to(ROOT)}:{text.lineno}")
    assert not halves, "an editor shows each text alone: write whole sentences"
