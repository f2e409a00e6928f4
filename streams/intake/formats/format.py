"""The contract of a log format, and the vocabulary that maps its fields to canonical fields.

A format is one module of this folder with a constant `FORMAT`, with samples in `tests/streams/intake/formats/samples/`. Most are a table:

    FORMAT = table(
        name="example",
        title="Example gateway",
        recognise=lambda entry: "example_version" in entry,
        fields={
            "timestamp": at("began"),
            "event.id": at("call/id"),
            "account.id": at("caller/account", "caller/key"),       # the first known value
            "http.server.request.duration": at("took_ms", unit=milliseconds),
        },
    )

The table is the mapping and its documentation: `hydrometer formats --markdown` prints it. A path continues inside a text of JSON. A value
that the caller chose (parameters, client headers, an end user) is unknown when it has the wrong type; a value that the gateway wrote stays
as it is, so that the refusal can name it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from streams.core.errors import MalformedEventError
from streams.schema import lenient_json
from streams.schema.event import FIELDS, REQUIRED, Event, ends_of, seconds

Entry = dict[str, Any]
"""One JSON object of a log, as it was written."""

TEXT_LINE: Final = "text line"
"""The only key of the entry made from a line that is not JSON: a format may read such lines, or refuse them by name."""

UNKNOWN: Final = (None, "", "-")
"""Values that gateways write for unknown."""

_MESSAGES: Final = frozenset({str, dict})
_NOT_GIVEN: Final = object()
_MIN_TIME_MICROSECONDS = 1e14
_MIN_TIME_NANOSECONDS = 1e17
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,12})?) ?(ns|us|µs|ms|s)")
_UNIT_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of a canonical field: a function that reads it from an entry, and its description."""

    described: str
    read: Callable[[Entry], Any]
    ways: tuple[tuple[str, ...], ...] = ()
    """The paths that it reads."""


@dataclass(frozen=True, slots=True)
class Format:
    """A log format.

    `to_canonical` yields the events of an entry: none for one that is not a request, several for an envelope. It raises
    MalformedEventError only for a format that cannot be read at all; the message names the alternative.
    """

    name: str
    """As `--format` takes it: lower-case, words joined by underscores."""
    title: str
    """The product and the kind of its log, for people."""
    recognise: Callable[[Entry], bool]
    to_canonical: Callable[[Entry], Iterable[Event]]
    fields: Mapping[str, Source] = field(default_factory=dict, hash=False)
    """Origin of each canonical field. Documentation; empty for a format that is not a table."""
    readable: bool = True
    """False for logs that name no account: they are recognised only to be refused with advice."""


def table(
    name: str,
    title: str,
    recognise: Callable[[Entry], bool],
    fields: Mapping[str, Source],
    keep: Callable[[Entry], bool] = lambda _entry: True,
) -> Format:
    """Return a format with one event per entry, field by field. `keep` selects the entries that are requests."""
    rows = [(canonical, source.read, _typed_as(canonical)) for canonical, source in fields.items()]
    asked = {canonical for canonical in fields if canonical in CALLERS_CHOICE}
    id_ways = fields["event.id"].ways if "event.id" in fields else ()

    def to_canonical(entry: Entry) -> Iterable[Event]:
        if not keep(entry):
            return ()
        event: Event = {}
        for canonical, read, typed in rows:
            value = typed(read(entry), canonical in asked)
            if value is not None:
                event[canonical] = value
        if "event.id" not in event and any(_has_value(entry, way) for way in id_ways):
            event["event.id"] = None  # a caller's, and none
        return (event,)

    return Format(name, title, recognise, to_canonical, fields)


# --- where ---------------------------------------------------------------------------------------------------------------


def at(*paths: str, unit: Callable[[Any], Any] | None = None) -> Source:
    """Return the first known value of some paths, converted by `unit`. A path's steps are joined by `/`; a digit is an index of a list."""
    ways = [tuple(path.split("/")) for path in paths]
    described = " or ".join(f"`{path}`" for path in paths)

    def read(entry: Entry) -> Any:
        for way in ways:
            value = follow(entry, way)
            if value not in UNKNOWN:
                value = value if unit is None else unit(value)
                if value is not None:
                    return value
        return None

    return Source(described if unit is None else f"{described} ({unit.__name__.replace('_', ' ')})", read, tuple(ways))


def computed(described: str, read: Callable[[Entry], Any], *paths: str) -> Source:
    """Return a source with its own reader, its description in the documentation, and the paths that it reads."""
    return Source(described, read, tuple(tuple(path.split("/")) for path in paths))


def between(start: str, end: str) -> Source:
    """Return the seconds from one time to another, unknown when one is missing or the end is before the start."""
    first, second = tuple(start.split("/")), tuple(end.split("/"))

    def read(entry: Entry) -> Any:
        began, ended = (_epoch(utc(follow(entry, way))) for way in (first, second))
        return ended - began if began is not None and ended is not None and ended >= began else None

    return Source(f"`{end}` - `{start}`", read)


