"""What a case says in words: who, why, what speaks against it, what it would cost to be wrong, and what to do next.

Nothing here decides anything; it puts the numbers of a case into sentences that a person can check.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from models.detectors.triage import Triage
from models.evidence.families import BY_NAME as FAMILY_BY_NAME
from models.evidence.families import REGISTRY as FAMILY_REGISTRY
from models.evidence.links import ENTITY_WORDS, LINK_KINDS
from streams.cases import response_steps, triage
from streams.cases.hypothesis import Facts, consider
from streams.cases.phrasing import top_features
from streams.cases.policy import Policy
from streams.schema.cases import (
    Alert,
    AlertName,
    AlertPayload,
    AlertState,
    AlertStep,
    Behaviour,
    Case,
    CaseMember,
    CasePayload,
    CaseState,
    Example,
    FeaturePart,
    Leak,
    Permission,
    ScoredEntity,
    Served,
)
from streams.schema.evidence import Entity, Known

ATLAS = {
    "extraction": ["AML.T0024.002", "AML.T0040", "AML.T0005.001", "AML.CS0056"],
    "routing": ["AML.T0008.005", "AML.T0012"],
}
"""MITRE ATLAS 5.6 techniques and case studies by behaviour (atlas.mitre.org)."""
_ATLAS_GROUP = "AML.T0021"
"""Establish accounts: many accounts under one hand."""
_ATLAS_ROUTED = "AML.T0008.005"
"""AI service proxies: a campaign that comes through a relay."""

_LOUD = 1.0
"""Nats from which a family is named in a summary."""
_CHANNEL_FAMILIES = tuple(family.name for family in FAMILY_REGISTRY if family.shows_channel)
"""Families that say something about a channel; the others stay out of its summary."""
MOST_MEMBERS = 10_000
"""Members that a case's record lists, the strongest first: a record must fit into one Kafka message."""


def false_alerts_per_day(found: float, calibrated: float | None = None) -> float:
    """Return how many such alerts a day 10,000 ordinary entities are expected to give: as calibrated, else as if nats were log-odds."""
    return 10_000 * math.exp(-found) if calibrated is None else calibrated


def telling(behaviour: Behaviour) -> Collection[str] | None:
    """Return the families whose features say something about a behaviour; None: all of them."""
    return None if behaviour == "extraction" else _CHANNEL_FAMILIES


def link(entity: Entity) -> str:
    """Say what links the members of an entity."""
    return f"{ENTITY_WORDS[entity.entity_kind]} ({entity.entity_id})"


_STANDING: Final = ("requests", "output_tokens", "extraction", "routing", "first", *(kind.name for kind in LINK_KINDS))


def joining(member: Known, at: float) -> CaseMember:
    """Return what a case keeps of an account from the moment that it joins (seconds since 1970)."""
    return CaseMember(at, None, Served(member.requests, member.output_tokens))


def bring_up_to_date(kept: CaseMember, member: Known) -> None:
    """Note what is known of an account now: it is a member of the case."""
    for name in _STANDING:
        value = getattr(member, name)
        setattr(kept, name, round(value, 3) if isinstance(value, float) else value)
    kept.left_at = None


def parts(entity: Entity, behaviour: Behaviour) -> list[FeaturePart]:
    """Return the features that say most about a behaviour."""
    shown = {"nats": entity.nats, "features": entity.features, "usual": entity.usual}
    return [FeaturePart(**part) for part in top_features(shown, telling(behaviour))]


def alert_record(alert_id: str, alert: AlertState, step: AlertStep, entity: Entity) -> Alert:
    """Return a step in the life of an alert, with what explains it."""
    behaviour = AlertName.parse(alert_id).behaviour
    payload = explain(entity, behaviour, facts_of(entity, behaviour), alert.size)
    return Alert(
        alert_id=alert_id,
        time=alert.time,
        state=step,
        behaviour=behaviour,
        entity_kind=entity.entity_kind,
        entity_id=entity.entity_id,
        case_id=alert.case_id,
        evidence=round(alert.evidence, 3),
        false_alerts_per_day=false_alerts_per_day(alert.evidence, entity.false_alerts),
        summary=payload.summary,
        payload=payload,
    )


def explain(entity: Entity, behaviour: Behaviour, facts: Facts, accounts: int) -> AlertPayload:
    """Return a summary, evidence by family, the features that speak loudest, and what speaks against it."""
    return AlertPayload(
        summary=summary(entity, behaviour, facts.families, accounts),
        families=dict(facts.families),
        features=parts(entity, behaviour),
        counter_evidence=consider(facts),
        atlas=_atlas(behaviour, facts),
    )


def facts_of(entity: Entity, behaviour: Behaviour, members: Sequence[CaseMember] = (), permitted: str = "") -> Facts:
    """Return what the personas are asked about an entity, and about the accounts of its case if they are more."""
    alone = entity.entity_kind == "account"
    suspects = entity.members.values() if behaviour == "extraction" else ()  # of a channel, those are some of its customers only
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
    """Return how many organisations or cards pay; of a group whose members are not listed only whether it is one (else 0)."""
    return len({getattr(account, name) for account in accounts}) if accounts else int(bool(getattr(entity, name)))


def families(entity: Entity) -> dict[str, float]:
    """Return an entity's nats by family: its own, or the mean over its suspect members where they are what is alerted."""
    members = [member.families for member in entity.members.values()]
    if entity.entity_kind == "account" or not members:
        return dict(entity.families)
    names = dict.fromkeys(name for member in members for name in member)
    return {name: round(sum(member.get(name, 0.0) for member in members) / len(members), 2) for name in names}


