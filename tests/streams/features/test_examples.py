"""The examples in the docstrings of this room are executed."""

from __future__ import annotations

import doctest
import importlib

import pytest

from streams.cases import phrasing

WITH_EXAMPLES = ("declaration", "events", "expressions", "readings")


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_hold(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"streams.features.{name}"))
    assert results.attempted > 0
    assert results.failed == 0


def test_the_example_of_a_sentence_holds() -> None:
    results = doctest.testmod(phrasing)
    assert (results.attempted, results.failed) == (1, 0)
