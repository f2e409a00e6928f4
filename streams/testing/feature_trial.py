"""Try a feature on a handful of requests or accounts, in its test or while writing it.

account(EgressShare, input_tokens=[100, 100], output_tokens=[50, 150])
group(CardSharing, payment=7, organization=[1, 2, 3])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.accumulators import dialogue, pauses
from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.recurring import Templates
from models.arrays import Floats
from models.durations import DAY
from models.evidence.families import FAMILIES
from models.evidence.links import LINKS, MIN_PAYERS, rarity_of
from models.state.columns import Columns, Field
from streams.features import derived
from streams.features.bank import Bank
from streams.features.declaration import Feature
from streams.features.events import Events, Retaken
from streams.features.members import Members
from streams.features.readings import Reading
from streams.schema.arrow_columns import Kind
from streams.schema.blocks import Block
from streams.schema.layouts import REQUESTS
from streams.schema.prompt_sketch import PROMPT_SHINGLES

START_SECONDS: Final = 20_000 * DAY
"""A midnight: the default time of events and `now` of groups."""

_CLAIM_COLUMNS: Final = ("new_model", "claim_misfit", "claim_known")
_GIVEN_MEMBERS: Final = frozenset(
    {"kind", "now", "prompt_sample", "evidence_shrunk", "evidence_raw", "balance", "links", "rarities", "whole"}
)


def account(feature: type[Feature], **columns: Any) -> float:
    """Return a feature's value of one account after these requests, NaN when unknown.

    columns: of `layouts.REQUESTS`, or derived ones such as `templated`; a list has one value per request, a scalar applies to all. Without
    `time` all requests are at START_SECONDS. Other columns are unknown.
    """
    bank = Bank([feature])
    table = Columns("trial", bank.fields())
    block = block_of(columns)
    slots = table.intern(["a"] * len(block))
    grouped = GroupedEvents.of(slots, block.numbers("time").astype(np.float64), table["clock"])
    bank.fold(table, events_of(block, grouped, columns))
    return float(bank.read(table, slots[:1])[0][0, 0])


def value_of(reading: Reading, **columns: Any) -> float:
    """Return a reading of one account after these requests, NaN where it is unknown. columns: as for `account`."""
    return account(type("Tried", (Feature,), {"value": reading}), **columns)


def block_of(columns: Mapping[str, object]) -> Block:
    """Return the block of these requests. columns: as for `account`; names that a block does not have are ignored."""
    rows = max((len(values) for values in columns.values() if isinstance(values, list | np.ndarray)), default=1)
    filled = {name: _fill(columns.get(name), name, kind, rows) for name, kind in REQUESTS.columns.items()}
    return Block(REQUESTS, REQUESTS.batch(filled))


def _fill(values: Any, name: str, kind: Kind, rows: int) -> Any:
    if kind == "text":
        return values if isinstance(values, list) else [values] * rows
    if kind == "shingles":
        return np.zeros((rows, PROMPT_SHINGLES), np.uint64) if values is None else values
    if kind == "hash":
        return np.broadcast_to(np.array(0 if values is None else values, np.uint64), rows)
    unknown = START_SECONDS if name == "time" else np.nan
    return np.broadcast_to(np.array(unknown if values is None else values, np.float64), rows)


def derived_columns(block: Block, grouped: GroupedEvents, given: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Return the derived columns of a block in slot order: the given ones, others as without templates, claims or earlier blocks.

    given: Columns by name, each (events,) in block order, or a scalar for all.
    """
    columns, _ = _derived(block, grouped, given, None)
    return columns


def events_of(block: Block, grouped: GroupedEvents, given: Mapping[str, ArrayLike], turns: Columns | None = None) -> Events:
    """Return a block's events with the derived columns, and the earlier requests that they change.

    given: Columns by name, each (events,) in block order, or a scalar for all.
    turns: The newest requests of each account in earlier blocks, changed in place; None where there are no earlier ones.
    """
    return Events(block, grouped, *_derived(block, grouped, given, turns))


