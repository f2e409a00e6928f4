"""What readers of ClickHouse need of its client: statements, and values that travel beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

Parameters = Mapping[str, str | float | datetime | Sequence[str]]
"""Values for the places `%(name)s` of a statement. Values never stand in its text."""


class Queries(Protocol):
    """The part of `streams.clickhouse.client.ClickHouse` that reads."""

    def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a statement.

        Raises:
            StoreUnavailableError: If ClickHouse does not answer.
        """
        ...
