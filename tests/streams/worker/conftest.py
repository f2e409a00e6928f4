"""A table without a broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.core.settings import Settings
from streams.worker.app import make_app
from streams.worker.table import ChunkTable

KEY = b"the seal key of these tests"


@pytest.fixture
def table(tmp_path: Path) -> ChunkTable:
    app = make_app(Settings(mode="local", state_dir=tmp_path), "accounts")
    return ChunkTable(app, seal_key=KEY, name="state", partitions=4, key_type=bytes, value_type=bytes)
