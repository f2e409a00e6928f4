"""What a case says in words: who, why, what speaks against it, what it would cost to be wrong, and what to do next.

Nothing here decides anything; it puts the numbers of a case into sentences that a person can check.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from streams.cases import response_steps
from streams.cases.benign_hypotheses import Facts, consider
from streams.cases.phrasing import top_features
from streams.cases.policy import Policy

ATLAS = {
    "extraction": ["AML.T0024.002", "AML.T0040", "AML.T0005.001", "AML.CS0056"],
    "routing": ["AML.T0008.005", "AML.T0012"],
}
"""MITRE ATLAS 5.6 techniques and case studies by behaviour (atlas.mitre.org)."""
_ATLAS_GROUP = "AML.T0021"
"""Establish accounts: many accounts under one hand."""
_ATLAS_ROUTED = "AML.T0008.005"
"""AI service proxies: a campaign that comes through a relay."""

_FAMILY_WORDS = {
    "content": "what it asks for is what a student model is trained on",
    "evenness": "the load is spread over its accounts as a dispatcher would",
    "cohort": "its accounts were created together",
    "payment": "single cards pay for several organisations",
    "link": "those who pay share what strangers rarely share",
    "timing": "its timing is that of a machine",
    "volume": "it uses far more than others",
    "parameters": "its request parameters are those of a pipeline",
    "client": "many clients show through single accounts",
    "network": "its network addresses rotate",
    "change": "it has changed abruptly against its own past",
}
_ALONE_WORDS = {"cohort": "it is younger than most", "payment": "its card pays for other organisations too"}
"""What a family says of one account, where that is not what it says of a group."""

_KIND_WORDS = {
    "account": "account",
    "router": "accounts behind one router fingerprint",
    "payment": "accounts on one payment method",
    "template": "accounts that use one prompt template",
    "behaviour": "accounts with one behaviour profile",
}

_LOUD = 1.0
"""Nats from which a family is named in a summary."""
_CHANNEL_FAMILIES = ("client", "network", "payment", "evenness")
"""Families that say something about a channel; the others stay out of its summary."""
MOST_MEMBERS = 10_000
"""Members that a case's record lists, the strongest first: a record must fit into one Kafka message."""


def false_alerts_per_day(found: float, calibrated: float | None = None) -> float:
    """Return how many such alerts a day 10,000 ordinary entities are expected to give: as calibrated, else as if nats were log-odds."""
    return 10_000 * math.exp(-found) if calibrated is None else calibrated


def telling(behaviour: str) -> Collection[str] | None:
    """Return the families whose features say something about a behaviour; None: all of them."""
    return None if behaviour == "extraction" else _CHANNEL_FAMILIES


def link(entity: Mapping[str, Any]) -> str:
    """Say what links the members of an entity."""
    return f"{_KIND_WORDS[entity['entity_kind']]} ({entity['entity_id']})"


def joining(member: Mapping[str, Any], at: float) -> dict[str, Any]:
    """Return what a case keeps of an account from the moment that it joins."""
    return {"joined_at": at, "left_at": None, "before": {name: member[name] for name in ("requests", "output_tokens")}}


