"""The cases themselves: opened, joined, merged, and taken apart again when a person says so.

The `links` of a case are its evidence for being one case: each names an entity, since when it belongs, why, and what weighed how much.
Nothing of a merge is lost: the other case keeps its record, closed, and can be opened again.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from hashlib import blake2b

import msgspec

from models.evidence import links
from streams.cases import case_file, linking
from streams.cases.linking import Entities, Relation
from streams.schema.cases import AlertName, Behaviour, CaseState, Link

_MOST_NEAR = 5


def leaving(links: Iterable[Link], entity: str) -> list[Link]:
    """Return the links that go when an alerted entity (with its behaviour or without), or a case that was merged in, is taken out."""
    return [link for link in links if entity in (link.entity, AlertName.parse(link.entity).key, link.from_case)]


class Caseload:
    """All cases by id, and which one each alerted entity belongs to."""

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

    def place(self, entity: str, entities: Entities) -> tuple[CaseState, list[CaseState]]:
        """Return the open case of an alerted entity, its own, one that it belongs to, or a new one; and the cases merged into it."""
        own, at = self.of(entity), entities[AlertName.parse(entity).key].time
        found = self._related(entity, entities, own)
        joined = [other for other, relation in found if relation.joined]
        if own is not None and own.state == "open":
            joined.append(own)
        case = min(joined, key=lambda each: (each.opened_at, each.case_id)) if joined else self._open(entity, entities, own)
        merged = [other for other in joined if other is not case and case.case_id not in other.apart]
        weighed = {other.case_id: relation for other, relation in found}
        for other in merged:
            self._merge(case, other, weighed.get(other.case_id) or self._between(case, other, entities), at)
        if all(link.entity != entity for link in case.links):
            self._join(case, entity, weighed.get(case.case_id), entities, at)
        case.near = [relation.near(other.case_id) for other, relation in found if not relation.joined][:_MOST_NEAR]
        return case, merged

    def split(self, case_id: str, entity: str, entities: Entities, at: float) -> list[CaseState]:
        """Take an entity, or a case that was merged in, out of a case, for good; return what changed, nothing when it is not in there."""
        case = self.cases.get(case_id)
        going = leaving(case.links, entity) if case else []
        if case is None or not going or len(going) == len(case.links):
            return []
        other = self.cases.get(entity) or self._make(going[0].entity, at, going[0].since)
        case.links = [link for link in case.links if link not in going]
        case.merges = [merge for merge in case.merges if merge.case_id != entity]
        other.state, other.merged_into = "open", None
        other.links = [msgspec.structs.replace(link, from_case=None) for link in going]
        case.apart, other.apart = sorted({*case.apart, other.case_id}), sorted({*other.apart, case_id})
        for link in going:
            self._home[link.entity] = other.case_id
        everyone = dict(case.members)
        for each in (case, other):
            theirs = linking.accounts_of(entities, each.keys, each.behaviour)
            each.members = {account: copy(member) for account, member in everyone.items() if account in theirs}
        return [case, other]

    def _related(self, entity: str, entities: Entities, own: CaseState | None) -> list[tuple[CaseState, Relation]]:
        """Return the other open cases that an entity has much in common with, the nearest first."""
        behaviour, key = AlertName.parse(entity)
        mine = linking.accounts_of(entities, [key], behaviour)
        found = []
        for other in self.cases.values():
            if other is own or other.state != "open" or other.behaviour != behaviour:
                continue
            theirs = linking.accounts_of(entities, other.keys, behaviour)
            relation = _relation(entities, mine, theirs, behaviour)
            apart = own is not None and other.case_id in own.apart
            if not apart and (relation.joined or relation.nats >= linking.NEAR):
                found.append((other, relation))
        return sorted(found, key=lambda pair: (-pair[1].nats, pair[0].case_id))

    def _between(self, case: CaseState, other: CaseState, entities: Entities) -> Relation:
        sides = [linking.accounts_of(entities, each.keys, case.behaviour) for each in (case, other)]
        return _relation(entities, sides[0], sides[1], case.behaviour)

    def _open(self, entity: str, entities: Entities, before: CaseState | None) -> CaseState:
        time = entities[AlertName.parse(entity).key].time
        case = self._make(entity, time, time)
        case.earlier = before.case_id if before else None
        return case

    def _make(self, entity: str, time: float, since: float) -> CaseState:
        name = blake2b(f"{entity} {time:.3f} {since:.3f}".encode(), digest_size=6).hexdigest()
        case = CaseState(f"case-{name}", since, since, AlertName.parse(entity).behaviour)
        self.cases[case.case_id] = case
        return case

    def _join(self, case: CaseState, entity: str, relation: Relation | None, entities: Entities, since: float) -> None:
        why = case_file.link(entities[AlertName.parse(entity).key])
        case.links.append(relation.link(entity, since, why) if relation else Link(entity, since, why, None))
        self._home[entity] = case.case_id

    def _merge(self, case: CaseState, other: CaseState, relation: Relation, at: float) -> None:
        """Take another case's entities over; it stays on record, closed, and says where it went."""
        case.merges.append(relation.merge(other.case_id, at))
        for link in other.links:
            case.links.append(msgspec.structs.replace(link, from_case=other.case_id))
            self._home[link.entity] = case.case_id
        for account, member in other.members.items():
            known = case.members.setdefault(account, copy(member))
            known.joined_at = min(known.joined_at, member.joined_at)
        case.apart = sorted({*case.apart, *other.apart})
        other.state, other.merged_into = "merged", case.case_id


def _relation(entities: Entities, mine: linking.Accounts, theirs: linking.Accounts, behaviour: Behaviour) -> Relation:
    if behaviour == "routing":
        return Relation(0.0, 0.0, (), links.JOIN_THRESHOLD_NATS, joined=bool(mine.keys() & theirs.keys()) or linking.channel(mine, theirs))
    return linking.relation(entities, mine, theirs)
