"""The cases themselves: opened, joined, merged, and taken apart again when a person says so.

A case is a plain dictionary, because it is stored and sent as one. Its `links` are its evidence for being one case: each names an entity,
since when it belongs, why, and what weighed how much. Nothing of a merge is lost: the other case keeps its record, closed, and can be
opened again.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from models.evidence import links
from streams.cases import case_file, linking
from streams.cases.linking import Entities, Relation

Case = dict[str, Any]
_MOST_NEAR = 5


def keys(case: Mapping[str, Any]) -> list[str]:
    """Return the keys (`kind:id`) of a case's entities."""
    return [key(link["entity"]) for link in case["links"]]


def key(entity: str) -> str:
    """Return `kind:id` of `behaviour:kind:id`."""
    return entity.partition(":")[2]


def leaving(case: Mapping[str, Any], entity: str) -> list[dict[str, Any]]:
    """Return the links that go when an alerted entity (with its behaviour or without), or a case that was merged in, is taken out."""
    return [link for link in case["links"] if entity in (link["entity"], key(link["entity"]), link["from_case"])]


class Caseload:
    """All cases by id, and which one each alerted entity belongs to."""

    def __init__(self) -> None:
        """Start without cases."""
        self.cases: dict[str, Case] = {}
        self._home: dict[str, str] = {}

    def load(self, cases: dict[str, Case]) -> None:
        """Take over stored cases."""
        self.cases = cases
        self._home = {link["entity"]: case_id for case_id, case in cases.items() if case["state"] != "merged" for link in case["links"]}

    def of(self, entity: str) -> Case | None:
        """Return the case that an entity (`behaviour:kind:id`) belongs to, open or not."""
        return self.cases.get(self._home.get(entity, ""))

    def place(self, entity: str, entities: Entities) -> tuple[Case, list[Case]]:
        """Return the open case of an alerted entity, its own, one that it belongs to, or a new one; and the cases merged into it."""
        own = self.of(entity)
        found = self._related(entity, entities, own)
        joined = [other for other, relation in found if relation.joined]
        if own is not None and own["state"] == "open":
            joined.append(own)
        case = min(joined, key=lambda each: (each["opened_at"], each["case_id"])) if joined else self._open(entity, entities, own)
        merged = [other for other in joined if other is not case and case["case_id"] not in other["apart"]]
        weighed = {other["case_id"]: relation for other, relation in found}
        for other in merged:
            self._merge(case, other, weighed.get(other["case_id"]) or self._between(case, other, entities), entities[key(entity)]["time"])
        if all(link["entity"] != entity for link in case["links"]):
            self._join(case, entity, weighed.get(case["case_id"]), entities, entities[key(entity)]["time"])
        case["near"] = [_near(other, relation) for other, relation in found if not relation.joined][:_MOST_NEAR]
        return case, merged

    def split(self, case_id: str, entity: str, entities: Entities, at: float) -> list[Case]:
        """Take an entity, or a case that was merged in, out of a case, for good; return what changed, nothing when it is not in there."""
        case = self.cases.get(case_id)
        going = leaving(case, entity) if case else []
        if case is None or not going or len(going) == len(case["links"]):
            return []
        other = self.cases.get(entity) or self._make(going[0]["entity"], at, going[0]["since"])
        case["links"] = [link for link in case["links"] if link not in going]
        case["merges"] = [merge for merge in case["merges"] if merge["case_id"] != entity]
        other |= {"state": "open", "merged_into": None, "links": [{**link, "from_case": None} for link in going]}
        case["apart"], other["apart"] = sorted({*case["apart"], other["case_id"]}), sorted({*other["apart"], case_id})
        for link in going:
            self._home[link["entity"]] = other["case_id"]
        everyone = dict(case["members"])
        for each in (case, other):
            theirs = linking.accounts_of(entities, keys(each), each["behaviour"])
            each["members"] = {account: dict(member) for account, member in everyone.items() if account in theirs}
        return [case, other]

    def _related(self, entity: str, entities: Entities, own: Case | None) -> list[tuple[Case, Relation]]:
        """Return the other open cases that an entity has much in common with, the nearest first."""
        behaviour = entity.partition(":")[0]
        mine = linking.accounts_of(entities, [key(entity)], behaviour)
        found = []
        for other in self.cases.values():
            if other is own or other["state"] != "open" or other["behaviour"] != behaviour:
                continue
            theirs = linking.accounts_of(entities, keys(other), behaviour)
            relation = _relation(entities, mine, theirs, behaviour)
            apart = own is not None and other["case_id"] in own["apart"]
            if not apart and (relation.joined or relation.nats >= linking.NEAR):
                found.append((other, relation))
        return sorted(found, key=lambda pair: (-pair[1].nats, pair[0]["case_id"]))

    def _between(self, case: Case, other: Case, entities: Entities) -> Relation:
        sides = [linking.accounts_of(entities, keys(each), case["behaviour"]) for each in (case, other)]
        return _relation(entities, sides[0], sides[1], case["behaviour"])

    def _open(self, entity: str, entities: Entities, before: Case | None) -> Case:
        time = entities[key(entity)]["time"]
        case = self._make(entity, time, time)
        case["earlier"] = before["case_id"] if before else None
        return case

    def _make(self, entity: str, time: float, since: float) -> Case:
        name = blake2b(f"{entity} {time:.3f} {since:.3f}".encode(), digest_size=6).hexdigest()
        case: Case = {"case_id": f"case-{name}", "version": 0, "opened_at": since, "updated_at": since, "state": "open"}
        case |= {"behaviour": entity.partition(":")[0], "links": [], "merges": [], "members": {}, "apart": [], "near": []}
        case |= {"merged_into": None, "earlier": None, "muted": False}
        self.cases[case["case_id"]] = case
        return case

    def _join(self, case: Case, entity: str, relation: Relation | None, entities: Entities, since: float) -> None:
        link = {"entity": entity, "since": since, "why": case_file.link(entities[key(entity)]), "from_case": None}
        case["links"].append(link | (relation.row() if relation else {}))
        self._home[entity] = case["case_id"]

    def _merge(self, case: Case, other: Case, relation: Relation, at: float) -> None:
        """Take another case's entities over; it stays on record, closed, and says where it went."""
        case["merges"].append({"case_id": other["case_id"], "at": at, **relation.row()})
        for link in other["links"]:
            case["links"].append({**link, "from_case": other["case_id"]})
            self._home[link["entity"]] = case["case_id"]
        for account, member in other["members"].items():
            known = case["members"].setdefault(account, dict(member))
            known["joined_at"] = min(known["joined_at"], member["joined_at"])
        case["apart"] = sorted({*case["apart"], *other["apart"]})
        other["state"], other["merged_into"] = "merged", case["case_id"]


def _relation(entities: Entities, mine: linking.Accounts, theirs: linking.Accounts, behaviour: str) -> Relation:
    if behaviour == "routing":
        return Relation(0.0, 0.0, (), links.JOIN_THRESHOLD_NATS, joined=bool(mine.keys() & theirs.keys()) or linking.channel(mine, theirs))
    return linking.relation(entities, mine, theirs)


def _near(other: Case, relation: Relation) -> dict[str, Any]:
    return {"case_id": other["case_id"], **relation.row()}
