"""The data dictionary: every feature as a row, for people and for programs (`hydrometer features`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields

import orjson

from streams.core.markdown import table
from streams.features.declaration import Feature
from streams.features.needs import Last, Need, Sum
from streams.features.readings import Reading


@dataclass(frozen=True)
class Entry:
    """The row of a feature. The names of the fields are the columns of the dictionary."""

    name: str
    entity: str
    family: str
    label: str
    unit: str
    scale: str
    direction: str
    limits: tuple[float, float]
    rises_on: str
    blind_to: str
    benign_causes: str
    accumulators: tuple[str, ...]
    """Accumulators of an account; empty for groups, whose features are functions of their members."""


def entry(feature: type[Feature]) -> Entry:
    """Return a feature's row."""
    needs = feature.value.needs if isinstance(feature.value, Reading) else ()
    return Entry(
        name=feature.name(),
        entity=feature.entity,
        family=feature.family,
        label=feature.label,
        unit=feature.unit.name,
        scale=feature.scale,
        direction=feature.direction,
        limits=feature.limits,
        rises_on=feature.rises_on,
        blind_to=feature.blind_to,
        benign_causes=feature.benign_causes,
        accumulators=tuple(_accumulator(need) for need in needs),
    )


def _accumulator(need: Need) -> str:
    match need:
        case Sum():
            return f"sum of {need.label} over {need.half_life:g} s"
        case Last():
            return f"newest {need.label}"
        case _:
            return f"{need.label} s"


def as_json(features: Iterable[type[Feature]]) -> str:
    """Return the dictionary as a JSON array with one object for each feature."""
    return orjson.dumps([asdict(entry(feature)) for feature in features], option=orjson.OPT_INDENT_2).decode()


def as_markdown(features: Iterable[type[Feature]]) -> str:
    """Return the dictionary as a Markdown table with one row for each feature."""
    names = [field.name for field in fields(Entry)]
    return table(names, [[_cell(value) for value in astuple(entry(feature))] for feature in features]).rstrip()


def _cell(value: object) -> str:
    return "; ".join(f"`{part}`" if isinstance(part, str) else f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)
