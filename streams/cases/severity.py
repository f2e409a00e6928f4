"""How urgent a case is, in four words, and how rare it is, as a sentence. Nats are for who wants them.

| severity | when |
|---|---|
| critical | extraction by a cluster of accounts, with half as much evidence again as an alert needs |
| high | extraction with the evidence that an alert needs |
| medium | extraction that is alerted because calibration calls it rare; a router or reseller |
| low | a permitted party, a question to the account holder, or a benign explanation fits |
"""

from __future__ import annotations

from typing import Final

from models.evidence.calibration import REFERENCE_ENTITIES
from streams.cases.response_steps import MIN_CLUSTER_ACCOUNTS
from streams.schema.cases import Severity
from streams.schema.names import Behaviour

CRITICAL_SHARE: Final = 1.5
"""Evidence as a share of the threshold from which a cluster's case is critical."""
MAX_RARITY_ACCOUNTS: Final = 1_000_000.0
"""Rarity beyond which a fitted tail is not believed: it says "fewer than one in"."""


def severity(behaviour: Behaviour, nats: float, accounts: int, *, threshold: float, muted: bool = False, doubts: int = 0) -> Severity:
    """Return the severity of an alert or a case.

    >>> [severity("extraction", nats, 10, threshold=13.0) for nats in (12.0, 14.0, 20.0)]
    ['medium', 'high', 'critical']
    >>> severity("extraction", 20.0, 3, threshold=13.0), severity("routing", 20.0, 10, threshold=13.0)
    ('high', 'medium')

    Args:
        behaviour: What it is about.
        nats: Its score.
        accounts: How many accounts it is about.
        threshold: Of an alert of extraction at that time, in nats, as the policy has it.
        muted: Whether no alert is sent: all of them are permitted parties, or it is a question.
        doubts: How many benign explanations fit.
    """
    if muted or doubts:
        return "low"
    if behaviour == "routing" or nats < threshold:
        return "medium"
    return "critical" if nats >= CRITICAL_SHARE * threshold and accounts >= MIN_CLUSTER_ACCOUNTS else "high"


def one_in(false_alerts: float | None) -> float | None:
    """Return of how many ordinary accounts, or groups, one scores as high.

    >>> one_in(5.0)
    2000.0

    Args:
        false_alerts: Of 10,000 ordinary accounts or groups, how many are expected to score as high; None where that is not calibrated.
    """
    if false_alerts is None:
        return None
    return MAX_RARITY_ACCOUNTS if false_alerts * MAX_RARITY_ACCOUNTS <= REFERENCE_ENTITIES else max(REFERENCE_ENTITIES / false_alerts, 1.0)


def chance(rarity: float | None, *, alone: bool) -> str:
    """Return how rare a score is, as a sentence.

    >>> chance(2000.0, alone=True)
    'About 1 in 2,000 ordinary accounts looks like this.'
    >>> chance(None, alone=False)
    'How many ordinary groups look like this is not known yet.'

    Args:
        rarity: Of how many ordinary accounts, or groups, one scores as high; None where that is not known.
        alone: Whether it is an account by itself; else a group.
    """
    ordinary = "accounts" if alone else "groups"
    if rarity is None:
        return f"How many ordinary {ordinary} look like this is not known yet."
    if rarity >= MAX_RARITY_ACCOUNTS:
        return f"Fewer than 1 in {MAX_RARITY_ACCOUNTS:,.0f} ordinary {ordinary} look like this."
    return f"About 1 in {float(f'{rarity:.2g}'):,.0f} ordinary {ordinary} looks like this."
