"""Evidence blocks as states: the newest evidence of every entity above the floor, and of its members."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from models.evidence.families import FAMILIES
from models.evidence.links import CASE_LINKS
from streams.schema.blocks import Block, Floats
from streams.schema.evidence import Entity, Known, Member

_NUMBER_COLUMNS: Final = (
    "time", "accounts", "population", "common", "requests", "output_tokens", "first", "extraction", "routing", "handed_over",
)  # fmt: skip
_MEMBER_FIELDS: Final = tuple(name for name in Known.__struct_fields__ if name != "population")
_ENTITY_FIELDS: Final = tuple(name for name in Entity.__struct_fields__ if name not in ("members", "own_time", "family_sums"))


def merge_rows(entities: dict[str, Entity], block: Block) -> dict[str, list[str]]:
    """Update entities from a block of `evidence`; return the accounts whose rows are new, by key (`kind:id`) of each entity in the block.

    A row older than the stored state changes nothing. Of two rows of one member and time, whose group has changed since, the later one
    knows of no fewer accounts: what comes again is older.
    """
    touched: dict[str, list[str]] = {}
    for account, row in _rows(block):
        entity = entities.setdefault(row.key, _members_only(row))
        newest = max(row.time, entity.time)
        if account is None:
            if row.time >= entity.own_time:
                _update(entity, row)
                entity.time, entity.own_time = newest, row.time
        elif (row.time, row.population) >= (entity.members.get(account, row).time, _population_at(entity, account, row)):
            entity.put(account, Member(**{name: getattr(row, name) for name in _MEMBER_FIELDS}))
            if row.time > entity.time or row.population >= entity.population:
                entity.accounts, entity.population = row.accounts, row.population
            entity.time = newest
            touched.setdefault(row.key, []).append(account)
            continue
        touched.setdefault(row.key, []).extend([row.entity_id] if row.entity_kind == "account" else [])
    return touched


def _population_at(entity: Entity, account: str, row: Entity) -> float:
    """Return of how many accounts in all the stored rows of an entity knew; 0 for a member that is new, or was last seen earlier."""
    member = entity.members.get(account)
    return entity.population if member is not None and member.time == row.time else 0.0


def _update(entity: Entity, row: Entity) -> None:
    for name in _ENTITY_FIELDS:
        setattr(entity, name, getattr(row, name))


def _members_only(row: Entity) -> Entity:
    """Return an entity of which only a member's row has arrived so far."""
    return msgspec.structs.replace(
        row,
        families={},
        counted={},
        features={},
        nats={},
        usual={},
        members={},
        extraction=0.0,
        rule="",
        question="",
        routing=0.0,
        false_alerts=None,
    )


def _rows(block: Block) -> Iterator[tuple[str | None, Entity]]:
    """Yield account (None for the entity itself) and row; unknown numbers are absent from the maps, and 0 elsewhere."""
    columns: dict[str, list[Any]] = {name: [_known(value) for value in block.numbers(name).tolist()] for name in _NUMBER_COLUMNS}
    columns["false_alerts"] = [None if math.isnan(value) else round(value, 6) for value in block.numbers("false_alerts").tolist()]
    columns |= {link: [f"{value:016x}" if value else "" for value in block.hashes(link).tolist()] for link in CASE_LINKS}
    columns |= {name: block.texts(name) for name in ("entity_kind", "entity_id")}
    columns |= {name: [word or "" for word in block.texts(name)] for name in ("rule", "question")}
    names = block.names("features")
    columns |= {name: _named(names, block.vectors(name)) for name in ("features", "nats")}
    columns |= {name: _named(FAMILIES, block.vectors(name)) for name in ("families", "counted")}
    low, high = (_named(names, block.vectors(name)) for name in ("usual_low", "usual_high"))
    columns["usual"] = [
        {name: [value, above[name]] for name, value in below.items() if name in above} for below, above in zip(low, high, strict=True)
    ]
    rows = zip(*columns.values(), strict=True)
    for account, row in zip(block.texts("account_id"), rows, strict=True):
        yield account, Entity(**dict(zip(columns, row, strict=True)))


def _known(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _named(names: Sequence[str], values: Floats) -> list[dict[str, float]]:
    """Return the known values of each row by name. values: (rows, names), NaN where unknown, as most are of a member's row."""
    rows: list[dict[str, float]] = [{} for _ in range(len(values))]
    known = ~np.isnan(values)
    at_rows, positions = (axis.tolist() for axis in known.nonzero())
    for row, position, value in zip(at_rows, positions, values[known].tolist(), strict=True):
        rows[row][names[position]] = round(value, 4)
    return rows
