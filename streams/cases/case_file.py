"""A case in words: who, why, counter-evidence, the cost of being wrong, and what to do next.

Nothing here decides anything: it turns the numbers of a case into sentences that a person can check.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from models.detectors.triage import Triage
from models.evidence import contributions
from models.evidence.calibration import REFERENCE_ENTITIES
from models.evidence.extraction_rules import BY_NAME as RULE_BY_NAME
from models.evidence.families import BY_NAME as FAMILY_BY_NAME
from models.evidence.families import REGISTRY as FAMILY_REGISTRY
from models.evidence.links import CASE_LINKS, ENTITY_WORDS
from streams.cases import response_steps, severity, triage
from streams.cases.hypothesis import Facts, consider
from streams.cases.phrasing import top_features
from streams.cases.policy import Policy
from streams.schema.cases import (
    Alert,
    AlertPayload,
    AlertState,
    AlertStep,
    Case,
    CaseMember,
    CasePayload,
    CaseState,
    Contribution,
    Example,
    FeaturePart,
    HeldRule,
    Leak,
    Permission,
    Score,
    ScoredEntity,
    Served,
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
MAX_LISTED_MEMBERS = 10_000
"""Members that a case's record lists, strongest first: a record must fit into one Kafka message."""
MAX_LISTED_LINKS = 500
"""Links, entities and merges that a case's record lists, the newest: of each kind."""


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


_TOTALS: Final = ("requests", "output_tokens", "extraction", "routing", "first", *CASE_LINKS)


def new_member(member: Known, at: float) -> CaseMember:
    """Return a case's record of an account that joins `at` (seconds since 1970): totals up to then, and no leaving time."""
    return CaseMember(at, None, Served(member.requests, member.output_tokens))


def bring_up_to_date(kept: CaseMember, member: Known) -> None:
    """Copy an account's present totals into the case's record of it, and mark it as a member."""
    for name in _TOTALS:
        value = getattr(member, name)
        setattr(kept, name, round(value, 3) if isinstance(value, float) else value)
    kept.left_at = None


def parts(entity: Entity, behaviour: Behaviour) -> list[FeaturePart]:
    """Return the features with the most evidence of a behaviour."""
    return top_features(entity, families_of(behaviour))


