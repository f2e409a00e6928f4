"""The registry of formats: all formats, the format of an entry, and the canonical events of a line.

A module of this folder with a constant `FORMAT` is a format. A package elsewhere names its own in the entry-point group
`hydrometer.formats`; it cannot replace a format of this package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from itertools import islice
from pkgutil import iter_modules
from typing import Final

from streams.core.errors import MalformedEventError, SettingsError
from streams.intake import formats
from streams.intake.formats import otlp
from streams.intake.formats.envelopes import bare, unwrapped
from streams.intake.formats.format import TEXT_LINE, Entry, Format
from streams.intake.formats.mapping import is_mapping, mapping
from streams.schema.event import NAMES, Event, parse

AUTO: Final = "auto"
"""Recognise the format of each line."""
FORMAT_ENTRY_POINTS: Final = "hydrometer.formats"
"""Entry-point group of formats in other packages."""

_FIRST_FORMAT: Final = "canonical"
_MIN_SHARED_NAMES: Final = 3
"""Top-level names that an entry must share with a format to be called similar."""

MAX_LINE_EVENTS: Final = 10_000
"""A line may be an export of many events; OpenTelemetry's collector sends 8,192 at a time."""

Reader = Callable[[bytes], list[Event]]
"""From a line to its events: none when it is not a request. Raises MalformedEventError."""


@cache
def all_formats() -> tuple[Format, ...]:
    """Return the formats: canonical, ours by name, then those of other packages.

    Raises SettingsError for an entry point that is not a Format, or that takes the name of another.
    """
    by_name = {own.name: own for own in _own_formats()}
    for point in entry_points(group=FORMAT_ENTRY_POINTS):
        other = point.load()
        if not isinstance(other, Format) or other.name in (*by_name, AUTO):
            raise SettingsError(f"the entry point {point.name} = {point.value} is not a Format with a unique name: correct that package")
        by_name[other.name] = other
    return tuple(by_name.values())


def names() -> tuple[str, ...]:
    """Return the values of `--format`."""
    return (AUTO, *(known.name for known in all_formats() if known.readable))


def recognised(entry: Entry) -> Format | None:
    """Return the format of an entry, None when no format knows it."""
    for known in all_formats():
        if known.recognise(entry):
            return known
    return None


def reader(name: str, prepared: Callable[[Entry], Entry] = lambda entry: entry, taken: Counter[str] | None = None) -> Reader:
    """Return the function from a line to its events.

    Args:
        name: A format's, AUTO, the path of a mapping file, or pairs `PATH=FIELD`. Raises SettingsError for any other value.
        prepared: Changes entries first.
        taken: Counts the entries read as each format, by the format's name; those that no format knows count for none.
    """
    chosen, counts = _chosen(name), Counter[str]() if taken is None else taken
    return lambda line: _bounded(_events(line, chosen, prepared, counts))


def _chosen(name: str) -> Format | None:
    """Return the format of a value of `--format`, None for AUTO. Raises SettingsError."""
    if name == AUTO:
        return None
    return mapping(name, _base) if is_mapping(name) else _named(name)


def _named(name: str) -> Format:
    chosen = next((known for known in all_formats() if known.name == name), None)
    if chosen is None:
        raise SettingsError(f"unknown log format {name!r}: use one of {', '.join(names())}, or a mapping file (.toml)")
    return chosen


def _base(name: str) -> Callable[[Entry], Format | None]:
    """Return the format under a mapping: the one that an entry is recognised as (AUTO), or one by its name."""
    chosen = None if name == AUTO else _named(name)
    return recognised if chosen is None else lambda _entry: chosen


def _bounded(events: Iterator[Event]) -> list[Event]:
    kept = list(islice(events, MAX_LINE_EVENTS + 1))
    if len(kept) > MAX_LINE_EVENTS:
        raise MalformedEventError("too_large", f"the line has more than {MAX_LINE_EVENTS} events")
    return kept


def export_reader(name: str, prepared: Callable[[Entry], Entry] = lambda entry: entry) -> Callable[[Entry], Iterator[Event]]:
    """Return the function from an OTLP export, as JSON, to its events. A log record may carry the line of another format.

    name and prepared: as `reader` takes them. Raises SettingsError as it does.
    """
    chosen = _chosen(name)
    return lambda export: otlp.events(export, lambda fields, shared: _carried(fields, shared, chosen, prepared))


def _events(line: bytes, chosen: Format | None, prepared: Callable[[Entry], Entry], taken: Counter[str]) -> Iterator[Event]:
    for entry in map(prepared, _entries(line)):
        log_format = chosen or recognised(entry)
        if log_format is not None:
            taken[log_format.name] += 1
        if log_format is otlp.FORMAT or (chosen is not None and otlp.FORMAT.recognise(entry)):
            yield from otlp.events(entry, lambda fields, shared: _carried(fields, shared, chosen, prepared))
        elif log_format is not None and (log_format is not chosen or log_format.recognise(entry) or TEXT_LINE not in entry):
            yield from log_format.to_canonical(entry)
        else:
            yield entry  # refused as a canonical event: the refusal names the missing field


