"""Checkouts for generators: a module that tests one says in `made` what its checkout holds."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made: Path = request.module.made(tmp_path)
    return made


@pytest.fixture(scope="module")
def untouched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which nothing is written."""
    made: Path = request.module.made(tmp_path_factory.mktemp("checkout"))
    return made
