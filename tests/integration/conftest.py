"""Real programs, started or installed once for all integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.devserver.kafka import ApacheKafka
from streams.testing.builders import foreign_python


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def litellm_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python with LiteLLM's proxy and the client of its database."""
    packages = ("litellm[proxy]", "prisma==0.15.0", "msgspec")
    return foreign_python(tmp_path_factory.mktemp("litellm"), "LITELLM_PYTHON", *packages, seconds=500.0)
