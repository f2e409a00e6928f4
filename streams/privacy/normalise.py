"""From canonical events to the columns of a `requests` block: text is sketched and dropped, identifiers become pseudonyms.

A whole block is converted at once, column by column. A field that no event of the block has costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streams.privacy.fingerprint import FINGERPRINT_PARTS, headers_of, router
from streams.privacy.indicators import IndicatorMatcher
from streams.privacy.pseudonym import Pseudonym, Pseudonyms
from streams.privacy.rotation import LINKED_FIELDS, Rotation
from streams.privacy.sketch import Sketcher, unknown
from streams.schema.blocks import BlockColumns
from streams.schema.event import FIELDS, Event
from streams.schema.layouts import REQUESTS
from streams.schema.operations import NO_TEXT, operation_of_call
from streams.schema.prompt_sketch import FLAGS, HASHES

_SEED: Final = "gen_ai.request.seed"
_PARAMETERS: Final = tuple(field.column for field in FIELDS if field.parameter and field.wire != _SEED)
_INSTRUCTIONS: Final = ("system", "developer")  # a tuple: the role in a log may have any type, even an unhashable one
_OPERATION: Final = "gen_ai.operation.name"
_MODEL: Final = "gen_ai.request.model"
_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
_OF_TEXT: Final = frozenset(
    {
        _OUTPUT_TOKENS,
        "gen_ai.usage.reasoning.output_tokens",
        _FINISH_REASONS,
        "message_count",
        "prompt",
        "system_prompt",
        "prompt.sketch",
    }
)
"""Fields about a text prompt and its answer: unknown for calls whose answer is not text."""

Words = list[str | None]
Numbers = NDArray[Any]


class Normaliser:
    """Converts the events of one block into columns, with one pair of keys."""

    def __init__(self, pseudonym_key: bytes, sketcher: Sketcher, matcher: IndicatorMatcher | None = None) -> None:
        """Make one pseudonym function for each field that identifies a person or a key.

        Args:
            pseudonym_key: The key of the pseudonyms.
            sketcher: Makes the sketches of prompts.
            matcher: Compares requests with the indicators of others; None: nothing is compared.
        """
        self._sketcher, self._matcher = sketcher, matcher
        self._people = _functions(pseudonym_key)
        self._words: Mapping[str, Callable[[str, Sequence[Event]], Words]] = {"text": _texts, "names": _names, "first": _firsts}
        self._numbers: Mapping[str, Callable[[str, Sequence[Event]], Numbers]] = {
            "number": _numbers,
            "flag": _numbers,
            "time": _times,
            "pseudonym": self._hashes,
            "network": self._hashes,
        }

    def rotation(self, key_before: bytes) -> Rotation:
        """Return what links pseudonyms under this key to those under the key before."""
        before = _functions(key_before)
        return Rotation({wire: self._people[wire] for wire in LINKED_FIELDS}, {wire: before[wire] for wire in LINKED_FIELDS})

    def columns(self, events: Sequence[Event], times: Sequence[float]) -> BlockColumns:
        """Return all columns of REQUESTS, in time order.

        Args:
            events: Events after `streams.schema.event.check`.
            times: Their times, epoch seconds.
        """
        order = sorted(range(len(events)), key=times.__getitem__)
        rows = [_with_canonical_operation(events[position]) for position in order]
        present = set().union(*rows)
        words: dict[str, Words] = {name: [None] * len(rows) for name, kind in REQUESTS.columns.items() if kind == "text"}
        numbers = _unknown_numbers(len(rows))
        for field in FIELDS:
            if field.wire in present and field.kind in self._words:
                words[field.column] = self._words[field.kind](field.wire, rows)
            if field.wire in present and field.kind in self._numbers and field.column != "time":
                numbers[field.column] = self._numbers[field.kind](field.wire, rows)
        numbers["time"] = np.array([times[position] for position in order])
        numbers["seeded"] = _seeded(numbers, rows)
        numbers["router"] = _routers(words)
        self._sketch(numbers, rows, present)
        if self._matcher is not None:
            matched = self._matcher.ids(rows, {**words, **numbers}, [_texts_of(row) for row in rows])
            words["indicator"] = [given or own for given, own in zip(words["indicator"], matched, strict=True)]
        return {**words, **numbers}

    def _hashes(self, wire: str, rows: Sequence[Event]) -> Any:
        pseudonym = self._people[wire]
        return np.array([pseudonym(row.get(wire)) for row in rows], np.uint64)

    def _sketch(self, columns: dict[str, Numbers], rows: Sequence[Event], present: set[str]) -> None:
        if "prompt" in present:
            columns.update(self._sketcher.columns([asked_of(row.get("prompt")) for row in rows]))
            counts = [len(prompt) if type(prompt := row.get("prompt")) is list else None for row in rows]
            columns["message_count"] = _filled(columns["message_count"], counts)
        if "prompt" in present or "system_prompt" in present:
            systems = [_system_of(row) for row in rows]
            templates = {system: self._sketcher.system(system) for system in set(systems)}
            columns["system_template"] = np.array([templates[system] for system in systems], np.uint64)
        if "prompt.sketch" in present:
            for position, row in enumerate(rows):
                if row.get("prompt.sketch") and not row.get("prompt"):
                    _take_ready(columns, position, row["prompt.sketch"])


def _system_of(row: Event) -> str | None:
    return asked_of(row.get("system_prompt")) or instructions_of(row.get("prompt"))


def _texts_of(row: Event) -> tuple[str | None, str | None]:
    """Return a request's system prompt and its question."""
    return _system_of(row), asked_of(row.get("prompt"))


