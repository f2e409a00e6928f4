"""When evidence suffices to conclude that traffic extracts the model: a table of named rules, and which of them held.

Every rule requires that content shows a purpose and that MIN_FAMILIES families count as evidence. The rules differ in what shows that one
operator runs the accounts. Where no rule holds, evidence is capped at half of the alert threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.short import known_or_zero
from models.arrays import Floats, Mask
from models.evidence.families import ALONE_COUNTS, EXTRACTION_WEIGHTS, IS_SIGN
from models.evidence.weighing import (
    BELONGING,
    CONTENT,
    EVENNESS,
    MAX_BELONGING_NATS,
    MAX_UNRULED_NATS,
    MIN_EVIDENCE_NATS,
    OPERATION,
    PAYMENT,
)

HINT_NATS: Final = 0.5
"""Evenness from which a dispatcher is more likely than not."""
DEALT_NATS: Final = 4.0
"""Evenness, together with OPERATION, that shows an operator. A large group with similar prompts reaches three nats by chance."""
MIN_FAMILIES: Final = 3
"""Families that must count as evidence."""
NO_RULE_INDEX: Final = -1
"""Mark of an entity for which no rule held."""


class Purpose(Enum):
    """How clearly a group's content shows what its accounts are for."""

    UNPROVEN = auto()
    LIKELY = auto()
    """Content has, uncapped, twice the cap of a family: a hint of even load then suffices to show an operator."""
    PLAIN = auto()
    """Content exceeds the largest value seen for similar benign crowds, and counts as two families."""
    SOLE = auto()
    """The accounts do nothing else, in unrelated programs. Strangers who copied one prompt may too, but their load is uneven."""


@dataclass(frozen=True)
class Signs:
    """What the rules need of some entities; masks and counts are (entities,)."""

    purpose: Purpose
    cards_dealt: bool
    """Whether the group has several cards that each pay for several organisations."""
    evenness: Floats
    """Nats of even load, NaN where unknown; below 0 the load looks like people's."""
    load_test_has_power: bool
    """Whether the group's load would look like people's by now if it were: until then that it does not says nothing."""
    operated: Floats
    """Nats of even load, and of OPERATION where those are positive."""
    counting: Mask
    """Which families count as signs: MIN_EVIDENCE_NATS or more and a positive weight, (entities, families)."""

    @property
    def load_hints_dispatcher(self) -> Mask:
        """Whether a purpose is at least likely and the load hints at a dispatcher, (entities,)."""
        return (self.purpose is not Purpose.UNPROVEN) & (self.evenness >= HINT_NATS)

    @property
    def purpose_is_plain(self) -> bool:
        """Whether the purpose is plain, or more."""
        return self.purpose in (Purpose.PLAIN, Purpose.SOLE)

    @property
    def families(self) -> NDArray[np.intp]:
        """How many families count, (entities,).

        Content counts as two where the purpose is plain or hinted at, as three where it is the sole one.
        """
        further = int(self.purpose is Purpose.SOLE) + (self.load_hints_dispatcher | self.purpose_is_plain)
        families: NDArray[np.intp] = self.counting.sum(axis=1) + further
        return families

    @property
    def has_required_families(self) -> Mask:
        """Whether content shows a purpose and enough families count, (entities,): what every rule requires."""
        return self.counting[:, CONTENT] & (self.families >= MIN_FAMILIES)

    @property
    def load_excludes_people(self) -> Mask:
        """Whether the load is known not to be people's, (entities,).

        Where it is, or may still turn out to be, only a dealt load shows an operator.
        """
        return (self.evenness >= HINT_NATS) | (self.load_test_has_power & ~(self.evenness < 0))


@dataclass(frozen=True)
class ExtractionRule:
    """One way in which evidence suffices."""

    name: str
    requires: str
    """The requirement in words, in addition to a purpose in the content and MIN_FAMILIES families."""
    holds: Callable[[Signs], Mask]
    """Whether it holds for each entity, (entities,), without what every rule requires."""


RULES: Final = (
    ExtractionRule(
        "even load",
        f"requests are dealt out evenly, as by a dispatcher ({DEALT_NATS:g} nats or more)",
        lambda signs: signs.evenness >= DEALT_NATS,
    ),
    ExtractionRule(
        "machine-run",
        f"timing or network shows machines or proxies ({MIN_EVIDENCE_NATS:g} nats or more), and the load does not look like people's",
        lambda signs: signs.counting[:, OPERATION].any(axis=1) & signs.load_excludes_people,
    ),
    ExtractionRule(
        "even load and operation",
        f"even load, timing and network have {DEALT_NATS:g} nats together, and the load does not look like people's",
        lambda signs: (signs.operated >= DEALT_NATS) & signs.load_excludes_people,
    ),
    ExtractionRule(
        "dealt cards",
        "several cards each pay for several organisations, payment counts, and the load does not look like people's",
        lambda signs: (signs.cards_dealt & signs.counting[:, PAYMENT]) & signs.load_excludes_people,
    ),
    ExtractionRule(
        "plain purpose",
        "content exceeds that of any benign crowd, and the load does not look like people's",
        lambda signs: np.full(len(signs.evenness), signs.purpose_is_plain) & signs.load_excludes_people,
    ),
    ExtractionRule(
        "likely purpose and hinted load",
        f"content has twice what any family may have, and the load hints at a dispatcher ({HINT_NATS:g} nats or more)",
        lambda signs: signs.load_hints_dispatcher,
    ),
)
"""By priority: the first rule that holds is reported as the reason."""
BY_NAME: Final = {rule.name: rule for rule in RULES}