def _derived(
    block: Block, grouped: GroupedEvents, given: Mapping[str, ArrayLike], turns: Columns | None
) -> tuple[dict[str, NDArray[Any]], list[Retaken]]:
    rows = len(block)
    pieces, nothing, none = np.zeros((rows, PROMPT_SHINGLES), np.uint64), np.zeros((rows, PROMPT_SHINGLES)), np.zeros(rows, np.uint64)
    templates = Templates(pieces, nothing, nothing, nothing, np.zeros(rows, np.intp))
    if turns is None:
        turns = Columns("turns", dialogue.FIELDS | pauses.FIELDS | {"clock": Field("f8", -np.inf)})
        turns.intern([str(slot) for slot in range(int(grouped.slots.max(initial=-1)) + 1)])  # a row for each slot
    followed = derived.followed(block, grouped, dialogue.past(turns, grouped.slots))
    dialogue.keep(turns, grouped, followed.kept)
    judged = derived.judged_now(followed)
    paused = pauses.pauses(grouped, turns["recent_ages"][grouped.slots])
    turns["recent_ages"][grouped.slots] = paused.ages
    facts = derived.EventFacts(judged.single, judged.purpose, none, paused.gaps)
    known = derived.columns(block, grouped, templates, none[:0], facts, dict.fromkeys(_CLAIM_COLUMNS, np.full(rows, np.nan)))
    chosen = {name: given[name] for name in given if name not in REQUESTS.columns}
    known |= {name: np.broadcast_to(np.array(values, np.float64), len(block))[grouped.order] for name, values in chosen.items()}
    return known, derived.retaken(paused, followed.retakes)


def group(feature: type[Feature], **columns: Any) -> float:
    """Return a group feature's value of these accounts. columns: as for `members_of`."""
    return float(feature.value(members_of(**columns)))


def members_of(kind: str = "router", now: float = START_SECONDS, **columns: Any) -> Members:
    """Return the members of one group.

    columns: of `Members`, a kind of link, its rarity (`subnet_rarity`), or a family's name for that family's nats; a list has one value
    per account, a scalar applies to all. Other columns are unknown, except that every account has made one request; an account's totals
    are those of this group.
    """
    rows = max((len(values) for values in columns.values() if isinstance(values, list | np.ndarray)), default=1)
    nats = np.full((rows, len(FAMILIES)), np.nan)
    for position, family in enumerate(FAMILIES):
        nats[:, position] = np.nan if family in LINKS else columns.get(family, np.nan)
    ones: dict[str, Floats] = {
        "requests": np.ones(rows),
        "total": np.ones(rows),
        "work_items": np.ones(rows),
        "harvest_items": np.zeros(rows),
    }
    sample = np.array(columns.get("prompt_sample", np.zeros((rows, PROMPT_SHINGLES))), np.uint64)
    columns |= {
        f"account_{name}": columns[name]
        for name in ("first", "work_items", "harvest_items")
        if name in columns and f"account_{name}" not in columns
    }
    ones |= {"account_work_items": ones["work_items"], "account_harvest_items": ones["harvest_items"]}

    def column(name: str, unknown: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(np.array(columns.get(name, unknown), unknown.dtype), rows)

    names = {field.name for field in fields(Members)} - _GIVEN_MEMBERS
    arrays = {name: column(name, ones.get(name, np.full(rows, np.nan))) for name in names}
    links = {link: column(link, np.zeros(rows, np.uint64)) for link in LINKS}
    rarities = {link: column(rarity_of(link), np.full(rows, np.nan)) for link in MIN_PAYERS}
    balance = columns.get("balance", np.nan)
    return Members(
        kind=kind,
        now=now,
        prompt_sample=sample,
        evidence_shrunk=nats,
        evidence_raw=nats,
        balance=balance,
        links=links,
        rarities=rarities,
        whole=None,
        **arrays,
    )
