"""Evidence: what is known of an entity above the evidence floor, and of its members, as blocks of `evidence` bring it."""

from __future__ import annotations

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

    @property
    def key(self) -> str:
        """Return `kind:id`."""
        return entity_key(self.entity_kind, self.entity_id)
