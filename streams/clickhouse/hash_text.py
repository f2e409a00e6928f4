"""Hashes in ClickHouse's SQL: columns hold them as numbers; people, scores, alerts and cases name them by 16 hexadecimal digits."""

from __future__ import annotations


def hashed(text: str) -> str:
    """Return the number that 16 hexadecimal digits write, as the hash columns hold it; 0 for any other text. text: an expression."""
    return f"reinterpretAsUInt64(reverse(unhex({text})))"


def as_hex(column: str) -> str:
    """Return a hash column as its 16 digits; '' when unknown. ClickHouse's own `hex` leaves out leading bytes of zero."""
    return f"if({column} = 0, '', leftPad(lower(hex({column})), 16, '0'))"
