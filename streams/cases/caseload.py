"""All cases: opened, joined, merged, and split again when a person decides so.

The `links` of a case are the evidence that it is one case: each names an entity, since when it belongs, why, and each weight.
A merge loses nothing: the other case keeps its record, closed, and can be opened again.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from models.evidence import links
from streams.cases import explanation, linking
from streams.cases.linking import Entities, Relation
from streams.cases.splitting import links_to_remove, named
from streams.schema.cases import CaseState, Link, Tier
from streams.schema.names import AlertName, Behaviour

_MAX_NEAR_CASES = 5


class Caseload:
    """All cases by id, and the case of each alerted entity."""

    def __init__(self) -> None:
        """Start without cases."""
        self.cases: dict[str, CaseState] = {}
        self._home: dict[str, str] = {}

    def load(self, cases: dict[str, CaseState]) -> None:
        """Take over stored cases."""
        self.cases = cases
        self._home = {link.entity: case_id for case_id, case in cases.items() if case.state != "merged" for link in case.links}

    def of(self, entity: str) -> CaseState | None:
        """Return the case that an entity (`behaviour:kind:id`) belongs to, open or not."""
        return self.cases.get(self._home.get(entity, ""))

    def assign(self, entity: str, entities: Entities, tier: Tier = "alert") -> tuple[CaseState, list[CaseState]]:
        """Return the open case of an alerted entity (its own, a related one, or a new one) and the cases merged into it.

        An account that is alerted alone leaves the case of a question that is about others too: what it shows is no evidence about them.
        """
        own, at = self.of(entity), entities[AlertName.parse(entity).key].time
        related = self._related(entity, entities, own, tier)
        joined = [other for other, relation in related if relation.joined]
        if own is not None and own.state == "open":
            if (tier, own.tier) == ("alert", "ask") and _is_account(entity) and len(own.links) > 1:
                own.links = [link for link in own.links if link.entity != entity]
            else:
                joined.append(own)
        case = min(joined, key=lambda candidate: (candidate.opened_at, candidate.case_id)) if joined else self._open(entity, entities, own)
        merged = [other for other in joined if other is not case and case.case_id not in other.apart]
        weighed = {other.case_id: relation for other, relation in related}
        for other in merged:
            self._merge(case, other, weighed.get(other.case_id) or self._between(case, other, entities), at)
        if all(link.entity != entity for link in case.links):
            self._join(case, entity, weighed.get(case.case_id), entities, at)
        case.near = [relation.near(other.case_id) for other, relation in related if not relation.joined][:_MAX_NEAR_CASES]
        return case, merged

    def split(self, case_id: str, entity: str, entities: Entities, at: float) -> list[CaseState]:
        """Split an entity, or a merged case, off a case for good, with its accounts.

        Accounts on both sides move too. If that would empty the case, they stay.
        Returns the changed cases: none when the entity is not in the case, or when a side would have no account.
        """
        case = self.cases.get(case_id)
        removed = links_to_remove(case.links, entity) if case else []
        if case is None or not removed or len(removed) == len(case.links):
            return []
        moving, staying = self._sides(case, removed, entities)
        if case.behaviour == "extraction" and not (moving and staying):
            return []
        other = self.cases.get(entity) or self._make(removed[0].entity, at, removed[0].since)
        case.links = [link for link in case.links if link not in removed]
        case.merges = [merge for merge in case.merges if merge.case_id != entity]
        other.state, other.merged_into = "open", None
        other.links = [msgspec.structs.replace(link, from_case=None) for link in removed]
        other.hold = case.hold
        case.apart, other.apart = sorted({*case.apart, other.case_id}), sorted({*other.apart, case_id})
        for link in removed:
            self._home[link.entity] = other.case_id
        known_members = dict(case.members)
        for side, accounts in ((case, staying), (other, moving)):
            side.members = {account: member for account, member in known_members.items() if account in accounts}
        other.owners = dict(case.owners)  # the next version keeps those of its own links
        return [case, other]

    @staticmethod
    def _sides(case: CaseState, removed: list[Link], entities: Entities) -> tuple[set[str], set[str]]:
        """Return the accounts that move with the removed links, and those that stay."""
        kept = [AlertName.parse(link.entity).key for link in case.links if link not in removed]
        taken = [AlertName.parse(link.entity).key for link in removed]
        staying, moving = (set(linking.accounts_of(entities, keys, case.behaviour)) & case.members.keys() for keys in (kept, taken))
        return (moving, staying - moving) if staying - moving else (moving - staying, staying)

    def join(self, case_id: str, other_id: str, entities: Entities, at: float) -> list[CaseState]:
        """Merge another open case into a case because a person says so, even if they were split before; return the changed cases."""
        case, other = self.cases.get(case_id), self.cases.get(other_id)
        if case is None or other is None or case is other or {case.state, other.state} != {"open"} or case.behaviour != other.behaviour:
            return []
        for one, two in ((case, other), (other, case)):
            one.apart = [name for name in one.apart if name != two.case_id]
        self._merge(case, other, self._between(case, other, entities), at)
        return [case, other]

    def is_elsewhere(self, account: str, case: CaseState) -> bool:
        """Return whether an account is a present member of another open case of the same behaviour: it belongs to one at a time.

        An open question does not keep an account out of an alert's case.
        """
        same = (other for other in self.cases.values() if (other.state, other.behaviour) == ("open", case.behaviour) and other is not case)
        others = (other for other in same if other.tier == "alert" or case.tier == "ask")
        return any((member := other.members.get(account)) is not None and member.left_at is None for other in others)

    def contested(self, case: CaseState) -> set[str]:
        """Return the accounts of a case that may be present members of another open one of its tier, too.

        Two cases come to have an account when a question becomes an alert, or when a person joins cases.
        """
        kind = ("open", case.behaviour, case.tier)
        others = [other for other in self.cases.values() if (other.state, other.behaviour, other.tier) == kind and other is not case]
        return set[str]().union(*(case.members.keys() & other.members.keys() for other in others))

    def alerted(self, accounts: Iterable[str]) -> int:
        """Return how many of these accounts are present members of an open case of extraction that is an alert, and about a group."""
        alerts = [case for case in self.cases.values() if (case.state, case.behaviour, case.tier) == ("open", "extraction", "alert")]
        members = [case.members for case in alerts if not all(_is_account(link.entity) for link in case.links)]
        return sum(any((one := known.get(account)) is not None and one.left_at is None for known in members) for account in accounts)

    def unlink(self, case: CaseState, key: str) -> None:
        """Remove the links of an entity (`kind:id`) from a case, as if it had never belonged to it."""
        for link in case.links:
            if AlertName.parse(link.entity).key == key and self._home.get(link.entity) == case.case_id:
                del self._home[link.entity]
        case.links = [link for link in case.links if AlertName.parse(link.entity).key != key]

    def remove(self, case_id: str) -> None:
        """Remove a case as a whole."""
        for link in self.cases.pop(case_id).links:
            if self._home.get(link.entity) == case_id:
                del self._home[link.entity]

    def _related(self, entity: str, entities: Entities, own: CaseState | None, tier: Tier) -> list[tuple[CaseState, Relation]]:
        """Return the other open cases of a tier that are related to an entity, and each relation, the most evidence first."""
        behaviour, key = AlertName.parse(entity)
        own_accounts = linking.accounts_of(entities, [key], behaviour)
        related = []
        for other in self.cases.values():
            same_kind = (other.behaviour, other.tier) == (behaviour, tier)
            if other is own or other.state != "open" or not same_kind or key.removeprefix("account:") in other.excluded:
                continue
            other_accounts = linking.accounts_of(entities, other.keys, behaviour)
            relation = _relation(entities, own_accounts, other_accounts, behaviour)
            apart = own is not None and other.case_id in own.apart
            if not apart and (relation.joined or relation.nats >= linking.NEAR_THRESHOLD_NATS):
                related.append((other, relation))
        return sorted(related, key=lambda pair: (-pair[1].nats, pair[0].case_id))

    def _between(self, case: CaseState, other: CaseState, entities: Entities) -> Relation:
        sides = [linking.accounts_of(entities, side.keys, case.behaviour) for side in (case, other)]
        return _relation(entities, sides[0], sides[1], case.behaviour)

    def _open(self, entity: str, entities: Entities, before: CaseState | None) -> CaseState:
        time = entities[AlertName.parse(entity).key].time
        case = self._make(entity, time, time)
        case.earlier = before.case_id if before else None
        return case

    def _make(self, entity: str, time: float, since: float) -> CaseState:
        case = CaseState(named(entity, time, since), since, since, AlertName.parse(entity).behaviour)
        self.cases[case.case_id] = case
        return case

    def _join(self, case: CaseState, entity: str, relation: Relation | None, entities: Entities, since: float) -> None:
        why = explanation.link(entities[AlertName.parse(entity).key])
        case.links.append(relation.link(entity, since, why) if relation else Link(entity, since, why, None))
        self._home[entity] = case.case_id

    def _merge(self, case: CaseState, other: CaseState, relation: Relation, at: float) -> None:
        """Move another case's entities into this one; the other stays on record, closed, and names the case it was merged into."""
        case.merges.append(relation.merge(other.case_id, at))
        for link in other.links:
            case.links.append(msgspec.structs.replace(link, from_case=other.case_id))
            self._home[link.entity] = case.case_id
        for kept, moved in ((case.members, other.members), (case.owners, other.owners)):
            for account, member in moved.items():
                known = kept.setdefault(account, member)
                if member.joined_at < known.joined_at:
                    kept[account] = msgspec.structs.replace(known, joined_at=member.joined_at)
        case.apart = sorted({*case.apart, *other.apart})
        case.excluded = sorted({*case.excluded, *other.excluded})
        for account in case.excluded:
            case.remove(account)
        case.hold = case.hold or other.hold
        other.state, other.merged_into = "merged", case.case_id


def _is_account(entity: str) -> bool:
    """Return whether an alerted entity (`behaviour:kind:id`) is an account by itself."""
    return AlertName.parse(entity).key.startswith("account:")


def _relation(entities: Entities, left: linking.Accounts, right: linking.Accounts, behaviour: Behaviour) -> Relation:
    if behaviour == "routing":
        return Relation(0.0, 0.0, (), links.JOIN_THRESHOLD_NATS, joined=bool(left.keys() & right.keys()) or linking.channel(left, right))
    return linking.relation(entities, left, right)
