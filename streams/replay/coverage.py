"""What a log shows and what it does not: how much of each field is known, and which features and families are blind without the rest."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from models.evidence.families import FAMILIES
from streams.features.registry import by_name
from streams.replay.lacking_costs import cost_without
from streams.replay.little_world import blind_without, blind_without_each
from streams.schema.blocks import Block
from streams.schema.event import FIELDS, REQUIRED, EventField
from streams.schema.replay_files import CoverageReport, FamilyCoverage, FieldCoverage

WHOLE_SHARE: Final = 0.95
"""Share of events from which a field counts as there."""
MIN_CONSTANT_EVENTS: Final = 100
"""Events from which one value in all of them is worth a word."""
COUNTED_EVENTS: Final = 4_096
"""Events whose blocks are looked at together."""
PERSONAL: Final = frozenset(
    {"prompt", "system_prompt", "account.created", "organization.id", "payment.hash", "client.address", "user_agent.original"}
)
"""Fields in which one value for everybody is a redaction, or a proxy's own: it would link strangers."""
_UNDECLARED: Final = frozenset({"prompt.sketch"})
"""Fills the columns of `prompt`."""


@dataclass
class _Seen:
    known: int = 0
    lowest: Any = None
    highest: Any = None

    def add(self, known: int, low: Any, high: Any) -> None:
        self.known += known
        if known:
            self.lowest = low if self.lowest is None else min(self.lowest, low)
            self.highest = high if self.highest is None else max(self.highest, high)

    @property
    def constant(self) -> bool:
        return self.known >= MIN_CONSTANT_EVENTS and bool(self.lowest == self.highest)


@dataclass
class Coverage:
    """Counts over the blocks of a log: add them, then read `fields` and `blind`."""

    events: int = 0
    _seen: dict[str, _Seen] = field(default_factory=lambda: defaultdict(_Seen))
    _waiting: list[Block] = field(default_factory=list)
    _counted: int = 0

    def add(self, block: Block) -> None:
        """Count one block of requests: it waits for others, because a look at a column costs the same for any number of rows."""
        self.events += len(block)
        self._waiting.append(block)
        if self.events - self._counted >= COUNTED_EVENTS:
            self._count()

    def _count(self) -> None:
        if self._waiting:
            for event_field in _optional():
                self._seen[event_field.column].add(*_known(self._waiting, event_field.column))
        self._waiting, self._counted = [], self.events

    def report(self) -> CoverageReport:
        """Return all of it. Takes half a second: what several missing fields blind together is worked out."""
        self._count()
        missing = frozenset(event_field.wire for event_field in _optional() if not self._distinguishes(event_field))
        blind, alone = blind_without(missing), blind_without_each(missing)
        return CoverageReport(
            events=self.events,
            fields=[self._field(event_field, sorted(alone.get(event_field.wire, ()))) for event_field in _optional()],
            blind=sorted(blind),
            families={family: FamilyCoverage(seen, total) for family, seen, total in families(blind)},
        )

    def _field(self, event_field: EventField, blinds: list[str]) -> FieldCoverage:
        seen = self._seen[event_field.column]
        share = seen.known / self.events if self.events else 0.0
        return FieldCoverage(event_field.wire, share, seen.constant, blinds)

    def _distinguishes(self, event_field: EventField) -> bool:
        """Tell whether a field is known, and not one value for everybody where that is a redaction."""
        seen = self._seen[event_field.column]
        return seen.known > 0 and not (seen.constant and event_field.wire in PERSONAL)


def families(blind: frozenset[str]) -> Iterator[tuple[str, int, int]]:
    """Yield each family with how many of its features can have a value, and how many it has."""
    for family in FAMILIES:
        members = [name for name, feature in by_name().items() if feature.family == family]
        yield family, sum(name not in blind for name in members), len(members)


LACK_HEADINGS: Final = ("field", "known", "", "blind without it", "found without it")
"""Headings of the columns of a `Lack`."""


class Lack(NamedTuple):
    """A field that is not whole, in words."""

    field: str
    known: str
    note: str
    blinds: list[str]
    cost: str
    """What was found in a measured world without it and the fields of its group; empty where those are not all missing."""

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the texts of its columns."""
        return self.field, self.known, self.note, ", ".join(self.blinds), self.cost


def lacks(report: CoverageReport) -> list[Lack]:
    """Return the fields that are not whole, in the event's order."""
    rows = [(row, "one value in all" if row.constant and row.field in PERSONAL else "") for row in report.fields]
    lacking = [(row, note) for row, note in rows if row.share < WHOLE_SHARE or note]
    missing = {row.field for row, note in lacking if note or not row.share}
    return [Lack(row.field, _percent(row.share), note, row.blinds, cost_without(row.field, missing)) for row, note in lacking]


def tables(report: CoverageReport) -> Iterable[Table]:
    """Return a report as tables for a terminal: fields that are not whole, then families that are not whole."""
    fields = Table(title="What this log lacks", title_justify="left")
    for heading in LACK_HEADINGS:
        fields.add_column(heading, justify="right" if heading == "known" else "left")
    for lack in lacks(report):
        fields.add_row(*lack.cells)
    families_seen = Table(title="What it can be judged by", title_justify="left")
    for heading in ("family", "features that can tell accounts apart"):
        families_seen.add_column(heading)
    for family, counts in report.families.items():
        blind = " blind" if not counts.seen else ""
        families_seen.add_row(family, f"{counts.seen} of {counts.features}{blind}")
    return fields, families_seen


def _percent(share: float) -> str:
    return "never" if share == 0 else f"{math.floor(share * 100)} %"


def _optional() -> list[EventField]:
    return [event_field for event_field in FIELDS if event_field.wire not in REQUIRED and event_field.wire not in _UNDECLARED]


def _known(gathered: Sequence[Block], column: str) -> tuple[int, Any, Any]:
    """Return in how many rows of blocks a column is known, and its lowest and highest value there."""
    kind = gathered[0].layout.columns[column]
    if kind == "text":
        texts = [text for block in gathered for text in block.texts(column) if text is not None]
        return (len(texts), min(texts), max(texts)) if texts else (0, None, None)
    if kind == "hash":
        values: NDArray[Any] = np.concatenate([block.hashes(column) for block in gathered])
        known = values[values != 0]
    else:
        values = np.concatenate([block.numbers(column) for block in gathered]).astype(np.float64)
        known = values[~np.isnan(values)]
    return (len(known), known.min(), known.max()) if len(known) else (0, None, None)
