"""Orders: what a gateway is to do about which accounts until when, made of the decisions in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from streams.schema.actions import EnforcementDecision, Measure
from streams.schema.record import Record, Seconds

NOTICES: Final[dict[Measure, str]] = {
    "rate_cap": "Requests of this group of accounts are limited to {rate:g} per minute in total",
    "step_up": "This account must be verified again before it is served",
    "hide_reasoning": "Reasoning and log-probabilities are not returned to this account",
    "canary": "Answers to this account may carry wording by which we recognise training on them,",
    "suspend_key": "The keys of this account are suspended",
    "ban": "This account is not served any more",
}
_APPEAL: Final = " until {until} (UTC), under {terms}. To appeal, answer with the reference {order_id}."


class Order(Record, frozen=True):
    """What a gateway is to do. It names no evidence: a gateway and an account holder need none."""

    order_id: str
    """The id of the decision."""
    measure: Measure
    rate: float
    """Requests per minute of all accounts together for `rate_cap`, else 0."""
    accounts: list[str]
    keys: list[str]
    """API keys that it is limited to; empty: all keys of the accounts."""
    expires: Seconds
    notice: str
    """What the account holder may be told, with the way to appeal."""


def orders(decisions: Iterable[EnforcementDecision], at: float, canary: float = 1.0) -> dict[str, Order]:
    """Return the orders of the decisions in force, by id.

    Args:
        decisions: The newest version of each decision.
        at: Seconds since 1970.
        canary: Share of the accounts that it begins with, 0..1; the same accounts each time.
    """
    in_force: dict[str, Order] = {}
    for decision in decisions:
        members = {account: keys for account, keys in decision.payload.members.items() if _drawn(account) < canary}
        if decision.in_force(at) and members:
            in_force[decision.decision_id] = Order(
                order_id=decision.decision_id,
                measure=decision.measure,
                rate=decision.rate,
                accounts=sorted(members),
                keys=sorted({key for keys in members.values() for key in keys}),
                expires=decision.expires,
                notice=notice(decision),
            )
    return in_force


def notice(decision: EnforcementDecision) -> str:
    """Return what an account holder may be told: what, until when, why in the terms, and how to appeal. Nothing of the evidence."""
    until = datetime.fromtimestamp(decision.expires, UTC).strftime("%Y-%m-%d %H:%M")
    terms = f"clause {decision.clause} of the terms of use" if decision.clause else "the terms of use"
    what = NOTICES[decision.measure].format(rate=decision.rate)
    return what + _APPEAL.format(until=until, terms=terms, order_id=decision.decision_id)


def _drawn(account: str) -> float:
    """Return a number in 0..1 that an account always has."""
    return int.from_bytes(sha256(account.encode()).digest()[:6], "big") / 2**48
