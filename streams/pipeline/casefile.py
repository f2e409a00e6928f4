"""What a case says in words: who, why, what speaks against it, what it would cost to be wrong, and what to do next.

Nothing here decides anything; it puts the numbers of a case into sentences that a person can check.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from streams.feature import features
from streams.pipeline.personas import Facts, consider
from streams.policy import Policy

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

_LOUD = 1.0
"""Nats from which a family is named in a summary."""


def false_alerts_per_day(found: float) -> float:
    """Return how many such alerts a day 10,000 ordinary entities are expected to give, were its nats exactly log-odds: e^-nats each."""
    return 10_000 * math.exp(-found)


def link(entity: Mapping[str, Any]) -> str:
    """Say what links the members of an entity."""
    return f"{_KIND_WORDS[entity['entity_kind']]} ({entity['entity_id']})"


def explain(entity: Mapping[str, Any], behaviour: str) -> dict[str, Any]:
    """Return an alert's payload: a summary, evidence by family, the features that speak loudest, and what speaks against it."""
    found = families(entity)
    members = list(entity["members"].values()) or [entity]
    facts = Facts(
        alone=entity["entity_kind"] == "account",
        organizations=len({member["organization"] for member in members}),
        cards=len({member["payment"] for member in members}),
        families=found,
        features=entity["features"],
    )
    return {
        "summary": summary(entity, behaviour, found),
        "families": found,
        "features": top_features(entity),
        "counter_evidence": consider(facts),
        "atlas": ATLAS[behaviour],
    }


def families(entity: Mapping[str, Any]) -> dict[str, float]:
    """Return an entity's nats by family: its own, or the mean over its suspect members where they are what is alerted."""
    members = [member["families"] for member in entity["members"].values()]
    if entity["entity_kind"] == "account" or not members:
        return dict(entity["families"])
    names = dict.fromkeys(name for member in members for name in member)
    return {name: round(sum(member.get(name, 0.0) for member in members) / len(members), 2) for name in names}


def summary(entity: Mapping[str, Any], behaviour: str, found: Mapping[str, float]) -> str:
    """Return one sentence: who, and the three families that speak loudest."""
    loudest = sorted((name for name, nats in found.items() if nats >= _LOUD), key=lambda name: -found[name])[:3]
    reasons = "; ".join(_FAMILY_WORDS[name] for name in loudest) or "no single family stands out"
    what = "like distillation" if behaviour == "extraction" else "like a router or reseller"
    if entity["entity_kind"] == "account":
        return f"Account {entity['entity_id']} looks {what}: {reasons}."
    return f"{len(entity['members']) or int(entity['accounts'])} {_KIND_WORDS[entity['entity_kind']]} look {what}: {reasons}."


def top_features(entity: Mapping[str, Any], most: int = 6) -> list[dict[str, Any]]:
    """Return the features with the most nats: name, value, the population's usual range where known, nats, and a sentence."""
    ranked = sorted((name for name, nats in entity["nats"].items() if nats > 0), key=lambda name: -entity["nats"][name])[:most]
    return [_feature(name, entity) for name in ranked]


def _feature(name: str, entity: Mapping[str, Any]) -> dict[str, Any]:
    value, usual, nats = entity["features"].get(name), entity["usual"].get(name), entity["nats"][name]
    others = f", where most accounts have {usual[0]:.2g} to {usual[1]:.2g}" if usual else ""
    sentence = f"{_meanings().get(name, name)} {value:.3g}{others} ({nats:+.1f} nats)" if value is not None else name
    return {"feature": name, "value": value, "usual": usual, "nats": nats, "sentence": sentence}


@cache
def _meanings() -> dict[str, str]:
    """Return the first sentence of every feature's docstring, as the start of a statement about its value."""
    known = (*features("account"), *features("group"))
    return {feature.name(): f"{(feature.__doc__ or feature.name()).strip().splitlines()[0].rstrip('.')}:" for feature in known}


def case_row(
    case: Mapping[str, Any], entities: Sequence[Mapping[str, Any]], strongest: Mapping[str, Any], policy: Policy
) -> dict[str, Any]:
    """Return a case as a row of the cases table; the payload holds the whole case file, so that the row is enough to show it."""
    explained = explain(strongest, case["behaviour"])
    members = case["members"]
    requests = sum(member["requests"] for member in members.values()) or strongest["requests"]
    tokens = sum(member["output_tokens"] for member in members.values()) or strongest["output_tokens"]
    accounts = len(members) or int(strongest["accounts"])
    payload = explained | {
        "entities": [
            {"entity": f"{entity['entity_kind']}:{entity['entity_id']}", "extraction": entity["extraction"]} for entity in entities
        ],
        "links": case["links"],
        "members": members,
        "leak": {"requests": requests, "output_tokens": tokens},
        "if_wrong": if_wrong(accounts, requests),
        "next_step": next_step(case["behaviour"], accounts),
        "terms": policy.terms(case["behaviour"]),
        "threshold": asdict(policy.thresholds[case["behaviour"]]),
        "merged_into": case.get("merged_into"),
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
        "muted": case.get("muted", False),
        "payload": payload,
    }


def if_wrong(accounts: int, requests: float) -> str:
    """Say what acting on the case would cost if it were wrong."""
    customers = "one customer" if accounts == 1 else f"{accounts} customers"
    return f"{customers} with {requests:,.0f} requests would be limited without cause: begin with a step that can be taken back."


def next_step(behaviour: str, accounts: int) -> str:
    """Name the step of the enforcement ladder to consider first; a person takes it."""
    if behaviour == "routing":
        return "L1: cap the router's rate, and ask the account holders about their contract. Do not call their users distillers."
    if accounts == 1:
        return "L1: ask the account's manager about its purpose; cap its rate while you wait."
    return "L1: cap the group's rate and step up verification of its members; then L2, hide reasoning and log-probabilities from it."
