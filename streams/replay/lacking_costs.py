"""What it costs in campaigns found that a log lacks fields: those that a gateway's format has not, or one group that matters.

`make evaluate-coverage` measured it, and `make render` copied it from `docs/data`. One world was measured: a difference of one or two
campaigns is none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from streams.core.typed_json import read_json
from streams.schema.event import FIELDS, NAMES

TABLE: Final = Path(__file__).with_name("what_lacking_costs.json")
ALL_FIELDS: Final = "all fields"
WITHOUT: Final[dict[str, frozenset[str]]] = {
    "prompt": frozenset({"prompt", "system_prompt", "prompt.sketch"}),
    "token counts": frozenset(name for name in NAMES if name.startswith("gen_ai.usage.")),
    "header names": frozenset({"http.request.header_names", "http.request.header.accept-encoding", "http.request.body.shape"}),
    "payment.hash": frozenset({"payment.hash"}),
    "organization.id": frozenset({"organization.id"}),
    "account.created": frozenset({"account.created"}),
    "client.address": frozenset({"client.address", "client.as.number", "client.as.type", "client.geo.country_iso_code"}),
    "parameters": frozenset(name for name in NAMES if name.startswith("gen_ai.request.") and name != "gen_ai.request.model"),
}
"""Fields that are taken away together, by the name of the first of them."""
_DECLARED: Final = frozenset(field.wire for field in FIELDS) - {"prompt.sketch"}


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found in the world of a log that has only some fields."""

    log: str
    """`all fields`, the name of a format, or `without` and the name of a group of fields."""
    campaigns_found: int
    """Campaigns of which half of the accounts or more are alerted."""
    campaigns_found_or_asked: int
    """The same, where a question counts too."""


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the table."""

    revision: str
    """The commit that was measured."""
    campaigns: int
    rows: list[Cost]

    def of(self, log: str) -> Cost | None:
        """Return the row of a log, None where it was not measured."""
        return next((row for row in self.rows if row.log == log), None)


@cache
def stored() -> Costs:
    """Return the table."""
    return read_json(TABLE.read_bytes(), Costs)


def counted(cost: Cost) -> str:
    """Return a row in figures: campaigns found, those found or asked about, and all.

    >>> counted(Cost("kong", 0, 3))[:5]
    '0 (3)'
    """
    return f"{cost.campaigns_found} ({cost.campaigns_found_or_asked}) of {stored().campaigns}"


def groups_within(missing: Collection[str]) -> Iterator[str]:
    """Yield the names of the groups of fields that a log lacks as a whole."""
    return (name for name, fields in WITHOUT.items() if fields & _DECLARED <= {*missing})


def cost_without(field: str, missing: Collection[str]) -> str:
    """Return what is found without a field, in words; empty where its group of fields was not measured, or is not missing as a whole."""
    for name in groups_within(missing):
        row = stored().of(f"without {name}")
        if field in WITHOUT[name] and row is not None:
            return counted(row) if name == field else f"{counted(row)}, {row.log}"
    return ""


def sentences(formats: Collection[str]) -> list[str]:
    """Return what is found with all fields, and with those of each of these formats; empty without a measurement."""
    whole = stored().of(ALL_FIELDS)
    if whole is None:
        return []
    rows = [(name, row) for name in formats if (row := stored().of(name)) is not None]
    return [
        f"Campaigns found (or asked about) in one measured world: {counted(whole)}, where a log has all fields.",
        *(f"With the fields of {name} alone: {counted(row)}." for name, row in rows),
        "A difference of one or two is chance.",
    ]