def alert_record(alert_id: str, alert: AlertState, step: AlertStep, entity: Entity, policy: Policy) -> Alert:
    """Return the record of one step of an alert (open, update, resolve) with its explanation, in terms of the policy's thresholds."""
    behaviour = AlertName.parse(alert_id).behaviour
    account, row = (
        min(_rows(entity), key=lambda item: abs(item[1].extraction - alert.evidence)) if behaviour == "extraction" else ("", entity)
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


def _rows(entity: Entity) -> list[tuple[str, Known]]:
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
        parts = contributions.of_model(row.families, nats, row.counted)
    else:
        parts = contributions.of_extraction(row.families, nats, alone=row is entity and alone, held=bool(row.rule))
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
    """Return the number of organisations or cards that pay; for a group without listed members 1 if it is one, 0 if unknown."""
    return len(set(map(attrgetter(name), accounts))) if accounts else int(bool(getattr(entity, name)))


def families(entity: Entity) -> dict[str, float]:
    """Return an entity's nats by family: its own, or the mean over its suspect members where the alert is about members."""
    if entity.entity_kind == "account" or not entity.members:
        return dict(entity.families)
    totals: dict[str, float] = {}
    for member in entity.members.values():
        for name, nats in member.families.items():
            totals[name] = totals.get(name, 0.0) + nats
    return {name: round(total / len(entity.members), 2) for name, total in totals.items()}


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
    seems, seem = ("may be used by others than the owner", "may be used by others than the owners")
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
    reason += f"; {_counted(owners, 'account')} may be used by others than the owner and no longer count" if owners else ""
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
    templates = [entity.template, *(member.template for member in entity.members.values())]
    return any(templates) or not PROMPT_FEATURES.isdisjoint(entity.features)


def case_record(
    case: CaseState,
    entities: Sequence[Entity],
    strongest: Entity,
    policy: Policy,
    example: Example | None,
    opinion: Triage,
    shrink: int = 1,
) -> Case:
    """Return a version of a case, without its history. The payload is the whole case file: a view needs nothing but the row.

    Args:
        case: The state of the case; its members are up to date.
        entities: All its entities.
        strongest: The entity with the most evidence.
        policy: Terms, thresholds and permitted parties.
        example: The member that stands out most by itself.
        opinion: The triage model, trained by analysts' labels.
        shrink: By how much fewer members and links than the most are listed; the others are counted.
    """
    members, behaviour, muted = case.members, case.behaviour, case.muted
    suspects = (members or case.owners) if behaviour == "extraction" or strongest.entity_kind == "account" else {}
    permission = _permission(strongest, members, policy)
    permitted = f"permitted by {permission.owner}: {permission.reason}" if permission else ""
    facts = facts_of(strongest, behaviour, list(suspects.values()), permitted)
    leak = _leak(suspects, strongest)
    accounts = len(suspects) or int(strongest.accounts)
    score = case_score(case, entities, strongest)
    only_owners = bool(case.owners) and not members
    silent = muted or case.tier == "ask"
    threshold = policy.threshold_nats("extraction", strongest.time)
    explained = explain(strongest, behaviour, facts, accounts, score, handed_over=only_owners)
    explained = graded(explained, behaviour, accounts or int(strongest.accounts), threshold, muted=silent)
    step = response_steps.step(behaviour, accounts, explained.families, explained.counter_evidence, muted=muted, asks=case.tier == "ask")
    listed, owners = (
        sorted(side, key=lambda account: (-side[account].score(behaviour), account))[: max(MAX_LISTED_MEMBERS // shrink, 1)]
        for side in (members, case.owners)
    )
    links = max(MAX_LISTED_LINKS // shrink, 1)
    payload = CasePayload(
        **msgspec.structs.asdict(explained),
        tier=case.tier,
        entities=[ScoredEntity(entity.key, entity.extraction, entity.routing) for entity in entities[-links:]],
        links=case.links[-links:],
        links_left_out=max(len(case.links) - links, 0),
        merges=case.merges[-links:],
        near=case.near,
        apart=case.apart[-links:],
        merged_into=case.merged_into,
        earlier=case.earlier,
        members={account: members[account] for account in listed},
        members_left_out=len(members) - len(listed),
        owners={account: case.owners[account] for account in owners},
        owners_left_out=len(case.owners) - len(owners),
        users_not_listed=max(accounts - len(members), 0) if behaviour == "routing" else 0,
        leak=leak,
        if_wrong=if_wrong(list(suspects.values()), accounts, leak.requests),
        ladder=step,
        next_step=f"{step.step}: {step.why}.{warning(len(case.owners))}",
        withdrawn=case.withdrawn,
        terms=policy.terms(behaviour),
        threshold=policy.threshold("ask" if case.tier == "ask" else behaviour, case.updated_at),
        permission=permission,
        label=case.label,
        hold=case.hold,
        decided=case.decided[-links:],
        excluded=case.excluded,
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
        extraction=score.nats
        if behaviour == "extraction"
        else max([member.extraction for member in members.values()] or [strongest.extraction]),
        routing=strongest.routing,
        muted=muted,
        payload=payload,
    )


def case_score(case: CaseState, entities: Sequence[Entity], strongest: Entity) -> Score:
    """Return the score of a case: of its present member with the most evidence, or of its channel.

    Without a present member it is that of the strongest entity as it stands now, which no longer raises an alert.
    """
    if case.behaviour == "routing":
        return score_of("", strongest, strongest, "routing", strongest.routing)
    present = {account: member.extraction for account, member in (case.members or case.owners).items() if member.left_at is None}
    account = max(present, key=lambda name: (present[name], name), default="")
    rows = [(row, entity) for entity in entities if (row := _row(entity, account)) is not None]
    if not rows:
        account, row = max(_rows(strongest), key=lambda item: (item[1].extraction, item[0]))
        return score_of(account, row, strongest, "extraction", row.extraction)
    row, entity = max(rows, key=lambda item: (item[0].requests, item[0].extraction))  # the row that the case's list of members shows
    return score_of(account, row, entity, "extraction", row.extraction)


def _row(entity: Entity, account: str) -> Known | None:
    """Return an account as an entity shows it, None where it does not."""
    if entity.entity_kind == "account":
        return entity if entity.entity_id == account else None
    return entity.members.get(account)


def if_wrong(members: Sequence[CaseMember], accounts: int, requests: float) -> str:
    """Return, as a sentence, what acting on the case would cost if it were wrong.

    Args:
        members: Its accounts, where they are listed.
        accounts: How many accounts there are.
        requests: What they were served.
    """
    limited = f"with {requests:,.0f} requests would be limited without cause: begin with a step that can be taken back."
    return f"{affected(members, accounts)} {limited}"


def warning(owners: int) -> str:
    """Return what to do for the owners of accounts that were handed over, as a sentence after another; empty for none.

    >>> warning(1)
    ' Warn the owner of 1 account: the key may be used by others, and no response step applies to it.'
    """
    if not owners:
        return ""
    one = owners == 1
    return (
        f" Warn the owner{'' if one else 's'} of {_counted(owners, 'account')}: the key{'' if one else 's'} may be used by others, "
        f"and no response step applies to {'it' if one else 'them'}."
    )


def affected(members: Sequence[CaseMember], accounts: int) -> str:
    """Return who pays for these accounts, as a clause: organisations and cards, and accounts of which neither is known."""
    if not members:
        return f"{_counted(accounts, 'account')} of organisations that are not listed"
    organizations = {member.organization for member in members if member.organization}
    cards = {member.payment for member in members if member.payment}
    unknown = sum(not member.organization for member in members)
    paying = f"{_counted(len(cards), 'card')}, " if cards else ""
    parts = [f"{_counted(len(organizations), 'organisation')}"] if organizations else []
    parts += [f"{_counted(unknown, 'account')} of no known organisation"] if unknown else []
    return f"{' and '.join(parts)} ({paying}{_counted(len(members), 'account')} in all)"


def _counted(number: int, counted: str) -> str:
    return f"{number:,} {counted}{'' if number == 1 else 's'}"


def _atlas(behaviour: Behaviour, facts: Facts) -> list[str]:
    more = [_ATLAS_GROUP] if facts.accounts > 1 and facts.nats("cohort") >= _NAMED_FAMILY_NATS else []
    more += (
        [_ATLAS_ROUTED]
        if behaviour == "extraction" and facts.nats("network") + facts.nats("client") >= _NAMED_FAMILY_NATS and not facts.alone
        else []
    )
    return [*ATLAS[behaviour], *more]


def _leak(members: Mapping[str, CaseMember], strongest: Entity) -> Leak:
    """Return what the accounts have been served: an upper bound of the harvest, because it includes their ordinary use."""
    rows: list[Entity | CaseMember] = list(members.values()) or [strongest]
    return Leak(
        requests=sum(row.requests for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        requests_before_alert=sum(member.before.requests for member in members.values()) if members else None,
        output_tokens_before_alert=sum(member.before.output_tokens for member in members.values()) if members else None,
        estimate="upper bound: includes the accounts' ordinary use",
    )


def _permission(strongest: Entity, members: Mapping[str, CaseMember], policy: Policy) -> Permission | None:
    """Return the permission of the first account that has one."""
    kind, name, at = strongest.entity_kind, strongest.entity_id, strongest.time
    router = name if kind == "router" else strongest.router
    candidates = [(name, strongest.organization, router), *((account, row.organization, row.router) for account, row in members.items())]
    permissions = (policy.permission(account, organization, behind, at) for account, organization, behind in candidates)
    return next((account for account in permissions if account is not None), None)