@dataclass(frozen=True)
class Extraction:
    """Evidence that traffic extracts the model."""

    nats: Floats
    """(entities,)."""
    rules: NDArray[np.intp]
    """Position in RULES of the first rule that held, (entities,), NO_RULE_INDEX where none did."""

    def rule(self, entity: int = 0) -> ExtractionRule | None:
        """Return the rule that held for one entity, None where none did."""
        position = int(self.rules[entity])
        return None if position == NO_RULE_INDEX else RULES[position]

    def names(self) -> list[str | None]:
        """Return the name of the rule that held for each entity, None where none did."""
        return [None if position == NO_RULE_INDEX else RULES[position].name for position in self.rules.tolist()]


def counted(families: Floats, weights: Floats, purpose: Purpose) -> Floats:
    """Return what of each family is in the score of extraction, (entities, families), NaN where unknown: the score is their sum.

    >>> parts = counted(np.array([[7.0, 0.0, 6.0, 6.0, 6.0, 4.0, 0, 0, 5.0, 0, 0, 0]]), EXTRACTION_WEIGHTS, Purpose.PLAIN)
    >>> parts[0, :6].tolist()  # cohort, payment and link are 9 nats together at most; timing counts half
    [7.0, 0.0, 3.0, 3.0, 3.0, 2.0]

    Args:
        families: Nats by family, (entities, families), NaN where unknown.
        weights: Of each family, (families,).
        purpose: How clearly the content shows what the accounts are for.
    """
    sole = purpose is Purpose.SOLE
    parts: Floats = (_with_sole_purpose(families) if sole else families) * weights
    belonging = known_or_zero(parts[:, BELONGING]).sum(axis=1)
    over = belonging > MAX_BELONGING_NATS
    parts[:, BELONGING] *= np.where(over, MAX_BELONGING_NATS / np.where(over, belonging, 1.0), 1.0)[:, None]
    parts[:, CONTENT] *= 2.0 if sole else 1.0
    return parts


def _with_sole_purpose(families: Floats) -> Floats:
    """Accounts with one purpose may have a slightly uneven load, but less uneven than strangers with the same prompt."""
    evenness = families[:, EVENNESS]
    families = families.copy()
    families[:, EVENNESS] = np.where(evenness > -MIN_EVIDENCE_NATS, np.maximum(evenness, 0.0), evenness)
    return families


def extraction(
    families: Floats,
    *,
    purpose: Purpose = Purpose.UNPROVEN,
    cards_dealt: bool = False,
    load_test_has_power: bool = True,
    alone: bool = False,
) -> Extraction:
    """Return the evidence that traffic extracts the model, and the rule that held.

    >>> dealt = np.zeros((1, len(EXTRACTION_WEIGHTS)))
    >>> dealt[0, [CONTENT, EVENNESS, PAYMENT]] = 6.0, 5.0, 4.0
    >>> judgement = extraction(dealt)
    >>> float(judgement.nats[0]), judgement.rule().name
    (15.0, 'even load')
    >>> dealt[0, EVENNESS] = -1.0  # people's load: no rule holds, so evidence stays at half of 13 nats
    >>> judgement = extraction(dealt)
    >>> float(judgement.nats[0]), judgement.rule()
    (6.5, None)

    Args:
        families: Nats by family, (entities, families), NaN where unknown.
        purpose: How clearly the group's content shows what its accounts are for.
        cards_dealt: Whether the group has several cards that each pay for several organisations.
        load_test_has_power: Whether the group's load would look like people's by now if it were.
        alone: Whether the entities are accounts without links: families that do not count alone then count nothing.
    """
    weights = EXTRACTION_WEIGHTS * ALONE_COUNTS if alone else EXTRACTION_WEIGHTS
    if purpose is Purpose.SOLE:
        families = _with_sole_purpose(families)
    nats = known_or_zero(counted(families, weights, purpose)).sum(axis=1)
    known = known_or_zero(families)
    signs = Signs(
        purpose,
        cards_dealt,
        load_test_has_power=load_test_has_power,
        evenness=families[:, EVENNESS],
        operated=known[:, EVENNESS] + np.maximum(known[:, OPERATION], 0.0).sum(axis=1),
        counting=(known >= MIN_EVIDENCE_NATS) & (weights > 0) & IS_SIGN,
    )
    held = np.column_stack([rule.holds(signs) for rule in RULES]) & signs.has_required_families[:, None]
    rules = np.where(held.any(axis=1), held.argmax(axis=1), NO_RULE_INDEX)
    return Extraction(np.where(rules != NO_RULE_INDEX, nats, np.minimum(nats, MAX_UNRULED_NATS)), rules)
