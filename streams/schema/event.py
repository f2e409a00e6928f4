"""The canonical event: one flat JSON object a line. Its names, types and limits are declared once, here.

Only `timestamp`, `event.id` and `account.id` are required. Missing is unknown, never zero. Fields that the table does not know are
ignored. What the operator's log gets wrong is refused with a reason code, and a sentence that names the field and never quotes its value.
What a caller chooses (`callers_choice`) is read where it can be and unknown where it cannot: no caller can make a request vanish.
"""

from __future__ import annotations

import hashlib
import marshal
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson

from models.durations import DAY
from streams.core.errors import MalformedEventError
from streams.core.remembered import remembered
from streams.schema import lenient_json
from streams.schema.prompt_sketch import FLAGS, HASHES, PROMPT_SHINGLES, PROMPT_TOPICS

MAX_LINE_BYTES: Final = 1024 * 1024
"""Of a longer line that holds more than so many values, the longest strings are cut until it fits."""
MAX_READ_BYTES: Final = 16 * 1024 * 1024
"""Of a longer line only the fields before this are read. Readers never hold more of it."""
MAX_TEXT_BYTES: Final = 64 * 1024
"""A longer string, in UTF-8, is cut. (A longer account id is `too_long`.) Send `prompt.sketch` for longer prompts."""
MAX_LIST_ITEMS: Final = 4096
"""Of a longer list that a caller chose (messages, their parts, names of headers) the first and the last half of so many are read."""
MIN_TIME_SECONDS: Final = 1_420_070_400.0
"""2015-01-01: no log of a language model is older."""
MAX_TIME_SECONDS: Final = 4_102_444_800.0
"""2100-01-01: a later time is a fault of the clock, whatever the file says."""

REASONS: Final = (
    "not_json",
    "truncated",
    "bad_utf8",
    "not_object",
    "too_large",
    "too_long",
    "missing_field",
    "wrong_type",
    "bad_timestamp",
    "time_skew",
    "clock_ahead",
    "negative",
    "absurd",
    "bad_sketch",
    "unreadable_input",
)
"""Every reason for which a line goes to the dead letters. (`duplicate` is counted beside them, but is no fault of the line.)"""

Kind = Literal["text", "number", "flag", "set", "time", "pseudonym", "network", "names", "first", "prompt", "sketch"]
"""How a field becomes a column. `set` is 0/1 for whether it was given, `first` the first of a list, `network` the keyed /24 or /48."""

LEAVES_AS: Final[Mapping[Kind, str]] = {
    "text": "its text",
    "number": "the number",
    "flag": "yes or no",
    "set": "whether it was given",
    "time": "the time",
    "pseudonym": "a keyed pseudonym",
    "network": "the keyed /24 or /48",
    "names": "the names, in order",
    "first": "the first of the list",
    "prompt": "a keyed sketch, never the text",
    "sketch": "the sketch",
}
"""What leaves `collect` of a field, by its kind: here it is decided what stays readable."""

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventField:
    """One name of the canonical event, and the column of a `requests` block that it fills."""

    wire: str
    column: str
    kind: Kind
    high: float = math.inf
    """Numbers above are `absurd`, below zero `negative`; where `parameter`, both are unknown instead."""
    parameter: bool = False
    """A request parameter: what a caller may ask for, even nonsense like `max_tokens: -1`."""
    callers_text: bool = False
    """Whatever else of a request a caller writes: prompts, names, headers, identifiers."""

    @property
    def callers_choice(self) -> bool:
        """Whether the value is the caller's choice: then nothing in it hides the request from us."""
        return self.parameter or self.callers_text


_MAX_TOKENS = 100_000_000.0
_MAX_ITEMS = 1_000_000.0
_MAX_ASN_ID = 4_294_967_295.0

