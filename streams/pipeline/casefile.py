"""What a case says in words: who, why, what speaks against it, what it would cost to be wrong, and what to do next.

Nothing here decides anything; it puts the numbers of a case into sentences that a person can check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.evidence import SPOKEN

_PLAIN_PURPOSE = 3.0
"""Nats of content from which work that looks like a harness or a batch is asking for more than that."""

ATLAS = {
    "extraction": ["AML.T0024.002", "AML.T0040", "AML.T0005.001", "AML.CS0056"],
    "routing": ["AML.T0008.005", "AML.T0012"],
}
"""MITRE ATLAS 5.6 techniques and case studies by behaviour (atlas.mitre.org)."""

_FAMILY_WORDS = {
    "content": "asks for what a student model is trained on",
    "evenness": "the load is spread over its accounts as a dispatcher would",
    "cohort": "its accounts were created together",
    "payment": "one card pays for several organisations",
    "timing": "its timing is that of a machine",
    "volume": "it uses far more than others",
    "parameters": "its request parameters are those of a pipeline",
    "client": "many clients show through single accounts",
    "network": "its network addresses rotate",
    "change": "it has changed abruptly against its own past",
}

_KIND_WORDS = {
    "account": "account",
    "router": "accounts behind one router fingerprint",
    "payment": "accounts on one payment method",
    "template": "accounts that use one prompt template",
    "behaviour": "accounts with one behaviour profile",
}


def false_alerts_per_day(found: float) -> float:
    """Return how many such alerts a day 10,000 ordinary entities are expected to give, were its nats exactly log-odds: e^-nats each."""
    return float(10_000 * 2.718281828459045**-found)


def link(entity: Mapping[str, Any]) -> str:
    """Say what links the members of an entity."""
    return f"{_KIND_WORDS[entity['entity_kind']]} ({entity['entity_id']})"


def explain(entity: Mapping[str, Any], behaviour: str) -> dict[str, Any]:
    """Return an alert's payload: a summary, evidence by family, the features that speak loudest, and what speaks against it."""
    families = _families(entity)
    return {
        "summary": summary(entity, behaviour, families),
        "families": families,
        "features": top_features(entity),
        "counter_evidence": counter_evidence(entity, families),
        "atlas": ATLAS[behaviour],
    }


def _families(entity: Mapping[str, Any]) -> dict[str, float]:
    """Return an entity's nats by family: its own, or the mean over its members where they are what is alerted."""
    members = [member["families"] for member in entity["members"].values()]
    if entity["entity_kind"] == "account" or not members:
        return dict(entity["families"])
    names = dict.fromkeys(name for member in members for name in member)
    return {name: round(sum(member.get(name, 0.0) for member in members) / len(members), 2) for name in names}


def summary(entity: Mapping[str, Any], behaviour: str, families: Mapping[str, float]) -> str:
    """Return one sentence: who, and the three families that speak loudest."""
    loudest = sorted((name for name, nats in families.items() if nats >= 1.0), key=lambda name: -families[name])[:3]
    reasons = "; ".join(_FAMILY_WORDS[name] for name in loudest) or "no single family stands out"
    if entity["entity_kind"] == "account":
        who = f"Account {entity['entity_id']}"
    else:
        who = f"{len(entity['members']) or int(entity['accounts'])} {_KIND_WORDS[entity['entity_kind']]}"
    verb = "look like distillation" if behaviour == "extraction" else "look like a router or reseller"
    return f"{who} {verb.replace('look', 'looks', 1) if entity['entity_kind'] == 'account' else verb}: {reasons}."


def top_features(entity: Mapping[str, Any], most: int = 6) -> list[dict[str, Any]]:
    """Return the features with the most nats: name, value, the population's usual range where known, nats."""
    ranked = sorted(entity["nats"], key=lambda name: -entity["nats"][name])[:most]
    return [
        {"feature": name, "value": entity["features"].get(name), "usual": entity["usual"].get(name), "nats": entity["nats"][name]}
        for name in ranked
        if entity["nats"][name] > 0
    ]


def counter_evidence(entity: Mapping[str, Any], families: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return for each benign persona whether it would explain this too, and why."""
    members = list(entity["members"].values()) or [entity]
    organizations = {member["organization"] for member in members}
    cards = {member["payment"] for member in members}
    one_payer = len(organizations) == 1 and len(cards) == 1
    alone = entity["entity_kind"] == "account"
    content = families.get("content", 0.0)
    evenness, timing = families.get("evenness", 0.0), families.get("timing", 0.0)
    payers = "one organisation and one card" if one_payer else f"{len(organizations)} organisations, {len(cards)} cards"
    asks = f"content speaks with {content:.1f} nats"
    checks = [
        ("enterprise gateway", one_payer and not alone, payers),
        ("evaluation harness", alone and evenness <= 0 and content < _PLAIN_PURPOSE, asks),
        ("batch job", alone and timing >= SPOKEN and content < _PLAIN_PURPOSE, f"timing speaks with {timing:.1f} nats, {asks}"),
        ("class, hackathon or first day at a company", evenness < 1, f"people's loads differ; evenness speaks with {evenness:.1f} nats"),
        ("reseller of ordinary users", content < SPOKEN, asks),
    ]
    return [{"persona": persona, "fits": bool(fits), "because": because} for persona, fits, because in checks]


def case_row(case: Mapping[str, Any], entities: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a case as a row of the cases table; the payload holds the whole case file."""
    strongest = max(entities, key=lambda entity: (len(entity["members"]), entity[case["behaviour"]]))
    explained = explain(strongest, case["behaviour"])
    members = case["members"]
    requests = sum(member["requests"] for member in members.values()) or strongest["requests"]
    tokens = sum(member["output_tokens"] for member in members.values()) or strongest["output_tokens"]
    accounts = len(members) or int(strongest["accounts"])
    payload = explained | {
        "entities": case["keys"],
        "links": case["links"],
        "members": members,
        "leak": {"requests": requests, "output_tokens": tokens},
        "if_wrong": if_wrong(accounts, requests),
        "next_step": next_step(case["behaviour"], accounts),
        "label": case.get("label"),
    }
    return {
        "case_id": case["case_id"],
        "version": case["version"],
        "opened_at": case["opened_at"],
        "updated_at": case["updated_at"],
        "state": case["state"],
        "behaviour": case["behaviour"],
        "title": explained["summary"],
        "accounts": accounts,
        "requests": requests,
        "output_tokens": tokens,
        "extraction": max([member["extraction"] for member in members.values()] or [strongest["extraction"]]),
        "routing": strongest["routing"],
        "muted": False,
        "payload": payload,
    }


def if_wrong(accounts: int, requests: float) -> str:
    """Say what acting on the case would cost if it were wrong."""
    customers = "one customer" if accounts == 1 else f"{accounts} customers"
    return f"{customers} with {requests:,.0f} requests would be limited without cause: begin with a step that can be taken back."


def next_step(behaviour: str, accounts: int) -> str:
    """Name the step of the enforcement ladder to consider first; a person takes it."""
    if behaviour == "routing":
        return "L1: cap the router's rate as a whole, and ask the account holders about their contract. Do not call their users distillers."
    if accounts == 1:
        return "L1: ask the account's manager about its purpose; cap its rate while you wait."
    return "L1: cap the group's rate and step up verification of its members; then L2, hide reasoning and log-probabilities from it."
