"""Evidence blocks as states: what is known now of every entity above the floor, and of its members."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from models.evidence.weighing import FAMILIES
from streams.schema.blocks import Block

LINKS: Final = ("payment", "organization", "router", "template")
"""Columns by which accounts can be linked, as 16 hex digits; empty where unknown."""
_MEMBER: Final = ("time", "first", "requests", "output_tokens", "extraction", "routing", "families", *LINKS)
_OF_ALL: Final = ("accounts", "population")
_PLAIN: Final = ("time", *_OF_ALL, "common", "requests", "output_tokens", "first", "extraction", "routing")

State = dict[str, Any]


def take(entities: dict[str, State], block: Block) -> list[str]:
    """Take over the states of a block of `evidence`, and return the keys (`kind:id`) of the entities that it is about, each once.

    A row that is older than what is known changes nothing.
    """
    touched: dict[str, None] = {}
    for row in _rows(block):
        key = f"{row['entity_kind']}:{row['entity_id']}"
        entity = entities.setdefault(key, _unheard(row))
        account = row.pop("account_id")
        if account is None:
            if row["time"] >= entity["heard"]:
                entity.update(row, time=max(row["time"], entity["time"]), heard=row["time"])
        elif row["time"] >= entity["members"].get(account, row)["time"]:
            entity["members"][account] = {name: row[name] for name in _MEMBER}
            entity.update({name: row[name] for name in _OF_ALL}, time=max(row["time"], entity["time"]))
        touched[key] = None
    return list(touched)


def _unheard(row: Mapping[str, Any]) -> State:
    """Return an entity of which only a member was heard yet."""
    nothing: State = {"extraction": 0.0, "routing": 0.0, "families": {}, "features": {}, "nats": {}, "usual": {}, "members": {}}
    nothing["false_alerts"] = None
    return {name: value for name, value in row.items() if name != "account_id"} | nothing | {"heard": 0.0}


def _rows(block: Block) -> list[State]:
    """Return a block's rows as plain values; unknown numbers are left out of the maps."""
    plain = {name: block.numbers(name).tolist() for name in _PLAIN}
    plain["population"] = [0.0 if math.isnan(value) else value for value in plain["population"]]
    plain["false_alerts"] = [None if math.isnan(value) else round(value, 6) for value in block.numbers("false_alerts").tolist()]
    plain |= {name: [f"{value:016x}" if value else "" for value in block.hashes(name).tolist()] for name in LINKS}
    plain |= {name: block.texts(name) for name in ("entity_kind", "entity_id", "account_id")}
    names = block.names("features")
    maps = {name: [_named(names, row) for row in block.vectors(name).tolist()] for name in ("features", "nats", "usual_low", "usual_high")}
    families = [_named(FAMILIES, row) for row in block.vectors("families").tolist()]
    return [
        {name: values[row] for name, values in plain.items()}
        | {"families": families[row], "features": maps["features"][row], "nats": maps["nats"][row]}
        | {
            "usual": {
                name: [low, maps["usual_high"][row][name]]
                for name, low in maps["usual_low"][row].items()
                if name in maps["usual_high"][row]
            }
        }
        for row in range(len(block))
    ]


def _named(names: Iterable[str], values: Iterable[float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in zip(names, values, strict=True) if not math.isnan(value)}
