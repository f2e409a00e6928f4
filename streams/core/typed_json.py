"""JSON of strangers, read into a type: whatever the bytes are, one kind of error."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def read_json(data: bytes | str, kind: type[T]) -> T:
    """Return what JSON says, as a value of `kind`.

    msgspec itself also raises UnicodeDecodeError for text that is no UTF-8, and RecursionError for nesting beyond Python's limit, even in
    a field that is ignored.

    Args:
        data: One JSON value.
        kind: A struct, or another type that msgspec reads.

    Returns:
        The value.

    Raises:
        msgspec.ValidationError: it is JSON, and not of this kind.
        msgspec.DecodeError: it is no JSON, no UTF-8, or nested too deeply.

    >>> read_json(b"[1, 2]", list[int])
    [1, 2]
    >>> read_json(b"[" * 100_000, list)
    Traceback (most recent call last):
    ...
    msgspec.DecodeError: JSON is nested too deeply
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except UnicodeDecodeError:
        raise msgspec.DecodeError("text is not UTF-8") from None
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None