def follow(value: Any, steps: Iterable[str]) -> Any:
    """Return the value at the end of a path of keys and indices, also inside texts of JSON; None when the path breaks off."""
    for step in steps:
        if type(value) is str:
            value = parsed(value)
        if type(value) is dict:
            value = value.get(step)
        elif type(value) is list and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _has_value(entry: Entry, way: tuple[str, ...]) -> bool:
    """Tell whether there is a value at the end of a path of keys, whatever it is."""
    holder = follow(entry, way[:-1])
    return type(holder) is dict and way[-1] in holder


@lru_cache(maxsize=4)  # the fields of one entry read one text several times
def parsed(text: str) -> Any:
    """Return the object or list in a text of JSON, also of lenient JSON; None for anything else."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return lenient_json.loads(text.encode(errors="replace"))
    except (ValueError, RecursionError):
        return None


# --- units and types -------------------------------------------------------------------------------------------------------


def number(value: Any) -> Any:
    """Return a number from its text; anything else unchanged."""
    if type(value) is not str or not _NUMBER.fullmatch(value):
        return value
    as_float = float(value)
    return int(value) if value.lstrip("+-").isdecimal() else as_float if math.isfinite(as_float) else value


def milliseconds(value: Any) -> Any:
    """Return milliseconds as seconds; a text that has its own unit, as `1.5s` or `90ms`, by that unit."""
    converted = number(value)
    if type(converted) is str and (measured := _DURATION.fullmatch(converted)):
        return float(measured[1]) * _UNIT_SECONDS[measured[2]]
    return converted / 1000.0 if type(converted) in (int, float) else converted


def milliseconds_if_known(value: Any) -> Any:
    """Return milliseconds as seconds; unknown below zero, when the gateway's two clocks differ."""
    converted = milliseconds(value)
    return converted if type(converted) is float and converted >= 0 else None


def utc(value: Any) -> Any:
    """Return a time in ISO 8601; a text without an offset is UTC: `2026-09-21 14:13:20`, `... UTC`."""
    if type(value) is not str or number(value) != value:
        return value
    text = f"{value[:-4]}+00:00" if value.endswith(" UTC") else value
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return value
    return text if moment.tzinfo else moment.replace(tzinfo=UTC).isoformat()


def messages(value: Any) -> Any:
    """Return a prompt from a text, a text of JSON with messages, or a list of messages (role and texts are kept); None if unknown.

    A message that has neither is none: a caller may send thousands of them in a few bytes.
    """
    if type(value) is str:
        inside = parsed(value)
        value = value if inside is None else inside
    if type(value) is dict:
        value = next((value[key] for key in ("messages", "contents", "input", "prompt") if value.get(key)), None)
    if type(value) is not list:
        return value if type(value) is str else None
    items = [item for item in ends_of(value) if item and type(item) in _MESSAGES]
    kept = [item if type(item) is str else _message(item) for item in items]
    return [item for item in kept if item is not None] or None


def texts(value: Any) -> Any:
    """Return a system prompt from a text or a list of parts; None if unknown."""
    if type(value) is dict:
        value = value.get("parts", value.get("content"))
    if type(value) is not list:
        return value if type(value) is str else None
    parts = [text for part in ends_of(value) if (text := _text(part))]
    return "\n".join(parts) or None


def count(value: Any) -> Any:
    """Return the length of a list, None for anything else."""
    return len(value) if type(value) is list else None


def digest(value: Any) -> Any:
    """Return a hash of a list or object, independent of the order of keys: identifies the offered tools."""
    if type(value) not in (list, dict) or not value:
        return None
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # nested deeper than it can be written
        return None
    return hashlib.blake2b(written, digest_size=8).hexdigest()


def _message(value: Entry) -> Entry | None:
    content, role = value.get("content", _NOT_GIVEN), value.get("role")
    if content is _NOT_GIVEN:
        content = value.get("parts", value.get("text"))
    if type(content) is not str:
        parts = ends_of(content) if type(content) is list else [content] if content else []
        texts = [text for part in parts if part and (text := _text(part))]
        if not texts and type(role) is not str:
            return None
        content = texts[0] if len(texts) == 1 else texts
    return {"role": role if type(role) is str else "user", "content": content or []}


def _text(part: Any) -> str | None:
    value = part.get("text", part.get("content")) if type(part) is dict else part
    return value if type(value) is str else None


def _epoch(value: Any) -> float | None:
    try:
        epoch = seconds("time", _instant(value, asked=False)) if type(value) in (str, int, float) else None
    except (MalformedEventError, OverflowError):
        return None
    return epoch if epoch is None or math.isfinite(epoch) else None


