"""Dead letters: why a line or a record was refused and where it was. The facts travel as headers, the blanked line as the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from streams.schema.record import Record

UNKNOWN = "unknown"
"""A header that is absent."""


class DeadLetter(Record, frozen=True):
    """A refused line or record: the reason, a sentence without its text, its place, and its blanked form."""

    reason: str
    """A code, one of `streams.schema.event.REASONS` for lines, `block_layout` for blocks."""
    detail: str
    """One sentence that names the field and never quotes its value."""
    source: str
    """The file, feed or topic that it came from."""
    position: str
    """Line number, or partition and offset."""
    line: bytes = b""
    """The line without any of its text; empty for records."""

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the headers of its Kafka record."""
        return [(name, str(getattr(self, name)).encode("utf-8", "replace")) for name in HEADERS]

    @classmethod
    def from_headers(cls, headers: Mapping[str, bytes | None]) -> Self:
        """Return the dead letter that a record's headers describe; a header that is absent or empty is UNKNOWN."""
        reason, detail, source, position = ((headers.get(name) or UNKNOWN.encode()).decode("utf-8", "replace") for name in HEADERS)
        return cls(reason, detail, source, position)


HEADERS = tuple(name for name in DeadLetter.__struct_fields__ if name != "line")
"""The names of the headers, in order."""