FIELDS: Final = (
    EventField("timestamp", "time", "time"),
    EventField("event.id", "event_id", "text", callers_text=True),
    EventField("account.id", "account_id", "text"),
    EventField("account.created", "account_created", "time"),
    EventField("organization.id", "organization_id", "text"),
    EventField("api_key.id", "api_key", "pseudonym"),
    EventField("payment.hash", "payment", "pseudonym"),
    EventField("user.id", "end_user", "pseudonym", callers_text=True),
    EventField("client.address", "client_network", "network"),
    EventField("client.as.number", "as_number", "number", high=_MAX_ASN_ID),
    EventField("client.as.type", "as_type", "text"),
    EventField("client.geo.country_iso_code", "country", "text"),
    EventField("connection.id", "connection", "pseudonym"),
    EventField("tls.client.ja4", "tls_ja4", "text", callers_text=True),
    EventField("tls.client.ja3", "tls_ja3", "text", callers_text=True),
    EventField("network.protocol.version", "http_version", "text", callers_text=True),
    EventField("user_agent.original", "user_agent", "text", callers_text=True),
    EventField("http.request.header_names", "header_names", "names", callers_text=True),
    EventField("http.request.header.accept-encoding", "accept_encoding", "text", callers_text=True),
    EventField("http.request.body.shape", "body_shape", "text", callers_text=True),
    EventField("sdk.language", "sdk_language", "text", callers_text=True),
    EventField("sdk.version", "sdk_version", "text", callers_text=True),
    EventField("sdk.runtime", "sdk_runtime", "text", callers_text=True),
    EventField("http.response.status_code", "status", "number", high=599),
    EventField("http.server.request.duration", "duration", "number", high=DAY),
    EventField("gen_ai.response.time_to_first_chunk", "first_chunk", "number", high=DAY),
    EventField("gen_ai.operation.name", "operation", "text", callers_text=True),
    EventField("gen_ai.provider.name", "provider", "text"),
    EventField("gen_ai.request.model", "request_model", "text", callers_text=True),
    EventField("gen_ai.response.model", "response_model", "text"),
    EventField("gen_ai.request.temperature", "temperature", "number", high=100, parameter=True),
    EventField("gen_ai.request.top_p", "top_p", "number", high=1, parameter=True),
    EventField("gen_ai.request.max_tokens", "max_tokens", "number", high=_MAX_TOKENS, parameter=True),
    EventField("gen_ai.request.seed", "seeded", "set", parameter=True),
    EventField("gen_ai.request.stream", "streamed", "flag", parameter=True),
    EventField("gen_ai.request.choice.count", "choice_count", "number", high=_MAX_ITEMS, parameter=True),
    EventField("gen_ai.request.top_logprobs", "top_logprobs", "number", high=_MAX_ITEMS, parameter=True),
    EventField("gen_ai.usage.input_tokens", "input_tokens", "number", high=_MAX_TOKENS),
    EventField("gen_ai.usage.output_tokens", "output_tokens", "number", high=_MAX_TOKENS),
    EventField("gen_ai.usage.cache_read.input_tokens", "cached_tokens", "number", high=_MAX_TOKENS),
    EventField("gen_ai.usage.reasoning.output_tokens", "reasoning_tokens", "number", high=_MAX_TOKENS),
    EventField("gen_ai.response.finish_reasons", "finish_reason", "first"),
    EventField("threat.indicator.id", "indicator", "text"),
    EventField("gen_ai.conversation.id", "conversation", "pseudonym", callers_text=True),
    EventField("message_count", "message_count", "number", high=_MAX_ITEMS, callers_text=True),
    EventField("tool_count", "tool_count", "number", high=_MAX_ITEMS, callers_text=True),
    EventField("tool_hash", "tool_hash", "pseudonym", callers_text=True),
    EventField("prompt", "simhash", "prompt", callers_text=True),
    EventField("system_prompt", "system_template", "prompt", callers_text=True),
    EventField("prompt.sketch", "simhash", "sketch"),
)
"""The whole table. `prompt`, `system_prompt` and `prompt.sketch` fill all the sketch columns together (`streams/privacy/sketch.py`)."""

REQUIRED: Final = ("timestamp", "event.id", "account.id")
_CALLERS_CHOICE: Final = frozenset(field.wire for field in FIELDS if field.callers_choice)
"""What a caller chooses."""
NAMES: Final = frozenset(field.wire for field in FIELDS)

