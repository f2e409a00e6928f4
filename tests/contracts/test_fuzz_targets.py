"""What `make fuzz` feeds still exists: each target reads its first inputs. No type check sees them: they name modules at run time."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping

import pytest

from streams.core.repository import ROOT

Seeds = Callable[[], tuple[Callable[[bytes], None], list[bytes]]]
"""Returns a target and its first inputs."""


def targets() -> Mapping[str, tuple[Seeds, int]]:
    spec = importlib.util.spec_from_file_location("fuzz_targets", ROOT / "tests" / "fuzz" / "targets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Mapping[str, tuple[Seeds, int]] = module.TARGETS
    return found


@pytest.mark.parametrize("name", targets())
def test_a_target_reads_its_first_inputs(name: str) -> None:
    target, firsts = targets()[name][0]()
    assert firsts
    for first in firsts:
        target(first)