def _functions(key: bytes) -> dict[str, Pseudonym]:
    """Return the pseudonym function of each field that identifies a person or a key."""
    pseudonyms = Pseudonyms(key)
    return {
        field.wire: pseudonyms.network(field.column) if field.kind == "network" else pseudonyms.of(field.column)
        for field in FIELDS
        if field.kind in {"pseudonym", "network"}
    }


def _with_canonical_operation(event: Event) -> Event:
    """Return an event with its canonical operation, and without the fields of text if the answer of the operation is not text."""
    word = event.get(_OPERATION)
    finished = event.get(_FINISH_REASONS) is not None
    operation = operation_of_call(word, event.get(_MODEL), event.get(_OUTPUT_TOKENS), finished=finished)
    if operation == word and operation not in NO_TEXT:
        return event
    left_out = _OF_TEXT if operation in NO_TEXT else frozenset[str]()
    return {name: value for name, value in event.items() if name not in left_out} | {_OPERATION: operation}


def asked_of(prompt: str | list[Any] | None) -> str | None:
    """Return the text of the current question: a plain prompt, or the user's last message (else the last with text); None for none."""
    if not isinstance(prompt, list):
        return prompt or None
    users = (message for message in reversed(prompt) if type(message) is str or message.get("role") == "user")
    last = next(users, None)
    if last is not None:
        return next((text for message in (last, *users) if (text := _content(message))), None)
    others = (message for message in reversed(prompt) if message.get("role") not in _INSTRUCTIONS)
    return next((text for message in others if (text := _content(message))), None)


def instructions_of(prompt: str | list[Any] | None) -> str | None:
    """Return the text of the system messages in a list of messages; None for none."""
    if not isinstance(prompt, list):
        return None
    contents = (_content(message) for message in prompt if isinstance(message, dict) and message.get("role") in _INSTRUCTIONS)
    return "\n".join(text for text in contents if text) or None


def _content(message: str | Event) -> str:
    """Return a message's text, from a string or from a list of parts."""
    content = message if isinstance(message, str) else message.get("content", message.get("parts"))
    if not content or type(content) is str:
        return content or ""
    parts = content if isinstance(content, list) else [content]
    texts = (part.get("text", part.get("content")) if isinstance(part, dict) else part for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str))


def _unknown_numbers(rows: int) -> dict[str, Numbers]:
    """Return every column that is not text, unknown in each row, and those of a sketch."""
    empty: dict[str, Numbers] = {
        "number": np.full(rows, np.nan, np.float32),
        "time": np.full(rows, np.nan),
        "hash": np.zeros(rows, np.uint64),
    }
    return {name: empty[kind] for name, kind in REQUESTS.columns.items() if kind in empty} | unknown(rows)


def _texts(wire: str, rows: Sequence[Event]) -> Words:
    return [row.get(wire) for row in rows]


def _numbers(wire: str, rows: Sequence[Event]) -> Any:
    return np.array([row.get(wire) for row in rows], np.float32)


def _times(wire: str, rows: Sequence[Event]) -> Any:
    return np.array([row.get(wire) for row in rows], np.float64)


def _seeded(columns: Mapping[str, Numbers], rows: Sequence[Event]) -> Any:
    """Return 1 where a seed was set, 0 where only other parameters were, NaN where the log has no parameters, (rows,)."""
    given = np.array([row.get(_SEED) is not None for row in rows])
    has_parameters = given | np.any([~np.isnan(columns[name]) for name in _PARAMETERS], axis=0)
    return np.where(has_parameters, given, np.nan).astype(np.float32)


def _names(wire: str, rows: Sequence[Event]) -> Words:
    values = (row.get(wire) for row in rows)
    return [headers_of(tuple(value) if isinstance(value, list) else value) for value in values]


def _firsts(wire: str, rows: Sequence[Event]) -> Words:
    values = (row.get(wire) for row in rows)
    return [(value[0] if value else None) if isinstance(value, list) else value for value in values]


def _filled(numbers: Any, others: Sequence[float | None]) -> Any:
    return np.where(np.isnan(numbers), np.array(others, np.float32), numbers)


def _routers(columns: Mapping[str, Words]) -> Any:
    parts = (columns[name] for name in FINGERPRINT_PARTS)
    return np.array([router(*row) for row in zip(*parts, strict=True)], np.uint64)


def _take_ready(columns: Mapping[str, Numbers], row: int, sketch: Event) -> None:
    """Copy a sketch that the gateway made into a row; `streams.schema.event.check` has checked it."""
    for name in HASHES:
        columns[name][row] = hash_of(sketch.get(name))
    for name in ("topic", *FLAGS):
        value = sketch.get(name)
        columns[name][row] = np.nan if value is None else value
    ready = sorted(hash_of(shingle) for shingle in sketch.get("shingles") or ())
    columns["shingles"][row, : len(ready)] = ready
    columns["language"][row] = sketch.get("language")


def hash_of(value: int | str | None) -> int:
    """Return a hash written as an integer or as hex digits; 0 for None."""
    return int(value, 16) if isinstance(value, str) else value or 0
