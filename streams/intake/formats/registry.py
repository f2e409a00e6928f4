"""Which formats there are, which one an entry is in, and from a line of a log to its canonical events.

A module of this folder with a constant `FORMAT` is a format. A package elsewhere names its own in the entry-point group
`hydrometer.formats`; it never replaces one of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from itertools import islice
from pkgutil import iter_modules
from typing import Final

from streams.core.errors import MalformedEventError, SettingsError
from streams.intake import formats
from streams.intake.formats.envelopes import bare, unwrapped
from streams.intake.formats.format import TEXT_LINE, Entry, Format
from streams.intake.formats.mapping import is_mapping, mapping
from streams.schema.event import Event, parse

AUTO: Final = "auto"
"""Recognise the format of each line."""
GROUP: Final = "hydrometer.formats"
"""Entry points of formats that lie outside of this repository."""

_FIRST: Final = "canonical"
_LEAST_ALIKE: Final = 3
"""Names of a format that an entry must show to be called like it."""

MAX_LINE_EVENTS: Final = 10_000
"""A line may be an export of many events; OpenTelemetry's collector sends 8,192 at a time."""

Reader = Callable[[bytes], list[Event]]
"""From a line to its events: none where it is no request. Raises MalformedEventError."""


@cache
def all_formats() -> tuple[Format, ...]:
    """Return the formats: canonical, ours by name, then those of other packages.

    Raises SettingsError for an entry point that is not a Format, or that takes the name of another.
    """
    found = {each.name: each for each in _ours()}
    for point in entry_points(group=GROUP):
        other = point.load()
        if not isinstance(other, Format) or other.name in (*found, AUTO):
            raise SettingsError(f"the entry point {point.name} = {point.value} is no Format with a name of its own: correct that package")
        found[other.name] = other
    return tuple(found.values())


def names() -> tuple[str, ...]:
    """Return what `--format` takes."""
    return (AUTO, *(each.name for each in all_formats() if each.readable))


def recognised(entry: Entry) -> Format | None:
    """Return the format of an entry, None when no format knows it."""
    return next((each for each in all_formats() if each.recognise(entry)), None)


def reader(name: str, prepared: Callable[[Entry], Entry] = lambda entry: entry) -> Reader:
    """Return the function from a line of this format, or of a recognised one, to its events. `prepared` changes entries before that.

    name: a format's, AUTO, the path of a mapping file, or pairs `theirs=ours`. Raises SettingsError for any other.
    """
    chosen = mapping(name) if is_mapping(name) else next((each for each in all_formats() if each.name == name), None)
    if chosen is None and name != AUTO:
        raise SettingsError(f"unknown log format {name!r}: use one of {', '.join(names())}, or a mapping file (.toml)")
    return lambda line: _bounded(_events(line, chosen, prepared))


def _bounded(events: Iterator[Event]) -> list[Event]:
    found = list(islice(events, MAX_LINE_EVENTS + 1))
    if len(found) > MAX_LINE_EVENTS:
        raise MalformedEventError("too_large", f"the line has more than {MAX_LINE_EVENTS} events")
    return found


def _events(line: bytes, chosen: Format | None, prepared: Callable[[Entry], Entry]) -> Iterator[Event]:
    for entry in map(prepared, _entries(line)):
        found = chosen or recognised(entry)
        if found is not None and (found is not chosen or found.recognise(entry) or TEXT_LINE not in entry):
            yield from found.to_canonical(entry)
        else:
            yield entry  # refused as a canonical event, so that the refusal names what is missing


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


def advice(line: bytes, name: str) -> str | None:
    """Return which format a refused line rather is in than in the one it was read as, as an option to try; None without a better idea."""
    try:
        entry = next(iter(_entries(line)), None)
    except MalformedEventError:
        return None
    if entry is None:
        return None
    near = recognised(entry) or _alike(entry)
    if near is None or not near.readable:
        return None
    if name in (near.name, AUTO):
        return None if near.recognise(entry) else f"this looks most like {near.title}, without what tells it"
    return f"this looks like {near.title}: --format {near.name}"


def _alike(entry: Entry) -> Format | None:
    """Return the format that shares most top-level names with an entry."""
    shared = {each.name: len(entry.keys() & _top_level(each)) for each in all_formats()}
    best = max(all_formats(), key=lambda each: shared[each.name])
    return best if shared[best.name] >= _LEAST_ALIKE else None


@cache
def _top_level(found: Format) -> frozenset[str]:
    """Return the first steps of a format's paths."""
    words = (source.described.split("`")[1::2] for source in found.fields.values())
    return frozenset(path.partition("/")[0] for paths in words for path in paths)


def _ours() -> list[Format]:
    modules = sorted((each.name for each in iter_modules(formats.__path__)), key=lambda name: (name != _FIRST, name))
    found = (getattr(import_module(f"{formats.__name__}.{name}"), "FORMAT", None) for name in modules if name != "registry")
    return [each for each in found if isinstance(each, Format)]
