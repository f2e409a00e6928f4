"""What the cases stage removes of an erased account: all but the cases under legal hold.

A case loses the account's membership and its own links, and gets a further version, which is whole: what the topic has of before is removed
then. So does a case without the account whose newest whole version, or one since, names it. The history of a case contains figures and
digests, and no account: it stays as it is, and `case verify` still checks it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from streams.cases.caseload import Caseload
from streams.schema.cases import AlertState, CaseState
from streams.schema.evidence import Entity
from streams.schema.labels import LINK, MEMBER, LearnedLabel
from streams.schema.names import BEHAVIOURS, alert_name, entity_key


@dataclass
class Erased:
    """What was removed of one account."""

    counts: Counter[str] = field(default_factory=Counter)
    """Removed items by kind."""
    held: list[str] = field(default_factory=list)
    """Cases under legal hold, which are kept."""
    alerts: list[str] = field(default_factory=list)
    """Ids of the account's own alerts."""
    renamed: list[str] = field(default_factory=list)
    """Ids of the alerts of others whose newest record has the account's score."""
    removed: list[CaseState] = field(default_factory=list)
    """Cases that had no other alert, and were removed as a whole."""
    changed: list[CaseState] = field(default_factory=list)
    """Cases without the account now, to be published whole."""


def erase(
    account: str, time: float, entities: dict[str, Entity], alerts: dict[str, AlertState], labels: dict[str, LearnedLabel], load: Caseload
) -> Erased:
    """Remove an account from the state of the cases stage, and return what was removed and what is kept.

    An account of which all that is known began after `time` stays: it was erased before, and the command came again. So do labels that were
    given after it.

    Args:
        account: Id of the account.
        time: Until when the account is erased, epoch seconds.
        entities: Entities by key; changed in place, as the next two.
        alerts: Alerts by id.
        labels: Labels by id.
        load: All cases.
    """
    erased, key = Erased(), entity_key("account", account)
    held = [case for case in load.cases.values() if case.hold is not None and _contains(case, account, key)]
    erased.held = sorted(case.case_id for case in held)
    kept = {entity for case in held for entity in case.keys}
    free = [entity for entity in entities.values() if entity.key not in kept and not (held and entity.key == key)]
    _forget_labels(erased, account, key, time, labels)
    if min(_beginnings(account, free, (case for case in load.cases.values() if case.hold is None)), default=-math.inf) > time:
        return erased
    if not held and entities.pop(key, None) is not None:
        erased.counts["entities"] += 1
    for entity in entities.values():
        if entity.key not in kept and entity.drop(account):
            erased.counts["members"] += 1
    for behaviour in BEHAVIOURS:
        alert_id = alert_name(behaviour, key)
        if (alert := alerts.get(alert_id)) is not None and alert.case_id not in erased.held:
            del alerts[alert_id]
            erased.alerts.append(alert_id)
    erased.renamed = [alert_id for alert_id, alert in alerts.items() if alert.scored == key and alert.case_id not in erased.held]
    _redact(erased, [case for case in load.cases.values() if case.hold is None and _contains(case, account, key)], load, account, key)
    erased.counts.update({"alerts": len(erased.alerts), "cases removed": len(erased.removed), "cases changed": len(erased.changed)})
    return erased


def _forget_labels(erased: Erased, account: str, key: str, time: float, labels: dict[str, LearnedLabel]) -> None:
    """Remove the labels on an account that were given up to a time, whatever else is known of it."""
    for label_id in [name for name, label in labels.items() if label.time <= time and _is_about(label, account, key, erased.held)]:
        del labels[label_id]
        erased.counts["labels"] += 1


def _beginnings(account: str, entities: Iterable[Entity], cases: Iterable[CaseState]) -> Iterator[float]:
    """Yield when each thing that is known of an account began, epoch seconds."""
    for entity in entities:
        if entity.key == entity_key("account", account):
            yield entity.first
        if account in entity.members:
            yield entity.members[account].first
    for case in cases:
        yield from (members[account].first for members in (case.members, case.owners) if account in members)


def _redact(erased: Erased, cases: Iterable[CaseState], load: Caseload, account: str, key: str) -> None:
    for case in cases:
        case.remove(account)
        case.excluded = [name for name in case.excluded if name != account]
        case.decided = [decision for decision in case.decided if not decision.entity_id.endswith(f"/{key}")]
        load.unlink(case, key)
        if case.links:
            erased.changed.append(case)
        else:
            load.remove(case.case_id)
            erased.removed.append(case)


def _contains(case: CaseState, account: str, key: str) -> bool:
    decided = any(decision.entity_id.endswith(f"/{key}") for decision in case.decided)
    return account in case.members or account in case.owners or account in case.named or key in case.keys or decided


def _is_about(label: LearnedLabel, account: str, key: str, held: Iterable[str]) -> bool:
    """Return whether a label is about the account, alone or as a link of a case that is not held."""
    if label.entity_kind in (LINK, MEMBER):
        case_id, _, entity = label.entity_id.partition("/")
        return entity == key and case_id not in held
    return (label.entity_kind, label.entity_id) == ("account", account)
