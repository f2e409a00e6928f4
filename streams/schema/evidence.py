"""Evidence: what is known of an entity above the evidence floor, and of its members, as blocks of `evidence` bring it."""

from __future__ import annotations

from typing import Final

import msgspec

from streams.schema.names import entity_key


class Known(msgspec.Struct, kw_only=True):
    """What is known of an account, or of a group. Links are 16 hex digits, empty where unknown."""

    time: float = 0.0
    """Seconds since 1970 of the newest row."""
    first: float = 0.0
    requests: float = 0.0
    output_tokens: float = 0.0
    extraction: float = 0.0
    rule: str = ""
    """The first of the rules of extraction that held (`models/evidence/extraction_rules.py`); empty where none did."""
    question: str = ""
    """What limits `extraction` to a question (`models/evidence/questions.py`); empty where nothing does."""
    routing: float = 0.0
    handed_over: float = 0.0
    """1: the account came to its program after hours of work in another one, so its key may be used by others than its owner."""
    families: dict[str, float] = msgspec.field(default_factory=dict)
    """Nats by family; unknown families are left out."""
    counted: dict[str, float] = msgspec.field(default_factory=dict)
    """What each family adds to `extraction`, in nats, where a trained model judged; empty where the families are added up."""
    population: float = 0.0
    """About how many accounts there are in all; 0: unknown."""
    payment: str = ""
    organization: str = ""
    router: str = ""
    template: str = ""


NATS_PARTS: Final = 10_000
"""Parts of a nat: rows of evidence are rounded to as many (`streams/cases/evidence_state.py`)."""


def _add(sums: dict[str, int], row: Known, times: int) -> None:
    for name, nats in row.families.items():
        sums[name] = sums.get(name, 0) + times * round(nats * NATS_PARTS)


class Member(Known, kw_only=True):
    """An account as one of its groups shows it."""


class Entity(Known, kw_only=True):
    """An account or a group, with its suspect members."""

    entity_kind: str
    entity_id: str
    accounts: float = 1.0
    common: float = 0.0
    """1: the group is public, and is ignored as a link."""
    false_alerts: float | None = None
    """Of 10,000 ordinary entities, how many a day are expected to show as much; None until calibration has seen enough."""
    features: dict[str, float] = msgspec.field(default_factory=dict)
    nats: dict[str, float] = msgspec.field(default_factory=dict)
    usual: dict[str, list[float]] = msgspec.field(default_factory=dict)
    """Lower and upper end of the usual range by feature."""
    members: dict[str, Member] = msgspec.field(default_factory=dict)
    own_time: float = msgspec.field(name="heard", default=0.0)
    """Time of the newest row about the entity itself."""
    family_sums: dict[str, int] | None = None
    """By family the nats of all members, in parts of NATS_PARTS: whole numbers, so that adding and taking away leave nothing behind.
    None: not added up yet."""

    def put(self, account: str, member: Member) -> None:
        """Put a member's newest row in the place of the one before."""
        before = self.members.get(account)
        self.members[account] = member
        if self.family_sums is not None:
            _add(self.family_sums, member, 1)
            if before is not None:
                _add(self.family_sums, before, -1)

    def drop(self, account: str) -> bool:
        """Remove a member; return whether there was one."""
        self.family_sums = None
        return self.members.pop(account, None) is not None

    def family_means(self) -> dict[str, float]:
        """Return the mean nats of the members by family; a member counts 0 where a family is unknown."""
        if self.family_sums is None:
            self.family_sums = {}
            for member in self.members.values():
                _add(self.family_sums, member, 1)
        parts = NATS_PARTS * len(self.members)
        return {name: round(total / parts, 2) for name, total in self.family_sums.items()}

    @property
    def key(self) -> str:
        """Return `kind:id`."""
        return entity_key(self.entity_kind, self.entity_id)
