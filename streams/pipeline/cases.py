"""The cases stage: entities over the bar become alerts, alerts that share members become one case, and a person decides.

evidence block -> entities and members -> alerts (open, update, resolve) -> cases
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import zstandard

from models.evidence import FAMILIES
from streams import blocks, labels, topics
from streams.blocks import Block
from streams.feature import DAY
from streams.pipeline import casefile, history, triage
from streams.pipeline.stage import Message
from streams.policy import Permission, Policy

LEAST_ALERTED = 3
"""Members over the bar from which a group's evidence counts against any of them."""
SAME_MEMBERS = 0.5
"""Share of the smaller of two cases' members that must be in both for the cases to be one."""
UPDATE_PAUSE = 600.0
GROWTH = 1.1
MUCH_GROWTH = 1.3
DISMISSED_STEP = 3.0
"""Nats more than when a person dismissed it at which an alert comes back (or twice the members)."""
QUIET = 3 * DAY
"""A case with nothing new for this long, in event time, is resolved."""
_CHUNKS = 64
_FORMAT = 1


class Cases:
    """All open cases. Its input has one partition: entities above the evidence floor are few."""

    def __init__(self, policy: Policy | None = None) -> None:
        """Start empty, with the bars, terms and permitted parties of `policy` (unset: those beside the code, and nobody permitted)."""
        self.policy = policy or Policy.load()
        self.entities: dict[str, dict[str, Any]] = {}
        self.cases: dict[str, dict[str, Any]] = {}
        self.alerts: dict[str, dict[str, Any]] = {}
        self.labels: dict[str, dict[str, Any]] = {}
        self._case_of: dict[str, str] = {}
        self._triage = triage.taught(())
        self._merged: list[dict[str, Any]] = []
        self._now = -np.inf
        self._offset = -1
        self._dirty: dict[str, int] = {}
        self._cold = 0
        self._counts = {"evidence_rows": 0.0, "alerts": 0.0, "cases": 0.0}

    # -- the stage contract

    def apply(self, value: bytes, offset: int) -> list[Message]:
        """Take over the states of a block of `evidence` and return new alerts and cases. Raises BlockLayoutError first."""
        block = blocks.decode(value, blocks.EVIDENCE)
        self._offset = offset
        touched = dict.fromkeys(self._take(block))
        self._counts["evidence_rows"] += len(block)
        messages = [message for key in touched for message in self._judge(key)]
        return messages + self._resolve_quiet()

    def apply_second(self, value: bytes, offset: int) -> list[Message]:  # noqa: ARG002 (labels are states: their offsets count nothing)
        """Take over what an analyst decided. Raises MalformedEventError before anything changed when it is no label."""
        label = labels.parse(value)
        case = self.cases.get(label["entity_id"]) if label["entity_kind"] == "case" else None
        known = self.labels.get(label["label_id"])
        families = casefile.families(self._strongest(case)) if case else (known or {}).get("families", {})
        self.labels[label["label_id"]] = label | {"families": families}
        self._triage = triage.taught(self.labels.values())
        self._touch(label["label_id"])
        if case is None or case["state"] == "merged":
            return []
        case["label"] = label
        if label["verdict"] == "benign" and case["state"] == "open":
            return self._close(case, "dismissed")
        return self._publish(case)

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks to write, with the offset that first changed each."""
        return dict(self._dirty)

    def dump(self, chunk: str) -> bytes:
        """Return one chunk as bytes; it is clean afterwards."""
        self._dirty.pop(chunk, None)
        held = {name: {key: row for key, row in getattr(self, name).items() if _chunk(key) == chunk} for name in _HELD}
        return zstandard.compress(orjson.dumps({"format": _FORMAT, **held}, option=orjson.OPT_SERIALIZE_NUMPY), 1)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Take over stored chunks. Unreadable ones are counted."""
        for _, data in chunks:
            try:
                held = orjson.loads(zstandard.decompress(data))
                readable = held["format"] == _FORMAT
            except (zstandard.ZstdError, ValueError, KeyError, TypeError):
                readable = False
            if not readable:
                self._cold += 1
                continue
            for name in _HELD:
                getattr(self, name).update(held[name])
        self._triage = triage.taught(self.labels.values())
        self._case_of = {entity: case_id for case_id, case in self.cases.items() for entity in case["entities"]}
        self._now = max((case["updated_at"] for case in self.cases.values()), default=-np.inf)

    def counters(self) -> Mapping[str, float]:
        """Return what was counted since the stage was made."""
        opened = sum(case["state"] == "open" for case in self.cases.values())
        return {**self._counts, "open_cases": opened, "cold_chunks": self._cold}

    # -- states

    def _take(self, block: Block) -> list[str]:
        rows = _rows(block)
        for row in rows:
            self._now = max(self._now, row["time"])
            key = f"{row['entity_kind']}:{row['entity_id']}"
            entity = self.entities.setdefault(key, _new_entity(row))
            account = row.pop("account_id")
            if account is None:
                entity.update(row)
            else:
                entity["members"][account] = {name: row[name] for name in _MEMBER}
            self._touch(key)
        return [f"{row['entity_kind']}:{row['entity_id']}" for row in rows]

    def _touch(self, key: str) -> None:
        self._dirty.setdefault(_chunk(key), self._offset)

    # -- alerts

    def _judge(self, key: str) -> list[Message]:
        entity = self.entities[key]
        messages = []
        over, permitted = self._over(entity)
        if over or permitted:
            strongest = max(member["extraction"] for member in (over or permitted).values())
            messages += self._alert(key, "extraction", strongest, muted=not over)
        if entity["routing"] >= self.policy.bar("routing") and entity["entity_kind"] in _CHANNELS and not entity["common"]:
            muted = self._permission(entity["entity_id"], entity) is not None
            messages += self._alert(key, "routing", entity["routing"], muted=muted)
        return messages

    def _over(self, entity: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
        """Return the accounts over the bar that count against each other, and those that are permitted, both by account."""
        alone = entity["entity_kind"] == "account"
        candidates = {entity["entity_id"]: entity} if alone else entity["members"]
        over = {account: row for account, row in candidates.items() if row["extraction"] >= self.policy.bar("extraction")}
        permitted = {account: row for account, row in over.items() if self._permission(account, row)}
        free = {account: row for account, row in over.items() if account not in permitted}
        least = 1 if alone else LEAST_ALERTED
        return (free if len(free) >= least else {}), (permitted if len(permitted) >= least else {})

    def _permission(self, account: str, row: Mapping[str, Any]) -> Permission | None:
        router = row["entity_id"] if row.get("entity_kind") == "router" else row["router"]
        return self.policy.permission(account, row["organization"], router, row["time"])

    def _alert(self, key: str, behaviour: str, found: float, *, muted: bool) -> list[Message]:
        alert_id = f"{behaviour}:{key}"
        alert = self.alerts.get(alert_id)
        entity = self.entities[key]
        over, _ = self._over(entity)
        requests = sum(member["requests"] for member in over.values()) or entity["requests"]
        if alert and not _news(alert, entity["time"], found, len(over), requests):
            return []
        alive = alert is not None and alert["state"] in ("open", "update")
        case = self._case(key, behaviour)
        case["muted"] = case.get("muted", True) and muted
        opened = alert["opened_at"] if alert and alive else entity["time"]
        state = "update" if alive else "open"
        kept = {"state": state, "opened_at": opened, "time": entity["time"], "muted": muted, "case_id": case["case_id"]}
        self.alerts[alert_id] = kept | {"evidence": found, "size": len(over), "requests": requests}
        self._touch(alert_id)
        self._counts["alerts"] += state == "open" and not muted
        merged = [message for other in self._merged for message in self._publish(other)]
        self._merged.clear()
        return [*self._tell(alert_id), *merged, *self._publish(case)]

    def _tell(self, alert_id: str) -> list[Message]:
        """Return the alert as a message; what is muted is told to nobody."""
        alert = self.alerts[alert_id]
        if alert["muted"]:
            return []
        behaviour, _, key = alert_id.partition(":")
        entity = self.entities[key]
        payload = casefile.explain(entity, behaviour)
        message = {
            "alert_id": alert_id,
            "time": alert["time"],
            "state": alert["state"],
            "behaviour": behaviour,
            "entity_kind": entity["entity_kind"],
            "entity_id": entity["entity_id"],
            "case_id": alert["case_id"],
            "evidence": round(alert["evidence"], 3),
            "false_alerts_per_day": casefile.false_alerts_per_day(alert["evidence"]),
            "summary": payload["summary"],
            "payload": payload,
        }
        return [_json(topics.ALERTS, alert_id, message)]

    # -- cases

    def _case(self, key: str, behaviour: str) -> dict[str, Any]:
        """Return the case of an entity: its own, merged with those that share its members, or a new one."""
        entity = f"{behaviour}:{key}"
        case = self.cases.get(self._case_of.get(entity, ""))
        sharing = [other for other in self._sharing(key, behaviour) if other is not case]
        if case is not None and case["state"] == "open":
            sharing.append(case)
        case = min(sharing, key=lambda other: (other["opened_at"], other["case_id"])) if sharing else self._open(key, behaviour)
        for other in sharing:
            if other is not case:
                self._merge(case, other)
        if entity not in case["entities"]:
            self._join(case, entity, casefile.link(self.entities[key]), self.entities[key]["time"])
        return case

    def _join(self, case: dict[str, Any], entity: str, why: str, since: float) -> None:
        case["entities"].append(entity)
        case["keys"].append(entity.partition(":")[2])
        case["links"].append({"entity": entity, "since": since, "why": why})
        self._case_of[entity] = case["case_id"]

    def _merge(self, case: dict[str, Any], other: dict[str, Any]) -> None:
        """Take another case's entities over; it stays on record, closed, and says where it went."""
        for link in other["links"]:
            if link["entity"] not in case["entities"]:
                self._join(case, link["entity"], link["why"], link["since"])
        for account, member in other["members"].items():
            known = case["members"].setdefault(account, member)
            known["joined_at"] = min(known["joined_at"], member["joined_at"])
        other["state"], other["merged_into"] = "merged", case["case_id"]
        self._merged.append(other)

    def _sharing(self, key: str, behaviour: str) -> list[dict[str, Any]]:
        """Return the open cases that an entity belongs to: they share suspects, or half of one side has the other's link."""
        alive = [case for case in self.cases.values() if case["state"] == "open" and case["behaviour"] == behaviour]
        return [case for case in alive if any(self._linked(key, other, behaviour) for other in case["keys"])]

    def _linked(self, key: str, other: str, behaviour: str) -> bool:
        mine, theirs = self._suspects(key, behaviour), self._suspects(other, behaviour)
        if behaviour == "routing":
            return bool(mine & theirs)
        shares = (_overlap(mine, theirs), self._has_link(key, other), self._has_link(other, key))
        return max(shares) >= SAME_MEMBERS

    def _has_link(self, key: str, other: str) -> float:
        """Return the share of an entity's members whose router, card or template is the other entity."""
        kind, _, name = other.partition(":")
        members = list(self.entities[key]["members"].values()) or [self.entities[key]]
        return float(np.mean([member.get(kind) == name for member in members]))

    def _suspects(self, key: str, behaviour: str) -> set[str]:
        entity = self.entities[key]
        if behaviour == "routing" or entity["entity_kind"] == "account":
            return {entity["entity_id"]}
        return set(entity["members"])

    def _open(self, key: str, behaviour: str) -> dict[str, Any]:
        time = self.entities[key]["time"]
        name = blake2b(f"{behaviour} {key} {time:.3f}".encode(), digest_size=6).hexdigest()
        case: dict[str, Any] = {"case_id": f"case-{name}", "version": 0, "opened_at": time, "state": "open", "behaviour": behaviour}
        case |= {"keys": [], "entities": [], "links": [], "members": {}, "updated_at": time}
        self.cases[case["case_id"]] = case
        self._counts["cases"] += 1
        return case

    def _publish(self, case: dict[str, Any]) -> list[Message]:
        entities = [self.entities[key] for key in case["keys"]]
        case["updated_at"] = max([case["updated_at"], *(entity["time"] for entity in entities)])
        case["version"] += 1
        for entity in entities:
            for account, member in self._over(entity)[0].items():
                joined = case["members"].setdefault(account, {"joined_at": entity["time"]})
                joined.update({name: member[name] for name in ("requests", "output_tokens", "extraction", "first")})
        self._touch(case["case_id"])
        row = casefile.case_row(case, entities, self._strongest(case), self.policy)
        row["payload"]["triage"] = triage.opinion(self._triage, row["payload"]["families"])
        case["history"] = history.extended(case.get("history", []), row)
        row["payload"]["history"] = case["history"]
        return [_json(topics.CASES, case["case_id"], row)]

    def _strongest(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entity that says most about a case: the one with the most alerted members, then the most evidence."""
        entities = [self.entities[key] for key in case["keys"]]
        return max(entities, key=lambda entity: (len(self._over(entity)[0]), entity[case["behaviour"]], entity["entity_id"]))

    def _resolve_quiet(self) -> list[Message]:
        quiet = [case for case in self.cases.values() if case["state"] == "open" and self._now - case["updated_at"] > QUIET]
        return [message for case in quiet for message in self._close(case, "resolved")]

    def _close(self, case: dict[str, Any], why: str) -> list[Message]:
        """Resolve a case and its alerts: `resolved`, nothing new, or `dismissed`, a person said so, and it takes more to come back."""
        case["state"] = "resolved"
        messages = []
        for alert_id in case["entities"]:
            self.alerts[alert_id]["state"] = "resolved"
            messages += self._tell(alert_id)
            self.alerts[alert_id]["state"] = why
            self._touch(alert_id)
        return [*messages, *self._publish(case)]


def _overlap(mine: AbstractSet[str], theirs: AbstractSet[str]) -> float:
    """Return the share of the smaller set that is in both."""
    smaller = min(len(mine), len(theirs))
    return len(mine & theirs) / smaller if smaller else 0.0


def _news(alert: Mapping[str, Any], time: float, found: float, size: int, requests: float) -> bool:
    """Say whether an alert is worth telling again: a while has passed and it has grown, or it has grown so much that no while matters.

    (Old events read in a hurry do not move the clock.) One that a person dismissed comes back only with much more evidence or members.
    """
    if alert["state"] == "dismissed":
        return bool(found >= alert["evidence"] + DISMISSED_STEP or size >= 2 * alert["size"] + LEAST_ALERTED)
    growth = max((size - 1) / max(alert["size"], 1), requests / max(alert["requests"], 1.0))
    waited = time - alert["time"] >= UPDATE_PAUSE
    return bool(growth >= MUCH_GROWTH or (waited and (growth >= GROWTH or abs(found - alert["evidence"]) >= 1.0)))


_CHANNELS = ("account", "router")
"""What can be a router or reseller: a shared card or template is no channel."""
_HELD = ("entities", "cases", "alerts", "labels")
_MEMBER = (
    "time",
    "first",
    "requests",
    "output_tokens",
    "extraction",
    "routing",
    "families",
    "payment",
    "organization",
    "router",
    "template",
)
_PLAIN = ("time", "accounts", "common", "requests", "output_tokens", "first", "extraction", "routing")
_LINKS = ("payment", "organization", "router", "template")


def _new_entity(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "extraction": 0.0, "routing": 0.0, "features": {}, "nats": {}, "usual": {}, "members": {}}


def _rows(block: Block) -> list[dict[str, Any]]:
    """Return a block's rows as plain values; unknown numbers are left out of the maps."""
    plain = {name: block.numbers(name).tolist() for name in _PLAIN}
    plain |= {name: [f"{value:016x}" if value else "" for value in block.hashes(name).tolist()] for name in _LINKS}
    plain |= {name: block.texts(name) for name in ("entity_kind", "entity_id", "account_id")}
    names = block.names("features")
    maps = {name: [_named(names, row) for row in block.vectors(name).tolist()] for name in ("features", "nats", "usual_low", "usual_high")}
    families = [_named(FAMILIES, row) for row in block.vectors("families").tolist()]
    return [
        {name: values[row] for name, values in plain.items()}
        | {"families": families[row], "features": maps["features"][row], "nats": maps["nats"][row]}
        | {"usual": {name: [low, maps["usual_high"][row][name]] for name, low in maps["usual_low"][row].items()}}
        for row in range(len(block))
    ]


def _named(names: Iterable[str], values: Iterable[float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in zip(names, values, strict=True) if value == value}  # noqa: PLR0124 (NaN is unknown)


def _chunk(key: str) -> str:
    return f"cases/{zlib.crc32(key.encode()) % _CHUNKS}"


def _json(topic: str, key: str, message: Mapping[str, Any]) -> Message:
    return Message(topic, 0, orjson.dumps(message), key.encode())
