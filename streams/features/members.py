"""The input of a group's features: the members of one group, as columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.accumulators.short import tallied
from models.arrays import Floats, Hashes
from models.evidence.families import FAMILIES
from models.evidence.units import distinct_pairs, units

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class WholeGroup:
    """What is known of all of a large group, of which `Members` has a sample."""

    accounts: int
    payers: int
    """Different cards, and accounts without a known one."""
    organisations_by_card: NDArray[np.intp]
    """As in `Members`."""
    shared_cards: Hashes
    """Cards with which several organisations pay, ascending, (cards,)."""
    values: Mapping[str, float]
    """Of the features that a sample cannot show (`Feature.reads_all`), by name, when the sample was drawn."""
    output_tokens: float
    began: float
    """First request, epoch seconds."""


@dataclass(frozen=True)
class Members:
    """The accounts of one group, one row for each; every array is (members,) unless noted otherwise.

    Times are seconds since 1970, NaN where unknown; hashes are 0 where unknown.
    """

    kind: str
    """Kind of link: `router`, `payment` or `template`."""
    now: float
    """Newest event time of the group."""
    balance: float
    """Variance of the work that the group begins in ten minutes over the sum of its members' variances; NaN before six hours."""
    requests: Floats
    """Requests in this group, decayed with a half-life of 7 days."""
    total: Floats
    """All requests in this group."""
    work_items: Floats
    """Pieces of work begun in this group: first turns of conversations, and requests after a lull (`derived.begun`)."""
    harvest_items: Floats
    """Pieces of work with an answer that is worth harvesting (`derived.purposeful`)."""
    output_tokens: Floats
    """All output tokens in this group."""
    first: Floats
    """First request in this group."""
    last: Floats
    """Newest request in this group."""
    account_first: Floats
    """The account's first request, in any group."""
    account_work_items: Floats
    """Pieces of work of the account, in any group."""
    account_harvest_items: Floats
    """Those with an answer that is worth harvesting."""
    created: Floats
    """Time of the account's creation."""
    router_since: Floats
    """Time since which the account has its newest router, NaN while that is its first."""
    age_rank: Floats
    """Share of all accounts that are younger than this one, 0..1, NaN where unknown."""
    links: dict[str, Hashes]
    """The account's value of each kind of link (`models.evidence.links`): its newest card or set of tools, its own template."""
    rarities: dict[str, Floats]
    """-ln of the share of all payers (template: of all prompts) with that value, by kind of link."""
    template_share: Floats
    """Share of the account's prompts with its template, 0..1."""
    job_share: Floats
    """Share of the account's prompts with its template and an answer worth harvesting (column `own_job`), 0..1."""
    harvest_share: Floats
    """Share of the account's prompts with any shared template and an answer worth harvesting (column `harvested`), 0..1."""
    single_turn: Floats
    """Share of the account's requests that are one question, 0..1."""
    prompt_sample: Hashes
    """A sample of the account's harvesting prompts: their lowest hashes, (members, 8), 0 for none."""
    evidence_shrunk: Floats
    """The account's own evidence by family, shrunk for few events, nats, (members, families); NaN where unknown."""
    evidence_raw: Floats
    """The same before shrinkage."""
    whole: WholeGroup | None = None
    """The group that these are a sample of; None where they are all."""

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self.requests)

    @property
    def accounts(self) -> int:
        """Number of accounts of the whole group."""
        return self.whole.accounts if self.whole else len(self)

    @cached_property
    def unit(self) -> NDArray[np.intp]:
        """The paying unit (organisation and card) of each member, (members,), numbered from 0."""
        return units(self.links["organization"], self.links["payment"])

    @cached_property
    def units(self) -> int:
        """Number of paying units."""
        return int(self.unit.max(initial=-1)) + 1

    @cached_property
    def organisations_by_card(self) -> NDArray[np.intp]:
        """Number of organisations that pay with each card, (cards,); accounts with an unknown card or organisation are left out."""
        if self.whole:
            return self.whole.organisations_by_card
        cards, organisations = self.links["payment"], self.links["organization"]
        known = (cards != 0) & (organisations != 0)
        return tallied(distinct_pairs(cards[known], organisations[known])[0])[1]

    @cached_property
    def _worked_out(self) -> dict[object, Any]:
        """What `OncePerGroup` has worked out of this group."""
        return {}

    def family(self, name: str) -> Floats:
        """Return one family's nats of every member before shrinkage, (members,), NaN where unknown."""
        return self.evidence_raw[:, FAMILIES.index(name)]


class OncePerGroup(Generic[Result]):
    """A function of a group's members that several features and attributions need: each group keeps its result.

    >>> from streams.testing.feature_trial import members_of
    >>> size, group = OncePerGroup(len), members_of(requests=[1.0, 2.0])
    >>> size(group), size.keep(members_of(), 7)
    (2, None)
    """

    def __init__(self, work_out: Callable[[Members], Result]) -> None:
        """Work out the result by this function, which depends on the members alone."""
        self._work_out = work_out

    def __call__(self, members: Members) -> Result:
        """Return the result for a group."""
        if self not in members._worked_out:  # noqa: SLF001
            self.keep(members, self._work_out(members))
        result: Result = members._worked_out[self]  # noqa: SLF001
        return result

    def keep(self, members: Members, result: Result) -> None:
        """Let a group keep a result that was worked out for many groups in one pass."""
        members._worked_out[self] = result  # noqa: SLF001
