"""Rows of `evidence`, what the stages of accounts and of groups report to the cases: every column named once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats, Hashes
from streams.schema.blocks import BlockColumns

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class EvidenceRows:
    """Some rows, in the order of the columns of `layouts.EVIDENCE`. Every array is (rows,) or as noted; NaN and None where unknown."""

    time: Floats
    entity_kind: Sequence[str]
    entity_id: Sequence[str]
    account_id: Sequence[str | None]
    """The member that a row is about; None for the entity itself."""
    accounts: Floats
    """Accounts of the entity."""
    common: Floats
    """1 where the entity is a public link, which is ignored, else 0."""
    population: Numbers
    """About how many accounts there are in all."""
    requests: Floats
    output_tokens: Floats
    first: Floats
    """First request, epoch seconds."""
    extraction: Floats
    rule: Sequence[str | None]
    """The first rule of extraction that held."""
    question: Sequence[str | None]
    """Why `extraction` is that of a question at most (`models.evidence.questions`); None where nothing limits it."""
    routing: Floats
    handed_over: Numbers
    """1 where the account was handed over, so that others may use its key."""
    false_alerts: Floats
    """Of 10,000 ordinary entities, how many a day are expected to score as much."""
    families: Numbers
    """Nats by family, (rows, families)."""
    counted: Numbers
    """What each family adds to `extraction` where a trained model judged, (rows, families)."""
    features: Numbers
    """Values, (rows, features)."""
    nats: Numbers
    """Nats by feature, (rows, features)."""
    usual_low: Numbers
    usual_high: Numbers
    """Between which values ordinary entities lie, (rows, features)."""
    links: Mapping[str, Hashes]
    """Values by which cases are linked, by kind of link (`CASE_LINKS`)."""

    def columns(self) -> BlockColumns:
        """Return the columns as they travel."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "links"} | dict(self.links)
