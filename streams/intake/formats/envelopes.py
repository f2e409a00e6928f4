"""What log shippers wrap around an entry: taken off before a format sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from streams.intake.formats.format import Entry, parsed

MAX_DEPTH: Final = 3
"""Envelopes within envelopes: a container's runtime around a subscription's record around the gateway's line."""

_LISTS: Final = ("records", "logEvents")
"""Azure Event Hub; a CloudWatch Logs subscription."""
_SINGLE: Final = ("log", "jsonPayload", "message", "standard_logging_object")
"""Docker's json-file and Fluent Bit; Google Cloud Logging; Datadog and CloudWatch Logs; LiteLLM's callbacks."""
_ANY: Final = frozenset({*_LISTS, *_SINGLE})
_CRI = re.compile(rb"\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) [FP] ")


def inner(entry: Entry) -> list[Entry] | None:
    """Return the entries inside of an envelope, None when the entry is not one."""
    if _ANY.isdisjoint(entry):
        return None
    for name in _LISTS:
        if type(entry.get(name)) is list:
            return [opened for each in entry[name] if (opened := _opened(each)) is not None]
    found = next((opened for name in _SINGLE if (opened := _opened(entry.get(name))) is not None), None)
    return None if found is None else [found]


def bare(line: bytes) -> bytes:
    """Return a line without the prefix of the container runtime interface (CRI): time, stream, tag."""
    found = _CRI.match(line)
    return line if found is None else line[found.end() :]


def _opened(value: Any) -> Entry | None:
    found = parsed(value) if type(value) is str else value
    return found if type(found) is dict else None


def unwrapped(entry: Entry, depth: int = 0) -> Iterator[Entry]:
    """Yield the entries inside of an envelope, and of envelopes inside of it; an entry without one as it is."""
    found = inner(entry) if depth < MAX_DEPTH else None
    if found is None:
        yield entry
        return
    for each in found:
        yield from unwrapped(each, depth + 1)
