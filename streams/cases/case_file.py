"""A case in words: who, why, counter-evidence, the cost of being wrong, and what to do next.

Nothing here decides anything: it turns the numbers of a case into sentences that a person can check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

import msgspec

from models.detectors.triage import Triage
from streams.cases import explanation, response_steps, triage
from streams.cases.policy import Policy
from streams.schema.cases import (
    Case,
    CaseMember,
    CasePayload,
    CaseState,
    Example,
    Leak,
    Permission,
    Score,
    ScoredEntity,
)
from streams.schema.evidence import Entity, Known
from streams.schema.names import Behaviour

MAX_LISTED_MEMBERS = 10_000
"""Members that a case's record lists, strongest first: a record must fit into one Kafka message."""
MAX_LISTED_LINKS = 500
"""Links, entities and merges that a case's record lists, the newest: of each kind."""


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
    facts = explanation.facts_of(strongest, behaviour, list(suspects.values()), permitted)
    leak = _leak(suspects, strongest)
    accounts = len(suspects) or int(strongest.accounts)
    score = case_score(case, entities, strongest)
    only_owners = bool(case.owners) and not members
    silent = muted or case.tier == "ask"
    threshold = policy.threshold_nats("extraction", strongest.time)
    explained = explanation.explain(strongest, behaviour, facts, accounts, score, handed_over=only_owners)
    explained = explanation.graded(explained, behaviour, accounts or int(strongest.accounts), threshold, muted=silent)
    step = response_steps.step(behaviour, accounts, explained.families, explained.counter_evidence, muted=muted, asks=case.tier == "ask")
    listed, owners = (_strongest(side, behaviour, max(MAX_LISTED_MEMBERS // shrink, 1)) for side in (members, case.owners))
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
        members=listed,
        members_left_out=len(members) - len(listed),
        owners=owners,
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


def _strongest(side: Mapping[str, CaseMember], behaviour: Behaviour, most: int) -> dict[str, CaseMember]:
    """Return at most so many accounts, those with the most evidence."""
    if len(side) <= most:
        return dict(side)
    ranked = sorted(side, key=lambda account: (-side[account].score(behaviour), account))
    return {account: side[account] for account in ranked[:most]}


def case_score(case: CaseState, entities: Sequence[Entity], strongest: Entity) -> Score:
    """Return the score of a case: of its present member with the most evidence, or of its channel.

    Without a present member it is that of the strongest entity as it stands now, which no longer raises an alert.
    """
    if case.behaviour == "routing":
        return explanation.score_of("", strongest, strongest, "routing", strongest.routing)
    present = {account: member.extraction for account, member in (case.members or case.owners).items() if member.left_at is None}
    most = max(present.values(), default=0.0)
    account = max((name for name, nats in present.items() if nats == most), default="")
    rows = [(row, entity) for entity in entities if (row := _row(entity, account)) is not None]
    if not rows:
        account, row = max(explanation.accounts_of(strongest), key=lambda item: (item[1].extraction, item[0]))
        return explanation.score_of(account, row, strongest, "extraction", row.extraction)
    row, entity = max(rows, key=lambda item: (item[0].requests, item[0].extraction))  # the row that the case's list of members shows
    return explanation.score_of(account, row, entity, "extraction", row.extraction)


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
    ' Warn the account holder of 1 account: the key may be used by others, and no response step applies to it.'
    """
    if not owners:
        return ""
    one = owners == 1
    accounts, them = explanation.counted(owners, "account"), "it" if one else "them"
    ending = "" if one else "s"
    return f" Warn the account holder{ending} of {accounts}: the key{ending} may be used by others, and no response step applies to {them}."


def affected(members: Sequence[CaseMember], accounts: int) -> str:
    """Return who pays for these accounts, as a clause: organisations and cards, and accounts of which neither is known."""
    if not members:
        return f"{explanation.counted(accounts, 'account')} of organisations that are not listed"
    of_each = list(map(attrgetter("organization"), members))
    organizations, cards = ({*values} - {""} for values in (of_each, map(attrgetter("payment"), members)))
    unknown = of_each.count("")
    paying = f"{explanation.counted(len(cards), 'card')}, " if cards else ""
    parts = [f"{explanation.counted(len(organizations), 'organisation')}"] if organizations else []
    parts += [f"{explanation.counted(unknown, 'account')} of no known organisation"] if unknown else []
    return f"{' and '.join(parts)} ({paying}{explanation.counted(len(members), 'account')} in all)"


def _leak(members: Mapping[str, CaseMember], strongest: Entity) -> Leak:
    """Return what the accounts have been served: an upper bound of the harvest, because it includes their ordinary use."""
    rows: list[Entity | CaseMember] = list(members.values()) or [strongest]
    before = [member.before for member in members.values()]
    return Leak(
        requests=sum(map(attrgetter("requests"), rows)),
        output_tokens=sum(map(attrgetter("output_tokens"), rows)),
        requests_before_alert=sum(map(attrgetter("requests"), before)) if members else None,
        output_tokens_before_alert=sum(map(attrgetter("output_tokens"), before)) if members else None,
        estimate="upper bound: includes the accounts' ordinary use",
    )


def _permission(strongest: Entity, members: Mapping[str, CaseMember], policy: Policy) -> Permission | None:
    """Return the permission of the first account that has one."""
    if not policy.permissions:
        return None
    kind, name, at = strongest.entity_kind, strongest.entity_id, strongest.time
    router = name if kind == "router" else strongest.router
    candidates = [(name, strongest.organization, router), *((account, row.organization, row.router) for account, row in members.items())]
    permissions = (policy.permission(account, organization, behind, at) for account, organization, behind in candidates)
    return next((account for account in permissions if account is not None), None)
