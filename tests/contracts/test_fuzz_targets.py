"""What `make fuzz` feeds still exists: each target reads its first inputs. No type check sees them: they name modules at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from streams.core.repository import ROOT
from streams.testing.by_path import loaded

Seeds = Callable[[], tuple[Callable[[bytes], None], list[bytes]]]
"""Returns a target and its first inputs."""


def targets() -> Mapping[str, tuple[Seeds, int]]:
    found: Mapping[str, tuple[Seeds, int]] = loaded(ROOT / "tests" / "fuzz" / "targets.py").TARGETS
    return found


@pytest.mark.parametrize("name", targets())
def test_a_target_reads_its_first_inputs(name: str) -> None:
    target, firsts = targets()[name][0]()
    assert firsts
    for first in firsts:
        target(first)
