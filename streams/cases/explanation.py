"""What an alert or a case says for itself: its score and parts, the facts, the words, the benign explanations, why it was withdrawn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from models.evidence import contributions
from models.evidence.calibration import REFERENCE_ENTITIES
from models.evidence.extraction_rules import BY_NAME as RULE_BY_NAME
from models.evidence.families import BY_NAME as FAMILY_BY_NAME
from models.evidence.families import REGISTRY as FAMILY_REGISTRY
from models.evidence.links import ENTITY_WORDS
from streams.cases import severity
from streams.cases.hypothesis import Facts, consider
from streams.cases.phrasing import top_features
from streams.cases.policy import Policy
from streams.schema.cases import (
    Alert,
    AlertPayload,
    AlertState,
    AlertStep,
    CaseMember,
    Contribution,
    FeaturePart,
    HeldRule,
    Score,
)
from streams.schema.evidence import Entity, Known
from streams.schema.names import AlertName, Behaviour, entity_key

ATLAS = {
    "extraction": ["AML.T0024.002", "AML.T0040", "AML.T0005.001", "AML.CS0056"],
    "routing": ["AML.T0008.005", "AML.T0012"],
}
"""MITRE ATLAS 5.6 techniques and case studies by behaviour (atlas.mitre.org)."""
_ATLAS_GROUP = "AML.T0021"
"""Establish accounts: one operator controls many accounts."""
_ATLAS_ROUTED = "AML.T0008.005"
"""AI service proxies: a campaign that runs through a relay."""

_NAMED_FAMILY_NATS = 1.0
"""Evidence from which a family is named in a summary."""
_CHANNEL_FAMILIES = tuple(family.name for family in FAMILY_REGISTRY if family.shows_channel)
"""Families that are evidence of a channel; a channel's summary names no others."""
PROMPT_FEATURES: Final = frozenset({"asks_grading", "asks_reasoning", "asks_trajectory", "known_corpus"})
"""Features of accounts that are unknown where no prompt was sketched."""


def false_alerts_per_day(nats: float, calibrated: float | None = None) -> float:
    """Return the false alerts expected per day from 10,000 ordinary entities.

    Args:
        nats: The evidence of the alert.
        calibrated: The calibrated rate; None where there is too little calm traffic, and then it is the rate that log-odds of as many
            nats would give: a rough one, because evidence is scaled to its threshold and not to odds.
    """
    return REFERENCE_ENTITIES * math.exp(-nats) if calibrated is None else calibrated


def families_of(behaviour: Behaviour) -> Collection[str] | None:
    """Return the families whose features are evidence of a behaviour; None means all families."""
    return None if behaviour == "extraction" else _CHANNEL_FAMILIES


def link(entity: Entity) -> str:
    """Return what links the members of an entity, in words."""
    return f"{ENTITY_WORDS[entity.entity_kind]} ({entity.entity_id})"


def parts(entity: Entity, behaviour: Behaviour) -> list[FeaturePart]:
    """Return the features with the most evidence of a behaviour."""
    return top_features(entity, families_of(behaviour))


def alert_record(alert_id: str, alert: AlertState, step: AlertStep, entity: Entity, policy: Policy) -> Alert:
    """Return the record of one step of an alert (open, update, resolve) with its explanation, in terms of the policy's thresholds."""
    behaviour = AlertName.parse(alert_id).behaviour
    account, row = (
        min(accounts_of(entity), key=lambda item: abs(item[1].extraction - alert.evidence)) if behaviour == "extraction" else ("", entity)
    )
    standing = 0.0 if entity.common else row.extraction if behaviour == "extraction" else alert.evidence
    score = score_of(account, row, entity, behaviour, standing)
    threshold = policy.threshold_nats("extraction", entity.time)
    payload = explain(entity, behaviour, facts_of(entity, behaviour), alert.size, score)
    payload = graded(payload, behaviour, alert.size or int(entity.accounts), threshold)
    return Alert(
        alert_id=alert_id,
        time=alert.time,
        state=step,
        behaviour=behaviour,
        entity_kind=entity.entity_kind,
        entity_id=entity.entity_id,
        case_id=alert.case_id,
        evidence=payload.score.nats,
        false_alerts_per_day=false_alerts_per_day(payload.score.nats, entity.false_alerts),
        summary=payload.summary,
        payload=payload,
    )


