"""Every example in a docstring (`>>>`) of this code is executed, and the dense kernels have one."""

from __future__ import annotations

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
KERNELS = {
    "models.accumulators.frequent": "_challenge",
    "models.accumulators.recurring": "_merge",
    "models.evidence.extraction_rules": "extraction",
    "models.evidence.weighing": "_two_largest",
    "models.accumulators.lowest": "lowest",
    "streams.features.group.shared_template": "_job",
    "streams.privacy.sketch": "_simhash",
}


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


@pytest.mark.parametrize(("module", "kernel"), KERNELS.items())
def test_every_dense_kernel_has_an_example(module: str, kernel: str) -> None:
    assert kernel in [test.name.rpartition(".")[2] for test in examples(module)]
