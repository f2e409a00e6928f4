"""A table without a broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.agents.table import ChunkTable
from streams.app import make_app
from streams.settings import Settings


@pytest.fixture
def table(tmp_path: Path) -> ChunkTable:
    app = make_app(Settings(mode="local", state_dir=tmp_path), "accounts")
    return ChunkTable(app, name="state", partitions=4, key_type=bytes, value_type=bytes)
