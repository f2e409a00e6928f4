"""A mapping for a log in an unknown format: its fields and ours, in a TOML file or on the command line.

    title = "Our gateway"

    [fields]                                   # event field = path in the log; steps are joined by `/`, a digit is an index of a list
    "timestamp" = "began"
    "account.id" = ["caller/account", "caller/key"]           # the first known value
    "http.server.request.duration" = { at = "took_ms", unit = "milliseconds" }

    [keep]                                     # optional: only entries with one of these values are requests
    "kind" = ["chat", "completion"]

Fields that already have the event field's name need no line. `--map began=timestamp` is the short form, without units; it goes over the
format that is recognised, or that `--format` names, as `like = "cloudflare"` does in a file: what is mapped comes first, all else is read
as that format reads it.
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
_TABLES: Final = frozenset({"title", "fields", "keep", "like"})
_RECOGNISED: Final = "auto"

Base = Callable[[Entry], Format | None]
"""From an entry to the format under a mapping; None for canonical names alone."""


def is_mapping(name: str) -> bool:
    """Return whether a value of `--format` is a mapping: a TOML file, or pairs `PATH=FIELD`."""
    return name.endswith(SUFFIX) or "=" in name


def no_base(_name: str) -> Base:
    """Return a base that knows no format."""
    return lambda _entry: None


def mapping(name: str, base: Callable[[str], Base] = no_base) -> Format:
    """Return the format that a TOML file describes, or pairs `PATH=FIELD` joined by commas.

    Args:
        name: A path that ends in `.toml`, or pairs; before the pairs the name of a format may stand.
        base: From a format's name, or `auto`, to what lies under the mapping.

    Raises:
        SettingsError: The file or a pair is wrong, or the format under it is unknown.
    """
    return _from_file(Path(name), base) if name.endswith(SUFFIX) else _from_pairs(name, base)


def _from_pairs(pairs: str, base: Callable[[str], Base]) -> Format:
    first, _, rest = pairs.partition(",")
    under, pairs = (first, rest) if "=" not in first else (_RECOGNISED, pairs)
    sources: dict[str, list[str]] = {}
    for pair in pairs.split(","):
        path, _, field = pair.rpartition("=")
        if not path or not field:
            raise SettingsError(f"--map {pair} is not PATH=FIELD, as in began=timestamp or caller/key=account.id")
        sources.setdefault(_event_field(field, "--map"), []).append(path)
    return _format("a log with a mapping", {field: at(*paths) for field, paths in sources.items()}, {}, base(under))


def _from_file(path: Path, base: Callable[[str], Base]) -> Format:
    content = read_toml(path, "check --format")
    unknown = sorted(content.keys() - _TABLES)
    fields, keep, like = content.get("fields"), content.get("keep", {}), content.get("like")
    if unknown or not isinstance(fields, dict) or not isinstance(keep, dict) or not isinstance(like, str | None):
        about = f"unknown: {', '.join(unknown)}" if unknown else "[fields] is missing"
        raise SettingsError(f"{path} needs a table [fields], and may have `title`, `like` and a table [keep] ({about})")
    sources = {_event_field(name, str(path)): _source(name, value, path) for name, value in _flat(fields)}
    under = base(like) if like is not None else no_base("")
    return _format(str(content.get("title", path.stem)), sources, dict(_flat(keep)), under)


def _format(title: str, fields: Mapping[str, Source], keep: Toml, base: Base) -> Format:
    """Return a format that is only chosen by name, never recognised. What it does not map is read as its base reads it."""
    wanted = {tuple(path.split("/")): values if isinstance(values, list) else [values] for path, values in keep.items()}
    mapped = table(
        "mapping",
        title,
        recognise=lambda _entry: False,
        fields=fields,
        keep=lambda entry: all(follow(entry, way) in values for way, values in wanted.items()),
    )

    def to_canonical(entry: Entry) -> Iterator[Event]:
        under = base(entry)
        under = canonical.FORMAT if under is None or not under.readable else under
        for event in mapped.to_canonical(entry):
            for same in under.to_canonical(entry):
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