def explain(
    entity: Entity,
    behaviour: Behaviour,
    facts: Facts,
    accounts: int,
    score: Score,
    *,
    handed_over: bool = False,
) -> AlertPayload:
    """Return a summary, the score, the features with the most evidence, and the counter-evidence.

    Args:
        entity: What it is about.
        behaviour: Of what it is evidence.
        facts: On which benign hypotheses are tested.
        accounts: How many accounts are over the threshold; 0 for those of the entity.
        score: Without its severity.
        handed_over: Whether all of the accounts were.
    """
    return AlertPayload(
        summary=summary(entity, behaviour, facts.families, accounts, handed_over=handed_over),
        score=score,
        families=dict(facts.families),
        features=parts(entity, behaviour),
        counter_evidence=consider(facts),
        atlas=_atlas(behaviour, facts),
        rules=_rules(entity) if behaviour == "extraction" else [],
    )


def graded(payload: AlertPayload, behaviour: Behaviour, accounts: int, threshold: float, *, muted: bool = False) -> AlertPayload:
    """Return an explanation with its severity.

    Args:
        payload: The score and the benign explanations that it depends on.
        behaviour: Of what it is evidence.
        accounts: How many accounts it is about.
        threshold: Of an alert of extraction, in nats.
        muted: Whether no alert is sent.
    """
    doubts = sum(bool(check.fits) for check in payload.counter_evidence)
    grade = severity.severity(behaviour, payload.score.nats, accounts, threshold=threshold, muted=muted, doubts=doubts)
    return msgspec.structs.replace(payload, score=msgspec.structs.replace(payload.score, severity=grade))


def accounts_of(entity: Entity) -> list[tuple[str, Known]]:
    """Return the accounts that an alert of extraction about an entity can be about: itself, or its suspect members."""
    alone = entity.entity_kind == "account" or not entity.members
    return [(entity.entity_id, entity)] if alone else list(entity.members.items())


def score_of(account: str, row: Known, entity: Entity, behaviour: Behaviour, nats: float) -> Score:
    """Return a score and what it is made of; its severity is not known yet.

    Args:
        account: The account whose score it is; empty for a channel, which is the entity itself.
        row: The account as the entity shows it, or the entity.
        entity: The alerted entity.
        behaviour: Of what it is evidence.
        nats: The score, after what counts of each family.
    """
    alone = entity.entity_kind == "account"
    if behaviour == "routing":
        parts = contributions.of_routing(row.families, nats)
    elif row.counted:
        parts = contributions.of_model(row.families, nats, row.counted, row.question)
    else:
        parts = contributions.of_extraction(row.families, nats, alone=row is entity and alone, held=bool(row.rule), question=row.question)
    rarity = severity.one_in(entity.false_alerts) if behaviour == "extraction" else None
    return Score(
        of=entity_key("account", account) if account and (alone or row is not entity) else entity.key,
        nats=round(nats, 3),
        parts=[Contribution(*part) for part in parts],
        one_in=rarity,
        chance=severity.chance(rarity, alone=alone),
    )


def _rules(entity: Entity) -> list[HeldRule]:
    """Return the rules that held for an account, or for the suspect members of a group."""
    rows: Iterable[Known] = [entity] if entity.entity_kind == "account" else entity.members.values()
    counts = Counter(row.rule for row in rows if row.rule)
    return [HeldRule(name, RULE_BY_NAME[name].requires if name in RULE_BY_NAME else "", count) for name, count in counts.most_common()]


def facts_of(entity: Entity, behaviour: Behaviour, members: Sequence[Known | CaseMember] = (), permitted: str = "") -> Facts:
    """Return the facts that benign hypotheses are tested on: an entity's, and those of its case's accounts if there are more.

    permitted: why the party is permitted, empty when it is not.
    """
    alone = entity.entity_kind == "account"
    suspects = entity.members.values() if behaviour == "extraction" else ()  # a channel's listed members are only some of its customers
    accounts: list[Known | CaseMember] = list(members) or list(suspects) or ([entity] if alone else [])
    return Facts(
        alone=alone and len(accounts) == 1,
        accounts=len(accounts) or int(entity.accounts),
        organizations=_payers(entity, accounts, "organization"),
        cards=_payers(entity, accounts, "payment"),
        families=families(entity) if behaviour == "extraction" else dict(entity.families),
        features=entity.features,
        routing=entity.routing,
        permitted=permitted,
    )