def summary(entity: Entity, behaviour: Behaviour, found: Mapping[str, float], accounts: int) -> str:
    """Return one sentence: who, and the three families that speak loudest. accounts: how many, of a group."""
    alone = entity.entity_kind == "account"
    spoken = [name for name, nats in found.items() if nats >= _LOUD and (behaviour == "extraction" or name in _CHANNEL_FAMILIES)]
    reasons = (
        "; ".join(_words(name, alone=alone) for name in sorted(spoken, key=lambda name: -found[name])[:3]) or "no single family stands out"
    )
    what = "distillation" if behaviour == "extraction" else "a router or reseller"
    if alone:
        return f"Account {entity.entity_id} looks like {what}: {reasons}."
    return f"{accounts or int(entity.accounts):,} {ENTITY_WORDS[entity.entity_kind]} look like {what}: {reasons}."


def _words(family: str, *, alone: bool) -> str:
    found = FAMILY_BY_NAME[family]
    return (alone and found.alone_words) or found.words


def case_record(
    case: CaseState, entities: Sequence[Entity], strongest: Entity, policy: Policy, example: Example | None, opinion: Triage
) -> Case:
    """Return a version of a case, without its history. The payload is the whole case file, so that the row is enough to show it.

    Args:
        case: What is kept of the case; its members are up to date.
        entities: All its entities.
        strongest: The entity that says most about it.
        policy: Terms, thresholds and permitted parties.
        example: The member that stands out most by itself.
        opinion: What labels say about evidence by family.
    """
    members, behaviour, muted = case.members, case.behaviour, case.muted
    suspects = members if behaviour == "extraction" or strongest.entity_kind == "account" else {}
    permission = _permission(strongest, members, policy)
    permitted = f"permitted by {permission.owner}: {permission.reason}" if permission else ""
    facts = facts_of(strongest, behaviour, list(suspects.values()), permitted)
    leak = _leak(suspects, strongest)
    accounts = len(suspects) or int(strongest.accounts)
    explained = explain(strongest, behaviour, facts, accounts)
    doubts = sum(bool(check.fits) for check in explained.counter_evidence)
    step = response_steps.step(behaviour, accounts, explained.families, muted=muted, doubts=doubts)
    listed = sorted(members, key=lambda account: (-members[account].score(behaviour), account))[:MOST_MEMBERS]
    payload = CasePayload(
        **msgspec.structs.asdict(explained),
        entities=[ScoredEntity(each.key, each.extraction, each.routing) for each in entities],
        links=case.links,
        merges=case.merges,
        near=case.near,
        apart=case.apart,
        merged_into=case.merged_into,
        earlier=case.earlier,
        members={account: members[account] for account in listed},
        members_left_out=len(members) - len(listed),
        users_not_listed=max(accounts - len(members), 0) if behaviour == "routing" else 0,
        leak=leak,
        if_wrong=if_wrong(accounts, leak.requests),
        ladder=step,
        next_step=f"{step.step}: {step.why}.",
        terms=policy.terms(behaviour),
        threshold=policy.threshold(behaviour, case.updated_at),
        permission=permission,
        label=case.label,
        decided=case.decided,
        example=example,
        triage=triage.opinion(opinion, explained.families),
    )
    return Case(
        case_id=case.case_id,
        version=case.version,
        opened_at=case.opened_at,
        updated_at=case.updated_at,
        state="open" if case.state == "open" else "resolved",
        behaviour=behaviour,
        title=explained.summary,
        accounts=accounts,
        requests=leak.requests,
        output_tokens=leak.output_tokens,
        extraction=max([member.extraction for member in members.values()] or [strongest.extraction]),
        routing=strongest.routing,
        muted=muted,
        payload=payload,
    )


def if_wrong(accounts: int, requests: float) -> str:
    """Say what acting on the case would cost if it were wrong."""
    customers = "one customer" if accounts == 1 else f"{accounts:,} customers"
    return f"{customers} with {requests:,.0f} requests would be limited without cause: begin with a step that can be taken back."


def _atlas(behaviour: Behaviour, facts: Facts) -> list[str]:
    more = [_ATLAS_GROUP] if facts.accounts > 1 and facts.nats("cohort") >= _LOUD else []
    more += (
        [_ATLAS_ROUTED] if behaviour == "extraction" and facts.nats("network") + facts.nats("client") >= _LOUD and not facts.alone else []
    )
    return [*ATLAS[behaviour], *more]


def _leak(members: Mapping[str, CaseMember], strongest: Entity) -> Leak:
    """Return what the accounts have been served, an upper bound of what was harvested: their ordinary use is in it."""
    rows: list[Entity | CaseMember] = list(members.values()) or [strongest]
    return Leak(
        requests=sum(row.requests for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        requests_before_alert=sum(member.before.requests for member in members.values()),
        output_tokens_before_alert=sum(member.before.output_tokens for member in members.values()),
        estimate="upper bound: whatever the accounts asked for themselves is counted too",
    )


def _permission(strongest: Entity, members: Mapping[str, CaseMember], policy: Policy) -> Permission | None:
    """Return the permission of the first account that has one."""
    kind, name, at = strongest.entity_kind, strongest.entity_id, strongest.time
    router = name if kind == "router" else strongest.router
    candidates = [(name, strongest.organization, router), *((each, row.organization, row.router) for each, row in members.items())]
    found = (policy.permission(account, organization, behind, at) for account, organization, behind in candidates)
    return next((each for each in found if each is not None), None)
