"""Dead letters: the shape of a refused line and the reason, never its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from streams.core.errors import MalformedEventError
from streams.schema.dead_letters import DeadLetter
from streams.schema.event import FIELDS, MAX_LINE_BYTES, NAMES, Event, parse

MAX_LETTER_BYTES: Final = 16 * 1024
_SKELETON_BYTES = 256
_MAX_SHOWN_LEVELS = 8
_MAX_SHOWN_VALUES: Final = MAX_LETTER_BYTES // 2  # each takes two bytes or more
_STRUCTURE = frozenset(b'{}[]:,"')
_NOT_STRUCTURE: Final = bytes(byte for byte in range(256) if byte not in _STRUCTURE)
_SKELETON: Final = re.compile(rb'\{"length":(?:\d{1,8}|"over \d{1,8}"),"skeleton":"(?:[][{}:,]|\\"){0,256}"\}')
_FORMATS = """
id call_type startTime endTime completionStartTime model metadata model_parameters messages response prompt_tokens completion_tokens
total_tokens status start_time response_code duration method role content severityText body attributes
"""
_KNOWN = NAMES | frozenset(_FORMATS.split())  # the formats' own names, so that a letter still shows which format it was in
_MEASURED = "startTime endTime completionStartTime start_time prompt_tokens completion_tokens total_tokens response_code duration"
_EMPTY: Final[dict[type, Any]] = {str: "", int: 0, float: 0, bool: False, list: [], dict: {}}
_NUMERIC = {field.wire for field in FIELDS if field.kind in {"number", "time", "flag", "set"}} | set(_MEASURED.split())


def letter(error: MalformedEventError, line: bytes | Event, source: str, position: str) -> DeadLetter:
    """Return the dead letter of a line, or of one event of many."""
    return DeadLetter(error.reason, error.detail, source, position, blanked(line) if isinstance(line, bytes) else shape_of(line))


def shape_of(event: Event) -> bytes:
    """Return the names of an event and the types of their values, as JSON, for one of many events of a line.

    >>> shape_of({"account.id": "ada", "prompt": ["hello"], "ours": 7})
    b'{"account.id":"","prompt":[],"?3":0}'
    """
    names = {(name if name in _KNOWN else f"?{index}"): _EMPTY.get(type(value)) for index, (name, value) in enumerate(event.items(), 1)}
    small = orjson.dumps(names)
    return small if len(small) <= MAX_LETTER_BYTES else orjson.dumps({"names": len(names)})


def blanked(line: bytes) -> bytes:
    """Return a line without any of its text, as JSON.

    JSON keeps its shape: every string is "", unknown names are numbered (`?1`, `?2`), and numbers stay only under names of numbers and
    times, never under those of people, keys or text. Any other line keeps its length and its brackets, quotes, colons and commas.
    What is blanked already stays as it is, so that a reader can blank what a stranger wrote onto the topic.
    """
    if _SKELETON.fullmatch(line):
        return line
    try:
        small = orjson.dumps(_blank(parse(line), iter(range(_MAX_SHOWN_VALUES)), keep=True, depth=0))
    except (MalformedEventError, StopIteration):
        return _skeleton(line)
    return small if len(small) <= MAX_LETTER_BYTES else _skeleton(line)


def _skeleton(line: bytes) -> bytes:
    shape = line[: 16 * _SKELETON_BYTES].translate(None, _NOT_STRUCTURE)[:_SKELETON_BYTES].decode("ascii")
    length: int | str = len(line) if len(line) <= MAX_LINE_BYTES else f"over {MAX_LINE_BYTES}"
    return orjson.dumps({"length": length, "skeleton": shape})


def _blank(value: Any, left: Iterator[int], *, keep: bool, depth: int) -> Any:
    """Return a value without text. Raises StopIteration when it has more values than are `left`: its letter would be too long anyway."""
    next(left)
    if depth > _MAX_SHOWN_LEVELS:
        return None
    if isinstance(value, dict):
        return {
            (name if name in _KNOWN else f"?{index}"): _blank(part, left, keep=keep and name in _NUMERIC, depth=depth + 1)
            for index, (name, part) in enumerate(value.items(), 1)
        }
    if isinstance(value, list):
        return [_blank(part, left, keep=keep, depth=depth + 1) for part in value]
    if isinstance(value, str):
        return ""
    return value if keep or value is None or isinstance(value, bool) else 0