def _payers(entity: Entity, accounts: Sequence[Known | CaseMember], name: str) -> int:
    """Return the number of known organisations or cards that pay, 0 if unknown; for a group without listed members 1 if it is one."""
    return len(set(map(attrgetter(name), accounts)) - {""}) if accounts else int(bool(getattr(entity, name)))


def families(entity: Entity) -> dict[str, float]:
    """Return an entity's nats by family: its own, or the mean over its suspect members where the alert is about members."""
    if entity.entity_kind == "account" or not entity.members:
        return dict(entity.families)
    return entity.family_means()


def summary(entity: Entity, behaviour: Behaviour, family_nats: Mapping[str, float], accounts: int, *, handed_over: bool = False) -> str:
    """Return one sentence: who, and the three families with the most evidence.

    accounts: the group's size. handed_over: all of the accounts were, so that their owners are not accused.
    """
    alone = entity.entity_kind == "account"
    named = [
        name
        for name, nats in family_nats.items()
        if nats >= _NAMED_FAMILY_NATS and (behaviour == "extraction" or name in _CHANNEL_FAMILIES)
    ]
    reasons = (
        "; ".join(
            _words(name, alone=alone, prompts=prompts_seen(entity)) for name in sorted(named, key=lambda name: -family_nats[name])[:3]
        )
        or "no single family stands out"
    )
    what = "distillation" if behaviour == "extraction" else "a router or reseller"
    seems, seem = ("may be used by others than the account holder", "may be used by others than the account holders")
    if not handed_over:
        seems, seem = f"looks like {what}", f"look like {what}"
    if alone:
        return f"Account {entity.entity_id} {seems}: {reasons}."
    return f"{accounts or int(entity.accounts):,} {ENTITY_WORDS[entity.entity_kind]} {seem}: {reasons}."


def withdrawal(alert: AlertState, nats: float, threshold: float, now: Mapping[str, float], owners: int = 0) -> str:
    """Return as a sentence why an alert is withdrawn: how far its evidence fell, and in which family most of it did.

    Args:
        alert: As it stood.
        nats: Its evidence now.
        threshold: In nats, what it was over; infinite where it had none.
        now: Nats by family now.
        owners: How many of its accounts were handed over, and count for no alert.
    """
    reason = f"Withdrawn: evidence fell from {alert.evidence:.1f} to {nats:.1f} nats"
    reason += "" if math.isinf(threshold) else f" (the threshold is {threshold:.1f})"
    reason += f"; {counted(owners, 'account')} may be used by others than the account holder and no longer count" if owners else ""
    falls = {family: before - now.get(family, 0.0) for family, before in alert.families.items()}
    most = max(falls, key=lambda family: falls[family], default="")
    if not most or falls[most] < _NAMED_FAMILY_NATS:
        return f"{reason}."
    return f"{reason}, most of it in {most}: from {alert.families[most]:.1f} to {now.get(most, 0.0):.1f} nats."


def _words(family: str, *, alone: bool, prompts: bool) -> str:
    entry = FAMILY_BY_NAME[family]
    return (not prompts and entry.words_without_prompts) or (alone and entry.alone_words) or entry.words


def prompts_seen(entity: Entity) -> bool:
    """Return whether any sketch of a prompt is behind an entity's evidence; without one, nothing can be said of what was asked."""
    if entity.template or not PROMPT_FEATURES.isdisjoint(entity.features):
        return True
    return any(member.template for member in entity.members.values())


def counted(number: int, what: str) -> str:
    """Return a number of things: `3 accounts`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _atlas(behaviour: Behaviour, facts: Facts) -> list[str]:
    more = [_ATLAS_GROUP] if facts.accounts > 1 and facts.nats("cohort") >= _NAMED_FAMILY_NATS else []
    more += (
        [_ATLAS_ROUTED]
        if behaviour == "extraction" and facts.nats("network") + facts.nats("client") >= _NAMED_FAMILY_NATS and not facts.alone
        else []
    )
    return [*ATLAS[behaviour], *more]
