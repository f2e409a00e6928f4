"""Evidence blocks as states: what is known now of every entity above the floor, and of its members."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from models.evidence.families import FAMILIES
from models.evidence.links import LINK_KINDS
from streams.schema.blocks import Block
from streams.schema.evidence import Entity, Known, Member

_PLAIN: Final = ("time", "accounts", "population", "common", "requests", "output_tokens", "first", "extraction", "routing")
_OF_A_MEMBER: Final = tuple(name for name in Known.__struct_fields__ if name != "population")
_OF_THE_ROW: Final = tuple(name for name in Entity.__struct_fields__ if name not in ("members", "heard"))


def take(entities: dict[str, Entity], block: Block) -> list[str]:
    """Take over the states of a block of `evidence`, and return the keys (`kind:id`) of the entities that it is about, each once.

    A row that is older than what is known changes nothing.
    """
    touched: dict[str, None] = {}
    for account, row in _rows(block):
        entity = entities.setdefault(row.key, _unheard(row))
        newest = max(row.time, entity.time)
        if account is None:
            if row.time >= entity.heard:
                _update(entity, row)
                entity.time, entity.heard = newest, row.time
        elif row.time >= entity.members.get(account, row).time:
            entity.members[account] = Member(**{name: getattr(row, name) for name in _OF_A_MEMBER})
            entity.accounts, entity.population, entity.time = row.accounts, row.population, newest
        touched[row.key] = None
    return list(touched)


def _update(entity: Entity, row: Entity) -> None:
    for name in _OF_THE_ROW:
        setattr(entity, name, getattr(row, name))


def _unheard(row: Entity) -> Entity:
    """Return an entity of which only a member was heard yet."""
    nothing: dict[str, Any] = {"families": {}, "features": {}, "nats": {}, "usual": {}, "members": {}}
    return msgspec.structs.replace(row, **nothing, extraction=0.0, routing=0.0, false_alerts=None)


def _rows(block: Block) -> Iterator[tuple[str | None, Entity]]:
    """Yield the account (None: the entity itself) and the row of each; unknown numbers are left out of the maps, 0 elsewhere."""
    columns: dict[str, list[Any]] = {name: [_known(value) for value in block.numbers(name).tolist()] for name in _PLAIN}
    columns["false_alerts"] = [None if math.isnan(value) else round(value, 6) for value in block.numbers("false_alerts").tolist()]
    columns |= {kind.name: [f"{value:016x}" if value else "" for value in block.hashes(kind.name).tolist()] for kind in LINK_KINDS}
    columns |= {name: block.texts(name) for name in ("entity_kind", "entity_id")}
    names = block.names("features")
    columns |= {name: [_named(names, row) for row in block.vectors(name).tolist()] for name in ("features", "nats")}
    columns["families"] = [_named(FAMILIES, row) for row in block.vectors("families").tolist()]
    low, high = ([_named(names, row) for row in block.vectors(name).tolist()] for name in ("usual_low", "usual_high"))
    columns["usual"] = [
        {name: [value, above[name]] for name, value in below.items() if name in above} for below, above in zip(low, high, strict=True)
    ]
    rows = zip(*columns.values(), strict=True)
    for account, row in zip(block.texts("account_id"), rows, strict=True):
        yield account, Entity(**dict(zip(columns, row, strict=True)))


def _known(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _named(names: Iterable[str], values: Iterable[float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in zip(names, values, strict=True) if not math.isnan(value)}
