"""Envelopes of log shippers around an entry: removed before a format reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from streams.intake.formats.format import Entry, parsed

MAX_ENVELOPE_LEVELS: Final = 3
"""Nested envelopes: a container's runtime around a subscription's record around the gateway's line."""

_LISTS: Final = ("records", "logEvents")
"""Azure Event Hub; a CloudWatch Logs subscription."""
_SINGLE: Final = ("log", "jsonPayload", "message", "standard_logging_object")
"""Docker's json-file and Fluent Bit; Google Cloud Logging; Datadog and CloudWatch Logs; LiteLLM's callbacks."""
_CONTROL: Final = "CONTROL_MESSAGE"
"""With it CloudWatch Logs asks whether a subscription's reader is there; it holds no log."""
_ANY: Final = frozenset({*_LISTS, *_SINGLE})
_CRI = re.compile(rb"\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) [FP] ")


def inner(entry: Entry) -> list[Entry] | None:
    """Return the entries inside an envelope, None when the entry is not an envelope."""
    if _ANY.isdisjoint(entry):
        return None
    if entry.get("messageType") == _CONTROL:
        return []
    for name in _LISTS:
        if type(entry.get(name)) is list:
            return [opened for item in entry[name] if (opened := _opened(item)) is not None]
    entry_inside = next((opened for name in _SINGLE if (opened := _opened(entry.get(name))) is not None), None)
    return None if entry_inside is None else [entry_inside]


def bare(line: bytes) -> bytes:
    """Return a line without the prefix of the container runtime interface (CRI): time, stream, tag."""
    prefix = _CRI.match(line)
    return line if prefix is None else line[prefix.end() :]


def _opened(value: Any) -> Entry | None:
    content = parsed(value) if type(value) is str else value
    return content if type(content) is dict else None


def unwrapped(entry: Entry, depth: int = 0) -> Iterator[Entry]:
    """Yield the entries inside an envelope and its nested envelopes; an entry that is not an envelope unchanged."""
    entries = inner(entry) if depth < MAX_ENVELOPE_LEVELS else None
    if entries is None:
        yield entry
        return
    for entry_inside in entries:
        yield from unwrapped(entry_inside, depth + 1)
