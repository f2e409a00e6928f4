"""Which accounts of each entity are over the threshold of a tier (alert, ask). Only accounts that a block changed are judged again.

An account that was handed over is in no alert, whatever its evidence: others may use its key. It is kept apart, for its owner to be warned.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from models.evidence import calibration, weighing
from streams.cases.policy import Policy
from streams.schema.cases import Permission, Tier
from streams.schema.evidence import Entity, Known


@dataclass
class _Over:
    """The accounts of one entity over a threshold, and what has changed since they were looked at."""

    threshold_nats: float
    handed_over_threshold_nats: float
    """Evidence from which the owner of an account that was handed over is to be warned."""
    free: dict[str, Known] = field(default_factory=dict)
    permitted: dict[str, Known] = field(default_factory=dict)
    owners: dict[str, Known] = field(default_factory=dict)
    """Accounts that were handed over."""


class Suspects:
    """The accounts over the threshold by entity (`kind:id`), free ones and permitted ones."""

    def __init__(self, policy: Policy, tier: Tier = "alert") -> None:
        """Start without any. policy: thresholds, and permitted parties."""
        self._policy = policy
        self._asks = tier == "ask"
        self._threshold_name = "ask" if tier == "ask" else "extraction"
        self._over: dict[str, _Over] = {}
        self._changed: dict[str, dict[str, None]] = {}

    def changed(self, key: str, accounts: Iterable[str]) -> None:
        """Note that the rows of these accounts of an entity are new."""
        self._changed.setdefault(key, {}).update(dict.fromkeys(accounts))

    def forget(self) -> None:
        """Look at everything again: accounts were removed, or the state was loaded."""
        self._over.clear()
        self._changed.clear()

    def threshold_nats(self, entity: Entity) -> float:
        """Return the evidence from which an entity's accounts are in the tier; infinite where calibration calls it usual."""
        threshold = self._policy.threshold_nats(self._threshold_name, entity.time)
        if entity.entity_kind != "account" or entity.false_alerts is None:
            return threshold
        # calibrated: alert whatever is rare among ordinary accounts, and nothing else
        return min(threshold, weighing.ALONE_ALERT_THRESHOLD_NATS) if entity.false_alerts <= calibration.FALSE_ALERTS_PER_DAY else math.inf

    def of(self, entity: Entity) -> tuple[Mapping[str, Known], Mapping[str, Known]]:
        """Return the accounts over the threshold, and those over it that are permitted, both by id.

        Accounts that were handed over count for a question, never for an alert.
        """
        alone, key, threshold = entity.entity_kind == "account", entity.key, self.threshold_nats(entity)
        changed = self._changed.pop(key, None)
        if entity.common and not alone:
            self._over.pop(key, None)  # it may be less common one day
            return {}, {}
        over = self._over.get(key)
        if alone or over is None or over.threshold_nats != threshold:
            over = self._over[key] = _Over(threshold, threshold if alone else min(threshold, weighing.SUSPECT_NATS))
            rows: Mapping[str, Known] = {entity.entity_id: entity} if alone else entity.members
            for account, row in rows.items():
                self._sort(over, account, row)
        else:
            for account in changed or ():
                self._sort(over, account, entity.members.get(account))
        least = 1 if alone else weighing.MIN_SUSPECT_MEMBERS
        free = {**over.free, **over.owners} if self._asks and over.owners else over.free
        return (free if len(free) >= least else {}), (over.permitted if len(over.permitted) >= least else {})

    def owners(self, entity: Entity) -> Mapping[str, Known]:
        """Return the suspect accounts of an entity that were handed over, by id: others may use their keys."""
        self.of(entity)
        over = self._over.get(entity.key)
        return over.owners if over else {}

    def permission(self, account: str, row: Known) -> Permission | None:
        """Return the permission of an account, by its own name, its organisation or its router."""
        router = row.entity_id if isinstance(row, Entity) and row.entity_kind == "router" else row.router
        return self._policy.permission(account, row.organization, router, row.time)

    def _sort(self, over: _Over, account: str, row: Known | None) -> None:
        """Put an account where it belongs."""
        chosen = None
        if row is not None and row.extraction >= (over.handed_over_threshold_nats if row.handed_over else over.threshold_nats):
            apart = over.owners if row.handed_over else over.free
            chosen = over.permitted if row.extraction >= over.threshold_nats and self.permission(account, row) else apart
        for rows in (over.free, over.permitted, over.owners):
            if rows is chosen and row is not None:
                rows[account] = row
            else:
                rows.pop(account, None)
