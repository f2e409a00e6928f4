"""What a group feature sees: the members of one group, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.evidence.families import FAMILIES
from models.evidence.units import units

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Members:
    """The accounts of one group, one row an account; every array is (members,) unless said otherwise.

    Times are seconds since 1970, NaN where unknown; hashes are 0 where unknown.
    """

    kind: str
    """What links them: `router`, `payment` or `template`."""
    now: float
    """Newest event time of the group."""
    balance: float
    """Variance of what the group begins in ten minutes over the sum of its members' variances; NaN before six hours."""
    requests: Floats
    """Requests in this group, decayed with a half-life of 7 days."""
    total: Floats
    """Requests in this group, ever."""
    begun: Floats
    """Pieces of work begun in this group, ever: first turns of conversations, and requests after a lull (`derived.begun`)."""
    jobs: Floats
    """Those of them that get what is harvested (`derived.purposeful`)."""
    output_tokens: Floats
    """Output tokens in this group, ever."""
    first: Floats
    """First request in this group."""
    last: Floats
    """Newest request in this group."""
    account_first: Floats
    """The account's first request, in any group."""
    account_begun: Floats
    """Pieces of work that the account began since, in any group."""
    account_jobs: Floats
    """Those of them that get what is harvested."""
    created: Floats
    """When the account was created."""
    age_rank: Floats
    """Share of all accounts that are younger than this one, 0..1, NaN where unknown: what makes ages comparable with everybody's."""
    payment: Hashes
    organization: Hashes
    router: Hashes
    template: Hashes
    """The template that the account uses most, 0 where it uses none."""
    subnet: Hashes
    """The client network (/24 or /48) of the newest request."""
    tools: Hashes
    """The newest set of tools."""
    template_share: Floats
    """Share of the account's prompts that show that template, 0..1."""
    job_share: Floats
    """Share of the account's prompts that show that template and ask for what is harvested (see `derived.job`), 0..1."""
    harvest_share: Floats
    """Share of the account's prompts that show any template that several accounts share and ask for what is harvested, 0..1."""
    template_rarity: Floats
    """-ln of the share of everybody's prompts that show that template: 0 for none."""
    router_rarity: Floats
    """-ln of the share of all accounts with that router; `subnet_rarity` and `tools_rarity` likewise."""
    subnet_rarity: Floats
    tools_rarity: Floats
    single_turn: Floats
    """Share of the account's requests that are one question, 0..1."""
    fills: Hashes
    """The lowest hashes of the prompts that it harvested with, a sample of them, (members, 8), 0 for none."""
    own: Floats
    """The account's own evidence by family, shrunk by how little it has done, (members, families); NaN where unknown."""
    raw: Floats
    """The same before shrinkage: what it would be if that little were all it ever does."""

    def __len__(self) -> int:
        """Count the members."""
        return len(self.requests)

    @cached_property
    def unit(self) -> NDArray[np.intp]:
        """Which paying unit, (organisation, card), each member belongs to, numbered from 0."""
        return units(self.organization, self.payment)

    @cached_property
    def units(self) -> int:
        """How many paying units there are."""
        return int(self.unit.max(initial=-1)) + 1

    @cached_property
    def organizations_by_card(self) -> NDArray[np.intp]:
        """How many organisations pay with each card, (cards,); accounts whose card or organisation is unknown are left out."""
        known = (self.payment != 0) & (self.organization != 0)
        pairs = np.unique(np.stack([self.payment[known], self.organization[known]]), axis=1)
        return np.unique(pairs[0], return_counts=True)[1]

    @cached_property
    def memo(self) -> dict[tuple[str, str], Any]:
        """What several features and attributions work out of the same members, by who did and of what."""
        return {}

    def family(self, name: str, matrix: str = "raw") -> Floats:
        """Return one family's nats of every member, (members,), NaN where unknown."""
        values: NDArray[Any] = getattr(self, matrix)
        return values[:, FAMILIES.index(name)]
