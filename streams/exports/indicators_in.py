"""Indicators in: documents of others in STIX 2.1 and MISP, read into the indicators that we keep.

Of a document only what this project can compare is taken: fingerprints of stacks, JA4, JA3, header order, user agents, keyed wordings and
payment hashes. All else is counted and left out. A document is data of strangers: nothing in it is executed or followed.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from models.durations import DAY
from streams.core.typed_json import read_json
from streams.exports.stix import MARKINGS
from streams.schema.cases import TLPS
from streams.schema.event import MAX_TIME_SECONDS
from streams.schema.indicators import (
    INDICATOR_KINDS,
    MAX_INDICATORS,
    Indicator,
    IndicatorKind,
    IndicatorsError,
    indicator_id,
    normal_value,
)

VALID_DAYS: Final = 90
"""How long an indicator is valid whose sender names no end, from when it was made."""
MAX_DOCUMENT_BYTES: Final = 64 * 1024 * 1024
MAX_INDICATOR_NAME_CHARACTERS: Final = 200

_COMPARISON: Final = re.compile(r"\s*(?P<path>[A-Za-z0-9_:.'\[\]*-]+)\s*=\s*'(?P<value>(?:[^'\\]|\\.)*)'\s*")
_OR: Final = re.compile(r"(?i:OR)\b|$")
_PATHS: Final[Mapping[str, IndicatorKind]] = {
    "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'": "user_agent",
    **{f"x-api-client:{kind}": kind for kind in INDICATOR_KINDS},
}
"""STIX's path of what can be compared; `x-api-client` is the custom object of our own exports."""
_MISP_TYPES: Final[Mapping[str, IndicatorKind]] = {
    "ja3-fingerprint-md5": "tls_ja3",
    "ja4-fingerprint": "tls_ja4",
    "ja4": "tls_ja4",
    "user-agent": "user_agent",
    **{kind: kind for kind in INDICATOR_KINDS},
}
"""MISP's type of an attribute, or its relation in an object."""
_MARK_OF_REF: Final = {ref: mark for mark, ref in MARKINGS.items()} | {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "CLEAR",
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "GREEN",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "AMBER",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "RED",
}
"""The marking definitions of TLP 2.0 and of TLP 1.0, whose white is clear."""


class _Object(msgspec.Struct):
    """What is read of a STIX object."""

    type: str
    id: str = ""
    name: str = ""
    pattern: str = ""
    pattern_type: str = ""
    created: str = ""
    valid_from: str = ""
    valid_until: str = ""
    revoked: bool = False
    created_by_ref: str = ""
    object_marking_refs: list[str] = []


class _Bundle(msgspec.Struct):
    """A STIX bundle, or an envelope of TAXII."""

    objects: list[_Object]


class _Tag(msgspec.Struct):
    name: str = ""


class _Attribute(msgspec.Struct):
    """What is read of a MISP attribute."""

    type: str
    value: str
    object_relation: str | None = None
    to_ids: bool = False
    deleted: bool = False
    timestamp: str | int = 0
    first_seen: str | None = None
    comment: str = ""
    tags: list[_Tag] = msgspec.field(name="Tag", default_factory=list)


class _MispObject(msgspec.Struct):
    attributes: list[_Attribute] = msgspec.field(name="Attribute", default_factory=list)


class _Organisation(msgspec.Struct):
    name: str = ""


class _Event(msgspec.Struct):
    """What is read of a MISP event."""

    info: str = ""
    organisation: _Organisation = msgspec.field(name="Orgc", default_factory=_Organisation)
    attributes: list[_Attribute] = msgspec.field(name="Attribute", default_factory=list)
    objects: list[_MispObject] = msgspec.field(name="Object", default_factory=list)
    tags: list[_Tag] = msgspec.field(name="Tag", default_factory=list)


class _OneEvent(msgspec.Struct):
    event: _Event = msgspec.field(name="Event")


class _Answer(msgspec.Struct):
    response: list[_OneEvent]


_Known = _Bundle | _OneEvent | _Answer


@dataclass
class Document:
    """What was found in a document."""

    indicators: dict[str, Indicator] = field(default_factory=dict)
    """By id."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> how many of its indicators were not taken."""

    def merge(self, other: Document) -> None:
        """Add what another document has; of the same indicator the one that ends later stays."""
        for name, indicator in other.indicators.items():
            known = self.indicators.get(name)
            if known is None or indicator.valid_until >= known.valid_until:
                self.indicators[name] = indicator
        self.left_out += other.left_out


def read_document(text: bytes, origin: str, now: float | None = None) -> Document:
    """Return the indicators of a document.

    Args:
        text: A STIX bundle, an envelope of TAXII, a MISP event, or MISP's answer to a search.
        origin: The file or the server: the source of what names none.
        now: Seconds since 1970; unset: now.

    Raises:
        IndicatorsError: It is none of these.
    """
    if len(text) > MAX_DOCUMENT_BYTES:
        raise IndicatorsError(f"{origin} has more than {MAX_DOCUMENT_BYTES // 2**20} MiB: split it")
    at, document = time.time() if now is None else now, Document()
    read: Iterable[Indicator | str]
    match _read(text, origin):
        case _Bundle() as bundle:
            read = _of_stix(bundle, origin, at)
        case _OneEvent() as one:
            read = _of_misp(one.event, origin, at)
        case _Answer() as answer:
            read = (indicator for one in answer.response for indicator in _of_misp(one.event, origin, at))
    for indicator in read:
        if isinstance(indicator, str):
            document.left_out[indicator] += 1
        elif len(document.indicators) < MAX_INDICATORS:
            document.merge(Document({indicator.indicator_id: indicator}))
    return document