_NUMBERS = (int, float)
_MESSAGES: Final = frozenset({str, dict})
_ROLES: Final = frozenset({str, type(None)})
_HOLDERS: Final = frozenset({list, dict})
_SHORT_CHARACTERS: Final = MAX_TEXT_BYTES // 4
"""Characters that are never more than MAX_TEXT_BYTES in UTF-8."""
_TYPES: Final[Mapping[Kind, tuple[type, ...]]] = {
    "text": (str,),
    "number": _NUMBERS,
    "flag": (bool,),
    "set": _NUMBERS,
    "time": (str, *_NUMBERS),
    "pseudonym": (str,),
    "network": (str,),
    "names": (str, list),
    "first": (str, list),
    "prompt": (str, list),
    "sketch": (dict,),
}
_Shape = tuple[tuple[str, ...], tuple[type, ...]]
"""Names of an event's fields, and the types of their values."""
_Looks = tuple[tuple[str, float | None], ...]
"""Fields whose values have to be looked at, with the most of a number; None for what is no number, or should be none."""
MAX_EVENT_SHAPES: Final = 1024
MAX_EVENT_SHAPE_FIELDS: Final = 128
MAX_EVENT_SHAPE_CHARACTERS: Final = 4096
_LOOKS: Final[dict[_Shape, _Looks]] = {}
"""What is looked at in events of a shape. A gateway writes few shapes, and of forty values a dozen are numbers with a limit."""
_ONLY_STRINGS: Final = frozenset({str})
_NO_IDS: Final = frozenset({"", "-"})
_JSON_TOKENS: Final = (b"[", b"{", b",", b":", b"\\u00")
"""What each value of a JSON text has one of, also as a text within a text may write it."""
_MARSHAL_WITHOUT_REFERENCES = 2
"""The version whose bytes depend on values alone; later ones depend on which objects are shared."""
_MIN_EPOCH_MILLISECONDS = 1e11
_MIN_RFC3339_CHARACTERS = len("2026-01-01T00:00:00Z")


def parse(line: bytes) -> Event:
    """Return the JSON object of a line.

    Raises MalformedEventError: too_large, bad_utf8, truncated, not_json or not_object.
    """
    if len(line) > MAX_LINE_BYTES:
        line = _fitting(line)
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        event = _read_leniently(line, error)
    if type(event) is not dict:
        raise MalformedEventError("not_object", "the line is JSON, but no object")
    return event


def check(event: Event, *, long: bool = True) -> float:
    """Return the event's time in epoch seconds, having checked every known field.

    What a caller chose becomes what its field holds, or None; an event id that is none is derived from the event; `account.created` becomes
    epoch seconds, long strings are cut. `long` says that the line was long enough to hold a string over the limit.
    Raises MalformedEventError.
    """
    _demand(event)
    shape = (tuple(event), tuple(map(type, event.values())))
    looks = _LOOKS.get(shape)
    if looks is None:
        looks = _looks(shape)
    for name, high in looks:
        if high is None or not 0 <= event[name] <= high:
            _look_closer(event, name, event[name])
    if long:
        _cut_long(event)
    return _times(event)


def _looks(shape: _Shape) -> _Looks:
    """Return which values of an event have to be looked at, and remember it for the events to come that have its fields and types."""
    names, types = shape
    given = [(name, kind) for name, kind in zip(names, types, strict=True) if name in NAMES and kind is not type(None)]
    looks = tuple((name, _HIGHEST[name] if kind in _NUMBERS else None) for name, kind in given if kind not in _GOOD[name])
    if len(names) <= MAX_EVENT_SHAPE_FIELDS and sum(map(len, names)) <= MAX_EVENT_SHAPE_CHARACTERS:
        if len(_LOOKS) >= MAX_EVENT_SHAPES:
            _LOOKS.clear()
        _LOOKS[shape] = looks
    return looks


def _look_closer(event: Event, name: str, value: Any) -> None:
    """Convert a value that a caller chose, or demand that another one is what its field holds. Raises MalformedEventError."""
    kind, high = _KINDS[name], _HIGHEST[name]
    if name in _CALLERS_CHOICE:
        event[name] = _CONVERTERS[kind](ends_of(value), high)
    elif type(value) not in _TYPES[kind]:
        raise MalformedEventError("wrong_type", f"{name} must be {_type_words(_TYPES[kind])}")
    elif high is not None:
        _demand_range(name, value, high)
    elif kind in _DEEP:
        event[name] = _DEEP[kind](name, value)


def _identify(event: Event) -> None:
    """Give an event whose id is no text one of its own: of a number its digits, else a hash of all that the event holds.

    A caller may leave its id out, or write what it likes; a log whose format has no ids at all is refused for it.
    """
    given = event.get("event.id")
    if type(given) in _NUMBERS:
        event["event.id"] = str(given)
    elif "event.id" in event:
        event["event.id"] = hashlib.blake2b(marshal.dumps(event, _MARSHAL_WITHOUT_REFERENCES), digest_size=16).hexdigest()


def _times(event: Event) -> float:
    if event.get("account.created") is not None:
        event["account.created"] = _created(event["account.created"])
    return seconds("timestamp", event["timestamp"])


def _demand(event: Event) -> None:
    event_id = event.get("event.id")
    if type(event_id) is not str or event_id in _NO_IDS or event_id.isspace():
        _identify(event)
    for name in REQUIRED:
        if event.get(name) is None or event[name] == "":
            raise MalformedEventError("missing_field", f"{name} is missing")


