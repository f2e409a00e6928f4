"""The response steps L0 to L5: which to consider first. Nothing here acts; from L3 on a person signs, and two families are needed."""

from __future__ import annotations

from collections.abc import Sequence

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.schema.cases import Hypothesis, ResponseStep

STEPS = {
    "L0": "Observe: nothing changes for the accounts.",
    "L1": "Cap the rate of the whole group, not of one account, and step up verification.",
    "L2": "Reduce what is worth harvesting: hide or summarise reasoning, no log-probabilities, one answer a request.",
    "L3": "Suspend keys, with notice and appeal. A person signs.",
    "L4": "Ban the group and watch for successors. A person signs.",
    "L5": "Refer to legal. A person signs.",
}
MIN_CLUSTER_ACCOUNTS = 10
"""Accounts from which a case is a cluster: capping and hiding are then justified at once."""


def step(
    behaviour: str, accounts: int, families: dict[str, float], checks: Sequence[Hypothesis] = (), *, muted: bool, asks: bool = False
) -> ResponseStep:
    """Return the step to consider first, and why. muted: no alert is sent. asks: it is a question, not an alert.

    checks: the answers of the benign hypotheses.
    """
    name, why = _choose(behaviour, accounts, families, checks, muted=muted, asks=asks)
    families_as_evidence = sorted(family for family, nats in families.items() if nats >= MIN_EVIDENCE_NATS)
    return ResponseStep(name, STEPS[name], why, families_as_evidence, "from L3 on: a person, and two families at least")


def _choose(
    behaviour: str, accounts: int, families: dict[str, float], checks: Sequence[Hypothesis], *, muted: bool, asks: bool
) -> tuple[str, str]:
    if muted:
        return "L0", "the accounts are permitted parties: they are scored, alerts are muted; ask the owner of the permission if it grows"
    if asks:
        return "L0", question(checks)
    if behaviour == "routing":
        return "L1", _channel_reason(families)
    doubts = sum(bool(check.fits) for check in checks)
    if doubts:
        fitting = "one benign explanation fits" if doubts == 1 else f"{doubts} benign explanations fit"
        return "L0", f"{fitting}: ask the accounts' manager first"
    return _by_size(accounts)


def question(checks: Sequence[Hypothesis]) -> str:
    """Return why logs alone cannot decide, by the explanations that fit, else those that no number can refute, and what to ask.

    >>> question([Hypothesis(hypothesis="hackathon", fits=True, because=""), Hypothesis(hypothesis="red team", fits=None, because="")])
    'an explanation fits (hackathon), and logs alone cannot decide: ask the account holder what the work is for'
    """
    fitting = [check.hypothesis for check in checks if check.fits]
    undecided = [check.hypothesis for check in checks if check.fits is None]
    if fitting:
        reason = f"{'an explanation fits' if len(fitting) == 1 else 'explanations fit'} ({', '.join(fitting)})"
    elif undecided:
        reason = f"no number refutes honest use ({', '.join(undecided)})"
    else:
        reason = "honest use may explain the evidence"
    return f"{reason}, and logs alone cannot decide: ask the account holder what the work is for"


def _by_size(accounts: int) -> tuple[str, str]:
    if accounts == 1:
        return "L1", "one account: ask its manager about its purpose, and cap its rate while you wait"
    if accounts < MIN_CLUSTER_ACCOUNTS:
        return "L1", "a few accounts: cap them together and step up verification; go to L2 when they do not answer"
    return "L2", "many accounts with one purpose: cap the group, step up verification, and hide reasoning and log-probabilities from it"


def _channel_reason(families: dict[str, float]) -> str:
    if families.get("content", 0.0) >= MIN_EVIDENCE_NATS:
        return "it may carry a campaign: decide the extraction case of its members first; its other accounts are customers"
    return "no evidence of a campaign: ask the account holders about their contract, and do not call their users distillers"