def _carried(fields: Entry, shared: Entry, chosen: Format | None, prepared: Callable[[Entry], Entry]) -> Iterator[Event] | None:
    """Return the events of a record's fields in the format of another gateway, None when they are no such line.

    shared: The attributes of its resource and scope: a mapping may name them too.
    """
    if chosen is not None and chosen not in all_formats():
        return iter([event for entry in unwrapped(fields) for event in chosen.to_canonical(prepared({**shared, **entry}))])
    if fields.keys() <= otlp.CONVENTIONS:
        return None
    entries = [fields] if recognised(fields) else [*unwrapped(fields)]
    read = [(log_format, entry) for entry in entries if (log_format := _other_format(entry, chosen)) is not None]
    return (event for log_format, entry in read for event in log_format.to_canonical(prepared(entry))) if read else None


def _other_format(entry: Entry, chosen: Format | None) -> Format | None:
    """Return the format of a line that a log record carries; None for canonical names, which the record's own reading knows."""
    if chosen is not None and chosen is not otlp.FORMAT:
        return chosen if chosen.recognise(entry) else None
    near = recognised(entry)
    if near is None or near is otlp.FORMAT or not near.readable:
        return None
    return None if near.name == _FIRST_FORMAT and "event.id" in entry else near


def _entries(line: bytes) -> Iterator[Entry]:
    """Yield the entries of a line. One that is not JSON is an entry only if a format knows it."""
    try:
        whole = parse(bare(line))
    except MalformedEventError as error:
        entry = {TEXT_LINE: line.decode("utf-8", "replace")}
        if error.reason != "not_json" or recognised(entry) is None:
            raise
        yield entry
        return
    yield from (whole,) if recognised(whole) else unwrapped(whole)


def advisor(name: str) -> Callable[[bytes | Event, MalformedEventError], str | None]:
    """Return the function from a refused line, or event of an OTLP export, and why it was refused, to what helps.

    That is where the line's format has the field, or which format the line resembles; None when neither is known, and for refusals that are
    not about a field.

    Args:
        name: As `reader` takes it. Raises SettingsError as it does.
    """
    chosen, mapped = _chosen(name), is_mapping(name)

    def advice(line: bytes | Event, error: MalformedEventError) -> str | None:
        field = error.detail.partition(" ")[0]
        if isinstance(line, dict):
            return _origin(otlp.FORMAT, field, error.reason)
        entry = _first_entry(line)
        if field not in NAMES or entry is None:
            return None
        near = recognised(entry)
        if mapped and chosen is not None and (field in chosen.fields or near is None):
            return _origin(chosen, field, error.reason)
        if near is None:
            return _resembled(entry, chosen, field)
        if not near.readable:
            return None
        return (
            _origin(near, field, error.reason)
            if mapped or chosen in (None, near)
            else f"this looks like {near.title}: --format {near.name}"
        )

    return advice


def _first_entry(line: bytes) -> Entry | None:
    try:
        return next(iter(_entries(line)), None)
    except MalformedEventError:
        return None


def _origin(log_format: Format, field: str, reason: str) -> str | None:
    """Return where a format has a field, and for one that is missing how another place is named."""
    source = log_format.fields.get(field)
    if reason != "missing_field":
        return f"{log_format.title} has it in {source.described}" if source else None
    other = f"name another place with --map PATH={field}"
    return f"{log_format.title} has it in {source.described}; {other}" if source else other


def _resembled(entry: Entry, chosen: Format | None, field: str) -> str | None:
    """Return which format an entry that no format knows resembles, or how its fields are named."""
    near = _alike(entry)
    if near is not None and near.readable:
        alone = chosen in (None, near)
        return (
            f"this looks most like {near.title}, without the fields that identify it"
            if alone
            else f"this looks like {near.title}: --format {near.name}"
        )
    return None if NAMES & entry.keys() else f"no known format has such names: say where it is with --map PATH={field}"


def _alike(entry: Entry) -> Format | None:
    """Return the format that shares most top-level names with an entry."""
    shared = {known.name: len(entry.keys() & _top_level(known)) for known in all_formats()}
    best = max(all_formats(), key=lambda known: shared[known.name])
    return best if shared[best.name] >= _MIN_SHARED_NAMES else None


@cache
def _top_level(log_format: Format) -> frozenset[str]:
    """Return the first steps of a format's paths."""
    words = (source.described.split("`")[1::2] for source in log_format.fields.values())
    return frozenset(path.partition("/")[0] for paths in words for path in paths)


def _own_formats() -> list[Format]:
    modules = sorted((candidate.name for candidate in iter_modules(formats.__path__)), key=lambda name: (name != _FIRST_FORMAT, name))
    candidates = (getattr(import_module(f"{formats.__name__}.{name}"), "FORMAT", None) for name in modules if name != "registry")
    return [candidate for candidate in candidates if isinstance(candidate, Format)]
