"""Who belongs to a case: its members, those who left, and the handed-over accounts whose holders are to be warned.

Only accounts whose rows are new are looked at again; all of them when a threshold, a link or a permission has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, get_args

import msgspec

from models.evidence.links import CASE_LINKS
from streams.cases.caseload import Caseload
from streams.cases.policy import Policy
from streams.cases.suspects import Suspects
from streams.schema.cases import CaseMember, CaseState, Served, Tier
from streams.schema.evidence import Entity, Known
from streams.schema.names import BEHAVIOURS, alert_name

_TOTALS: Final = ("requests", "output_tokens", "extraction", "routing", "first", *CASE_LINKS)
"""What a case keeps of each account."""


class Membership:
    """Which accounts' rows changed since each case was last counted, and the suspects of each tier."""

    def __init__(self, policy: Policy, caseload: Caseload) -> None:
        """Start without changes. policy: thresholds, and permitted parties. caseload: the cases."""
        self.suspects: dict[Tier, Suspects] = {tier: Suspects(policy, tier) for tier in get_args(Tier)}
        self.changed: dict[str, dict[str, None]] = {}
        """The accounts with new rows, by case."""
        self._caseload = caseload
        self._bases: dict[str, object] = {}

    def note_changes(self, touched: Mapping[str, Iterable[str]]) -> None:
        """Note which accounts' rows are new, by entity: neither suspects nor members of cases are counted from the beginning."""
        for key, accounts in touched.items():
            for suspects in self.suspects.values():
                suspects.changed(key, accounts)
            for behaviour in BEHAVIOURS:
                if case := self._caseload.of(alert_name(behaviour, key)):
                    self.changed.setdefault(case.case_id, {}).update(dict.fromkeys(accounts))

    def recount(self) -> None:
        """Count suspects and members of cases from the beginning when they are next asked for."""
        for suspects in self.suspects.values():
            suspects.forget()
        self._bases.clear()
        self.changed.clear()

    def update(self, case: CaseState, entities: Sequence[Entity]) -> None:
        """Update members and leavers: those whose rows are new, or all when a threshold, a link or a permission has changed."""
        suspects = [(entity, self._accounts_of(entity, case)) for entity in sorted(entities, key=lambda entity: entity.time)]
        threshold_nats = self.suspects[case.tier].threshold_nats
        basis = (case.muted, list(case.excluded), sorted((entity.key, threshold_nats(entity), bool(rows)) for entity, rows in suspects))
        moved = self.changed.pop(case.case_id, {})
        contested: set[str] = set()
        if self._bases.get(case.case_id) != basis:
            self._bases[case.case_id] = basis
            moved = dict.fromkeys(account for _, rows in suspects for account in rows) | dict.fromkeys((*case.members, *case.owners))
            contested = self._caseload.contested(case)
        present: dict[str, Known] = {}
        joins: dict[str, CaseMember] = {}
        handed_over: dict[str, None] = {}
        for entity, known in suspects:
            for account in known if len(known) < len(moved) else moved:
                if account in known and account in moved:
                    row = known[account]
                    joins.setdefault(account, _new_member(row, entity.time))
                    present[account] = max(present.get(account, row), row, key=_most_requests)
                    if row.handed_over:
                        handed_over[account] = None
        for account, row in present.items():
            side, other = (case.owners, case.members) if account in handed_over else (case.members, case.owners)
            joins[account] = other.pop(account, joins[account])
            if self._may_belong(account, case, side, contested):
                side[account] = _brought_up_to_date(side.get(account, joins[account]), row)
                moved.pop(account)
        for account in moved:
            case.leave(account)

    def _may_belong(self, account: str, case: CaseState, side: Mapping[str, CaseMember], contested: Collection[str]) -> bool:
        """Return whether an account with evidence belongs to a side of a case: not if it is excluded.

        It does not join the members while it is one of another open case, nor stay where two have come to have it. side: the case's
        members, or its owners to be warned. contested: members of another case, too.
        """
        if account in case.excluded:
            return False
        if side is case.owners:
            return True
        known = case.members.get(account)
        joins = known is None or known.left_at is not None or account in contested
        return not (joins and self._caseload.is_elsewhere(account, case))

    def _accounts_of(self, entity: Entity, case: CaseState) -> Mapping[str, Known]:
        """Return the accounts by which an entity belongs to a case, and those of it whose owners are to be warned."""
        if case.behaviour == "routing":
            return {entity.entity_id: entity} if entity.entity_kind == "account" else {}
        free, permitted = self.suspects[case.tier].of(entity)
        owners = self.suspects[case.tier].owners(entity)
        return permitted if case.muted else {**free, **owners} if owners else free


def _most_requests(row: Known) -> tuple[float, float]:
    """Rank an account's rows in several entities: the one with the most requests is used, of equals the one with the most evidence."""
    return row.requests, row.extraction


def _new_member(member: Known, at: float) -> CaseMember:
    """Return a case's record of an account that joins `at` (seconds since 1970): totals up to then, and no leaving time."""
    return CaseMember(at, None, Served(member.requests, member.output_tokens))


def _brought_up_to_date(kept: CaseMember, member: Known) -> CaseMember:
    """Return a case's record of an account that is a member, with its present totals; the same object where none of them changed."""
    now = {name: _figure(getattr(member, name)) for name in _TOTALS}
    if kept.left_at is None and all(getattr(kept, name) == value for name, value in now.items()):
        return kept
    return msgspec.structs.replace(kept, left_at=None, **now)


def _figure(value: float | str) -> float | str:
    return round(value, 3) if isinstance(value, float) else value
