"""A mapping for a log in an unknown format: its fields and ours, in a TOML file or on the command line.

    title = "Our gateway"

    [fields]                                   # event field = path in the log; steps are joined by `/`, a digit is an index of a list
    "timestamp" = "began"
    "account.id" = ["caller/account", "caller/key"]           # the first known value
    "http.server.request.duration" = { at = "took_ms", unit = "milliseconds" }

    [keep]                                     # optional: only entries with one of these values are requests
    "kind" = ["chat", "completion"]

Fields that already have the event field's name need no line. `--map began=timestamp` is the short form, without units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from streams.core.errors import SettingsError
from streams.core.toml_file import Toml, read_toml
from streams.intake.formats import canonical
from streams.intake.formats.format import Entry, Format, Source, at, count, digest, follow, messages, milliseconds, table, texts, utc
from streams.schema.event import NAMES, Event

SUFFIX: Final = ".toml"
UNITS: Final[Mapping[str, Callable[[Any], Any]]] = {
    unit.__name__: unit for unit in (milliseconds, utc, count, digest, texts, messages)
}  # fmt: skip
"""Conversions of a path's value."""
_TABLES: Final = frozenset({"title", "fields", "keep"})


def is_mapping(name: str) -> bool:
    """Return whether a value of `--format` is a mapping: a TOML file, or pairs `PATH=FIELD`."""
    return name.endswith(SUFFIX) or "=" in name


def mapping(name: str) -> Format:
    """Return the format that a TOML file describes, or pairs `PATH=FIELD` joined by commas. Raises SettingsError."""
    return _from_file(Path(name)) if name.endswith(SUFFIX) else _from_pairs(name)


def _from_pairs(pairs: str) -> Format:
    sources: dict[str, list[str]] = {}
    for pair in pairs.split(","):
        path, _, field = pair.rpartition("=")
        if not path or not field:
            raise SettingsError(f"--map {pair} is not PATH=FIELD, as in began=timestamp or caller/key=account.id")
        sources.setdefault(_event_field(field, "--map"), []).append(path)
    return _format("a log with a mapping", {field: at(*paths) for field, paths in sources.items()}, {})


def _from_file(path: Path) -> Format:
    content = read_toml(path, "check --format")
    unknown = sorted(content.keys() - _TABLES)
    fields, keep = content.get("fields"), content.get("keep", {})
    if unknown or not isinstance(fields, dict) or not isinstance(keep, dict):
        about = f"unknown: {', '.join(unknown)}" if unknown else "[fields] is missing"
        raise SettingsError(f"{path} needs a table [fields], and may have `title` and a table [keep] ({about})")
    sources = {_event_field(name, str(path)): _source(name, value, path) for name, value in _flat(fields)}
    return _format(str(content.get("title", path.stem)), sources, dict(_flat(keep)))


def _format(title: str, fields: Mapping[str, Source], keep: Toml) -> Format:
    """Return a format that is only chosen by name, never recognised. Fields with the event fields' names are read, too."""
    wanted = {tuple(path.split("/")): values if isinstance(values, list) else [values] for path, values in keep.items()}
    mapped = table(
        "mapping",
        title,
        recognise=lambda _entry: False,
        fields=fields,
        keep=lambda entry: all(follow(entry, way) in values for way, values in wanted.items()),
    )

    def to_canonical(entry: Entry) -> Iterator[Event]:
        for event in mapped.to_canonical(entry):
            (same,) = canonical.FORMAT.to_canonical(entry)
            yield {**{name: same[name] for name in NAMES & same.keys()}, **event}

    return replace(mapped, to_canonical=to_canonical)


def _flat(names: Toml, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield names and values; `event.id = "x"` without quotes is a table within a table to TOML."""
    for name, value in names.items():
        if isinstance(value, dict) and "at" not in value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _source(name: str, value: Any, path: Path) -> Source:
    described = value if isinstance(value, dict) else {"at": value}
    paths = described.get("at")
    paths = [paths] if isinstance(paths, str) else paths
    unit = described.get("unit")
    if not isinstance(paths, list) or not paths or not all(isinstance(step, str) for step in paths) or described.keys() - {"at", "unit"}:
        raise SettingsError(f'{path}: {name} must be a path, a list of paths, or {{ at = "path", unit = "milliseconds" }}')
    if unit is not None and not (isinstance(unit, str) and unit in UNITS):
        raise SettingsError(f"{path}: the unit {unit!r} of {name} is unknown: use one of {', '.join(UNITS)}")
    return at(*paths, unit=UNITS[unit] if unit is not None else None)


def _event_field(name: str, where: str) -> str:
    if name not in NAMES:
        near = get_close_matches(name, NAMES, n=1)
        raise SettingsError(
            f"{where}: {name} is not an event field{f', did you mean {near[0]}?' if near else ': see docs/reference/event'}"
        )
    return name