def _read(text: bytes, origin: str) -> _Known:
    kinds: tuple[type[_Known], ...] = (_Bundle, _OneEvent, _Answer)
    for kind in kinds:
        try:
            return read_json(text, kind)
        except msgspec.ValidationError:
            continue
        except msgspec.DecodeError:
            break
    raise IndicatorsError(f"{origin} is no STIX 2.1 bundle and no MISP event in JSON: export it again")


def _of_stix(bundle: _Bundle, origin: str, now: float) -> Iterator[Indicator | str]:
    """Yield each indicator, or why it is left out."""
    names = {one.id: one.name for one in bundle.objects if one.type == "identity"}
    for one in bundle.objects:
        if one.type != "indicator":
            continue
        marks = [_MARK_OF_REF[ref] for ref in one.object_marking_refs if ref in _MARK_OF_REF]
        start = _moment(one.valid_from) or _moment(one.created) or now
        until = _moment(one.valid_until) or start + VALID_DAYS * DAY
        reason = "revoked" if one.revoked else "expired" if until <= now else ""
        pairs = _compared(one.pattern) if one.pattern_type == "stix" else None
        if reason or not pairs:
            yield reason or "not comparable"
            continue
        for kind, value in pairs:
            source = names.get(one.created_by_ref) or origin
            yield _indicator(kind, value, (source, one.name, _strictest(marks)), (start, until))


def _of_misp(event: _Event, origin: str, now: float) -> Iterator[Indicator | str]:
    """Yield each attribute that is meant for detection, or why it is left out."""
    attributes = [*event.attributes, *(attribute for one in event.objects for attribute in one.attributes)]
    for attribute in attributes:
        kind = _MISP_TYPES.get(attribute.object_relation or "") or _MISP_TYPES.get(attribute.type)
        start = _moment(attribute.first_seen or "") or _number(attribute.timestamp) or now
        until = max(start, _number(attribute.timestamp)) + VALID_DAYS * DAY
        if attribute.deleted:
            yield "revoked"
        elif not attribute.to_ids:
            yield "not meant for detection"
        elif until <= now:
            yield "expired"
        elif kind is None:
            yield "not comparable"
        else:
            marks = [mark for tag in (*attribute.tags, *event.tags) if (mark := _misp_mark(tag.name))]
            names = (event.organisation.name or origin, attribute.comment or event.info, _strictest(marks))
            yield _indicator(kind, attribute.value, names, (start, until))


def _indicator(kind: IndicatorKind, value: str, names: tuple[str, str, str], valid: tuple[float, float]) -> Indicator | str:
    normal = normal_value(kind, value)
    if normal is None:
        return "not comparable"
    source, name, tlp = (text[:MAX_INDICATOR_NAME_CHARACTERS] for text in names)
    return Indicator(indicator_id(kind, normal), kind, normal, source, name, tlp, *valid)


def _compared(pattern: str) -> list[tuple[IndicatorKind, str]] | None:
    r"""Return what a pattern compares, where any of its comparisons suffices; None for one that this project cannot decide.

    >>> _compared(r"[x-api-client:tls_ja4 = 't13d' OR x-api-client:user_agent = 'it\'s']")
    [('tls_ja4', 't13d'), ('user_agent', "it's")]
    >>> _compared("[x-api-client:tls_ja4 = 't13d' AND x-api-client:user_agent = 'a']") is None
    True
    """
    text, pairs = pattern.strip(), list[tuple[IndicatorKind, str]]()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    text = text[1:-1]
    while text:
        comparison = _COMPARISON.match(text)
        kind = _PATHS.get(comparison["path"]) if comparison else None
        if comparison is None or kind is None or not (joined := _OR.match(text, comparison.end())):
            return None
        pairs.append((kind, re.sub(r"\\(.)", r"\1", comparison["value"])))
        text = text[joined.end() :]
    return pairs


def _moment(text: str) -> float:
    """Return a time of RFC 3339 in seconds since 1970; 0 for none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return _believable((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _number(value: str | int) -> float:
    try:
        return _believable(float(value))
    except ValueError:
        return 0.0


def _believable(seconds: float) -> float:
    return seconds if math.isfinite(seconds) and 0 < seconds <= MAX_TIME_SECONDS else 0.0


def _misp_mark(tag: str) -> str:
    """Return the mark of a tag, as in `tlp:amber`; white is clear.

    >>> _misp_mark("tlp:white"), _misp_mark("tlp:amber+strict"), _misp_mark("type:osint")
    ('CLEAR', 'AMBER+STRICT', '')
    """
    mark = tag.upper().removeprefix("TLP:") if tag.upper().startswith("TLP:") else ""
    return "CLEAR" if mark == "WHITE" else mark if mark in TLPS else ""


def _strictest(marks: Iterable[str]) -> str:
    order = ("", *TLPS)
    return max(marks, key=order.index, default="")