def seconds(name: str, value: str | float) -> float:
    """Return an RFC 3339 text, or a number of epoch seconds or milliseconds, as epoch seconds.

    Raises MalformedEventError (bad_timestamp) for anything else. A text without an offset from UTC could mean any hour: refused.
    """
    if not isinstance(value, str):
        return value / 1000.0 if abs(value) >= _MIN_EPOCH_MILLISECONDS else float(value)
    try:
        moment = datetime.fromisoformat(value if value[-1:] != "z" else value.upper())
    except ValueError:
        return _leap_second(name, value)
    if moment.tzinfo is None or len(value) < _MIN_RFC3339_CHARACTERS or value[10] not in "Tt _":
        raise MalformedEventError("bad_timestamp", f"{name} must be RFC 3339 with an offset, or epoch seconds")
    return moment.timestamp()


@remembered(calls=1 << 16)
def _created(value: str | float) -> float:
    """An account tells its age in each of its events; NaN for an age that no account has."""
    created = seconds("account.created", value)
    return created if 0 <= created <= MAX_TIME_SECONDS else math.nan


def _leap_second(name: str, value: str) -> float:
    """RFC 3339 allows second 60, Python does not: it is the last of its minute, and one more."""
    if value[17:19] == "60":
        return seconds(name, f"{value[:17]}59{value[19:]}") + 1.0
    raise MalformedEventError("bad_timestamp", f"{name} must be RFC 3339 with an offset, or epoch seconds")


def _fitting(line: bytes) -> bytes:
    """Return a long line as one that takes no more memory than one of MAX_LINE_BYTES could: what is long in it is cut, and not the line.

    Raises MalformedEventError (too_large) when nothing of it can be read.
    """
    whole = len(line) <= MAX_READ_BYTES
    if whole and sum(map(line.count, _JSON_TOKENS)) <= MAX_LINE_BYTES:
        return line
    short = lenient_json.shortened(line[:MAX_READ_BYTES], MAX_LINE_BYTES)
    if whole and len(short) <= MAX_LINE_BYTES:
        return short
    closed = lenient_json.closed(short[:MAX_LINE_BYTES])
    if closed is None:
        raise MalformedEventError("too_large", f"the line is longer than {MAX_LINE_BYTES} bytes, and its first field ends nowhere")
    return closed


def _read_leniently(line: bytes, error: orjson.JSONDecodeError) -> Any:
    """Read a line that is JSON but for what a caller may write into one. Raises MalformedEventError."""
    try:
        return lenient_json.loads(line)
    except (ValueError, RecursionError):
        pass
    try:
        line.decode()
    except UnicodeDecodeError:
        raise MalformedEventError("bad_utf8", "the line is not UTF-8") from None
    if error.msg.startswith("unexpected end of data"):
        raise MalformedEventError("truncated", "the line ends inside its JSON") from None
    raise MalformedEventError("not_json", "the line is not JSON") from None


def _demand_range(name: str, value: float, high: float) -> None:
    if value < 0:
        raise MalformedEventError("negative", f"{name} is below zero")
    if not value <= high:
        raise MalformedEventError("absurd", f"{name} is beyond anything real")


def _type_words(types: tuple[type, ...]) -> str:
    words = {str: "a string", int: "a number", float: "a number", bool: "true or false", list: "a list", dict: "an object"}
    return " or ".join(dict.fromkeys(words[kind] for kind in types))


def _check_strings(name: str, value: str | list[Any]) -> Any:
    if type(value) is not list or _ONLY_STRINGS.issuperset(map(type, value)):
        return value
    known = [item for item in value if item is not None]
    if not _ONLY_STRINGS.issuperset(map(type, known)):
        raise MalformedEventError("wrong_type", f"{name} must hold strings only")
    return known or None


def _check_sketch(name: str, value: Event) -> Event:
    shingles, topic, language = value.get("shingles"), value.get("topic"), value.get("language")
    hashes = [value.get(key) for key in HASHES]
    good = (
        all(item is None or is_hash(item) for item in hashes)
        and (shingles is None or (type(shingles) is list and len(shingles) <= PROMPT_SHINGLES and all(map(is_hash, shingles))))
        and (topic is None or (type(topic) is int and 0 <= topic < PROMPT_TOPICS))
        and (language is None or type(language) is str)
        and all(_is_flag(value.get(key)) for key in FLAGS)
    )
    if not good:
        raise MalformedEventError("bad_sketch", f"{name} has a part of the wrong type or range")
    return value