def standing(member: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a case says of an account now."""
    names = ("requests", "output_tokens", "extraction", "routing", "first", "payment", "organization", "router", "template")
    return {name: round(member[name], 3) if isinstance(member[name], float) else member[name] for name in names}


def alert_row(alert_id: str, alert: Mapping[str, Any], entity: Mapping[str, Any], behaviour: str) -> dict[str, Any]:
    """Return an alert as a row of the alerts table."""
    payload = explain(entity, behaviour, facts_of(entity, behaviour), alert["size"])
    return {
        "alert_id": alert_id,
        "time": alert["time"],
        "state": alert["state"],
        "behaviour": behaviour,
        "entity_kind": entity["entity_kind"],
        "entity_id": entity["entity_id"],
        "case_id": alert["case_id"],
        "evidence": round(alert["evidence"], 3),
        "false_alerts_per_day": false_alerts_per_day(alert["evidence"], entity.get("false_alerts")),
        "summary": payload["summary"],
        "payload": payload,
    }


def explain(entity: Mapping[str, Any], behaviour: str, facts: Facts, accounts: int) -> dict[str, Any]:
    """Return a summary, evidence by family, the features that speak loudest, and what speaks against it."""
    return {
        "summary": summary(entity, behaviour, facts.families, accounts),
        "families": dict(facts.families),
        "features": top_features(entity, telling(behaviour)),
        "counter_evidence": consider(facts),
        "atlas": _atlas(behaviour, facts),
    }


def facts_of(entity: Mapping[str, Any], behaviour: str, members: Sequence[Mapping[str, Any]] = (), permitted: str = "") -> Facts:
    """Return what the personas are asked about an entity, and about the accounts of its case if they are more."""
    alone = entity["entity_kind"] == "account"
    suspects = entity["members"].values() if behaviour == "extraction" else ()  # of a channel, those are some of its customers only
    accounts = list(members) or list(suspects) or ([entity] if alone else [])
    return Facts(
        alone=alone and len(accounts) == 1,
        accounts=len(accounts) or int(entity["accounts"]),
        organizations=_payers(entity, accounts, "organization"),
        cards=_payers(entity, accounts, "payment"),
        families=families(entity) if behaviour == "extraction" else dict(entity["families"]),
        features=entity["features"],
        routing=entity["routing"],
        permitted=permitted,
    )


def _payers(entity: Mapping[str, Any], accounts: Sequence[Mapping[str, Any]], name: str) -> int:
    """Return how many organisations or cards pay; of a group whose members are not listed only whether it is one (else 0)."""
    return len({account[name] for account in accounts}) if accounts else int(bool(entity[name]))


def families(entity: Mapping[str, Any]) -> dict[str, float]:
    """Return an entity's nats by family: its own, or the mean over its suspect members where they are what is alerted."""
    members = [member["families"] for member in entity["members"].values()]
    if entity["entity_kind"] == "account" or not members:
        return dict(entity["families"])
    names = dict.fromkeys(name for member in members for name in member)
    return {name: round(sum(member.get(name, 0.0) for member in members) / len(members), 2) for name in names}


def summary(entity: Mapping[str, Any], behaviour: str, found: Mapping[str, float], accounts: int) -> str:
    """Return one sentence: who, and the three families that speak loudest. accounts: how many, of a group."""
    alone = entity["entity_kind"] == "account"
    words = _FAMILY_WORDS | (_ALONE_WORDS if alone else {})
    spoken = [name for name, nats in found.items() if nats >= _LOUD and (behaviour == "extraction" or name in _CHANNEL_FAMILIES)]
    reasons = "; ".join(words[name] for name in sorted(spoken, key=lambda name: -found[name])[:3]) or "no single family stands out"
    what = "distillation" if behaviour == "extraction" else "a router or reseller"
    if alone:
        return f"Account {entity['entity_id']} looks like {what}: {reasons}."
    return f"{accounts or int(entity['accounts']):,} {_KIND_WORDS[entity['entity_kind']]} look like {what}: {reasons}."


def case_row(
    case: Mapping[str, Any], entities: Sequence[Mapping[str, Any]], strongest: Mapping[str, Any], policy: Policy
) -> dict[str, Any]:
    """Return a case as a row of the cases table; the payload holds the whole case file, so that the row is enough to show it."""
    members, behaviour, muted = case["members"], case["behaviour"], case["muted"]
    suspects = members if behaviour == "extraction" or strongest["entity_kind"] == "account" else {}
    facts = facts_of(strongest, behaviour, list(suspects.values()), _permitted(case, strongest, policy))
    leak = _leak(suspects, strongest)
    accounts = len(suspects) or int(strongest["accounts"])
    explained = explain(strongest, behaviour, facts, accounts)
    doubts = sum(bool(check["fits"]) for check in explained["counter_evidence"])
    payload = explained | {
        "entities": [
            {"entity": f"{each['entity_kind']}:{each['entity_id']}", "extraction": each["extraction"], "routing": each["routing"]}
            for each in entities
        ],
        **{name: case[name] for name in ("links", "merges", "near", "apart", "merged_into", "earlier")},
        **_listed(members, behaviour),
        "users_not_listed": max(accounts - len(members), 0) if behaviour == "routing" else 0,
        "leak": leak,
        "if_wrong": if_wrong(accounts, leak["requests"]),
        "ladder": (suggested := response_steps.step(behaviour, accounts, explained["families"], muted=muted, doubts=doubts)),
        "next_step": f"{suggested['step']}: {suggested['why']}.",
        "terms": policy.terms(behaviour),
        "threshold": asdict(policy.threshold(behaviour, case["updated_at"])),
        "permission": _permission(strongest, members, policy),
        "label": case.get("label"),
        "decided": case.get("decided", []),
    }
    return {
        "case_id": case["case_id"],
        "version": case["version"],
        "opened_at": case["opened_at"],
        "updated_at": case["updated_at"],
        "state": "open" if case["state"] == "open" else "resolved",
        "behaviour": behaviour,
        "title": explained["summary"],
        "accounts": accounts,
        "requests": leak["requests"],
        "output_tokens": leak["output_tokens"],
        "extraction": max([member["extraction"] for member in members.values()] or [strongest["extraction"]]),
        "routing": strongest["routing"],
        "muted": muted,
        "payload": payload,
    }


def if_wrong(accounts: int, requests: float) -> str:
    """Say what acting on the case would cost if it were wrong."""
    customers = "one customer" if accounts == 1 else f"{accounts:,} customers"
    return f"{customers} with {requests:,.0f} requests would be limited without cause: begin with a step that can be taken back."


def _atlas(behaviour: str, facts: Facts) -> list[str]:
    more = [_ATLAS_GROUP] if facts.accounts > 1 and facts.nats("cohort") >= _LOUD else []
    more += (
        [_ATLAS_ROUTED] if behaviour == "extraction" and facts.nats("network") + facts.nats("client") >= _LOUD and not facts.alone else []
    )
    return [*ATLAS[behaviour], *more]


def _leak(members: Mapping[str, Mapping[str, Any]], strongest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the accounts have been served, an upper bound of what was harvested: their ordinary use is in it."""
    rows = list(members.values()) or [strongest]
    served = {name: sum(row[name] for row in rows) for name in ("requests", "output_tokens")}
    before = {f"{name}_before_alert": sum(row["before"][name] for row in members.values()) for name in served}
    return served | before | {"estimate": "upper bound: whatever the accounts asked for themselves is counted too"}


def _listed(members: Mapping[str, Mapping[str, Any]], behaviour: str) -> dict[str, Any]:
    ranked = sorted(members, key=lambda account: (-members[account].get(behaviour, 0.0), account))[:MOST_MEMBERS]
    return {"members": {account: dict(members[account]) for account in ranked}, "members_left_out": len(members) - len(ranked)}


def _permission(strongest: Mapping[str, Any], members: Mapping[str, Mapping[str, Any]], policy: Policy) -> dict[str, Any] | None:
    """Return the permission of the first account that has one."""
    kind, name, at = strongest["entity_kind"], strongest["entity_id"], strongest["time"]
    router = name if kind == "router" else strongest["router"]
    candidates = [(name, strongest["organization"], router), *((each, row["organization"], row["router"]) for each, row in members.items())]
    found = (policy.permission(account, organization, behind, at) for account, organization, behind in candidates)
    permission = next((each for each in found if each is not None), None)
    return asdict(permission) if permission else None


def _permitted(case: Mapping[str, Any], strongest: Mapping[str, Any], policy: Policy) -> str:
    found = _permission(strongest, case["members"], policy)
    return f"permitted by {found['owner']}: {found['reason']}" if found else ""