def _instant(value: Any, asked: bool) -> Any:  # noqa: ARG001, FBT001  (one signature for all types)
    instant = number(value)
    if type(instant) in (int, float):
        scale = 1e9 if abs(instant) >= _MIN_TIME_NANOSECONDS else 1e6 if abs(instant) >= _MIN_TIME_MICROSECONDS else 1.0
        return instant / scale if scale > 1.0 else instant
    return instant


def _as_text(value: Any, asked: bool) -> Any:  # noqa: ARG001, FBT001
    if type(value) is int:
        return str(value)
    return value if type(value) is str and value not in UNKNOWN else None


def _as_required_text(value: Any, asked: bool) -> Any:  # noqa: FBT001
    """Return a text; what is no text as it is, so that the refusal names its type and does not call it missing."""
    return value if (text := _as_text(value, asked)) is None and value not in UNKNOWN else text


def _as_number(value: Any, asked: bool) -> Any:  # noqa: FBT001
    converted = number(value)
    return converted if not asked or type(converted) in (int, float) else None


def _as_flag(value: Any, asked: bool) -> Any:  # noqa: FBT001
    return value if not asked or type(value) is bool else None


def _as_texts(value: Any, asked: bool) -> Any:  # noqa: ARG001, FBT001
    if type(value) is list:
        return [item for item in ends_of(value) if type(item) is str] or None
    return value if type(value) is str else None


def _as_prompt(value: Any, asked: bool) -> Any:  # noqa: ARG001, FBT001
    return messages(value)


def _as_it_is(value: Any, asked: bool) -> Any:  # noqa: ARG001, FBT001
    return value


_TYPED: Final[Mapping[str, Callable[[Any, bool], Any]]] = {
    "text": _as_text,
    "pseudonym": _as_text,
    "network": _as_text,
    "time": _instant,
    "number": _as_number,
    "set": _as_number,
    "flag": _as_flag,
    "names": _as_texts,
    "first": _as_texts,
    "prompt": _as_prompt,
    "sketch": _as_it_is,
}
_KINDS: Final = {canonical.wire: canonical.kind for canonical in FIELDS}


def _typed_as(canonical: str) -> Callable[[Any, bool], Any]:
    required = canonical in REQUIRED and _KINDS[canonical] in {"text", "pseudonym"} and canonical not in CALLERS_CHOICE
    return _as_required_text if required else _TYPED[_KINDS[canonical]]


CALLERS_CHOICE: Final = frozenset(each.wire for each in FIELDS if each.callers_choice) | {"client.address"}
"""Fields whose values the caller chose. An invalid value is unknown: it must not hide the request."""


# --- what formats share ----------------------------------------------------------------------------------------------------


def client_headers(path: str, *, ordered: bool) -> dict[str, Source]:
    """Return the fields of an object of request headers: client, SDK and, where their order was kept, their names.

    path: the path of the object. The names of its headers are in lower case.
    """
    fields: dict[str, Source] = {
        "user_agent.original": at(f"{path}/user-agent"),
        "http.request.header.accept-encoding": at(f"{path}/accept-encoding"),
        "sdk.language": at(f"{path}/x-stainless-lang"),
        "sdk.version": at(f"{path}/x-stainless-package-version"),
        "sdk.runtime": at(f"{path}/x-stainless-runtime"),
    }
    if ordered:
        way = tuple(path.split("/"))
        fields["http.request.header_names"] = computed(f"names of `{path}`, in order", lambda entry: _names(follow(entry, way)))
    return fields


def _names(headers: Any) -> list[str] | None:
    return list(headers) if type(headers) is dict and headers else None


def parameters(path: str, **names: str) -> dict[str, Source]:
    """Return the request parameters of an object, under OpenAI's names. `names` maps a parameter to its name there."""
    paths = {name: f"{path}/{names.get(name, name)}" for name in ("temperature", "top_p", "seed", "n", "top_logprobs", "stream")}
    limits = [names["max_tokens"]] if "max_tokens" in names else ["max_tokens", "max_completion_tokens", "max_output_tokens"]
    return {
        "gen_ai.request.temperature": at(paths["temperature"]),
        "gen_ai.request.top_p": at(paths["top_p"]),
        "gen_ai.request.max_tokens": at(*(f"{path}/{name}" for name in limits)),
        "gen_ai.request.seed": at(paths["seed"]),
        "gen_ai.request.choice.count": at(paths["n"]),
        "gen_ai.request.top_logprobs": at(paths["top_logprobs"]),
        "gen_ai.request.stream": at(paths["stream"]),
    }


def tools(path: str) -> dict[str, Source]:
    """Return the number and the hash of the tools in a list."""
    return {"tool_count": at(path, unit=count), "tool_hash": at(path, unit=digest)}