def is_hash(value: object) -> bool:
    """Tell whether a value is a 64-bit hash: an integer, or up to 16 hex digits."""
    if type(value) is int:
        return 0 <= value < 1 << 64
    if type(value) is not str or not 0 < len(value) <= 16:  # noqa: PLR2004  (16 hex digits are 64 bits)
        return False
    return all(digit in "0123456789abcdefABCDEF" for digit in value)


def _is_flag(value: object) -> bool:
    return value is None or type(value) is bool or (type(value) in _NUMBERS and value in (0, 1))


def _number(value: Any, high: float | None) -> float | None:
    """Return a caller's number, also one that was written as a text; None for what is no number, or out of range."""
    if type(value) is str:
        try:
            value = float(value)
        except ValueError:
            return None
    good = type(value) in _NUMBERS and 0 <= value <= (math.inf if high is None else high) and math.isfinite(value)
    return value if good else None


def _flag(value: Any, _high: float | None) -> bool | None:
    return _FLAGS.get(str(value).lower()) if isinstance(value, str | int | float) else None


def _given(value: Any, _high: float | None) -> float:
    """A seed says only that it was set."""
    return 1.0 if value is not None else math.nan


def ends_of(value: Any) -> Any:
    """Return a list of more than MAX_LIST_ITEMS without its middle, and everything else as it is."""
    half = MAX_LIST_ITEMS // 2
    return [*value[:half], *value[-half:]] if type(value) is list and len(value) > MAX_LIST_ITEMS else value


def _text(value: Any, _high: float | None) -> str | None:
    return str(value) if type(value) in {str, *_NUMBERS} else None


def _strings(value: Any, _high: float | None) -> list[str] | None:
    return [item for item in value if type(item) is str] if type(value) is list else None


def _messages(value: Any, _high: float | None) -> list[Any] | None:
    """Return what holds text of a prompt: messages and strings, also of a single message; token ids hold none that we can read."""
    given = [value] if type(value) is dict else value if type(value) is list else []
    items = [item for item in given if item and type(item) in _MESSAGES]
    return [item if type(item) is str or type(item.get("role")) in _ROLES else {**item, "role": None} for item in items] or None


def _cut_long(event: Event) -> None:
    """Cut the over-long strings and lists of the known fields, at any depth (without recursion)."""
    for name in NAMES & event.keys():
        if name == "account.id" and _is_long(event[name]):
            raise MalformedEventError("too_long", f"{name} is over {MAX_TEXT_BYTES} bytes")
        waiting: list[dict[Any, Any] | list[Any]] = []
        event[name] = _cut(event[name], waiting)
        for holder in waiting:  # it grows meanwhile
            pairs = holder.items() if type(holder) is dict else enumerate(holder)
            maybe_long = [
                (key, value) for key, value in pairs if type(value) in _HOLDERS or (type(value) is str and len(value) > _SHORT_CHARACTERS)
            ]
            for key, value in maybe_long:
                holder[key] = _cut(value, waiting)


def _cut(value: Any, waiting: list[dict[Any, Any] | list[Any]]) -> Any:
    """Return a string or a list without what is too much; what it holds itself waits."""
    if type(value) is list:
        value = ends_of(value)
        waiting.append(value)
    elif type(value) is dict:
        waiting.append(value)
    elif _is_long(value):
        return value[:MAX_TEXT_BYTES].encode()[:MAX_TEXT_BYTES].decode(errors="ignore")
    return value


def _is_long(value: Any) -> bool:
    return type(value) is str and len(value) > _SHORT_CHARACTERS and len(value.encode()) > MAX_TEXT_BYTES


_DEEP: Final[Mapping[Kind, Callable[[str, Any], Any]]] = {
    "names": _check_strings,
    "first": _check_strings,
    "sketch": _check_sketch,
}
_KINDS: Final[Mapping[str, Kind]] = {field.wire: field.kind for field in FIELDS}
_HIGHEST: Final[Mapping[str, float | None]] = {field.wire: field.high if field.kind == "number" else None for field in FIELDS}


def _good(field: EventField) -> frozenset[type]:
    """Return the types of which every value is good."""
    if _HIGHEST[field.wire] is not None:
        return frozenset()
    types = frozenset(_TYPES[field.kind])
    return types - {list} if field.callers_choice else types if field.kind not in _DEEP else frozenset()


_GOOD: Final = {field.wire: _good(field) for field in FIELDS}
_FLAGS: Final = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_CONVERTERS: Final[Mapping[Kind, Callable[[Any, float | None], Any]]] = {
    "text": _text,
    "pseudonym": _text,
    "number": _number,
    "flag": _flag,
    "set": _given,
    "names": _strings,
    "prompt": _messages,
}
"""How what a caller chose is read when it is not of its field's type."""
