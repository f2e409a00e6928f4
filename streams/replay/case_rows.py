"""Alerts and cases of a replay as rows: the newest version of a case, how it came to that, and its accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from streams.schema.cases import Alert, Case, Score, Tier
from streams.schema.record import Nats, Record, Seconds, UInt32, UInt64
from streams.schema.replay_files import AlertRow, CaseMemberRow, CaseRow, CaseVersionRow


class _TierAndScore(Record, frozen=True):
    """What a version row needs of a payload."""

    tier: Tier = "alert"
    score: Score = msgspec.field(default_factory=Score)


class _Figures(Record, frozen=True):
    """The figures of a version: a case is decoded without its members."""

    case_id: str
    version: UInt64
    updated_at: Seconds
    state: str
    accounts: UInt32
    requests: float
    extraction: Nats
    routing: Nats
    payload: _TierAndScore


def alert_rows(records: Iterable[bytes]) -> Iterator[AlertRow]:
    """Yield a row for each record of the topic `alerts`."""
    for record in records:
        alert = Alert.decode(record)
        yield AlertRow(
            alert_id=alert.alert_id,
            time=alert.time,
            state=alert.state,
            behaviour=alert.behaviour,
            entity_kind=alert.entity_kind,
            entity_id=alert.entity_id,
            case_id=alert.case_id,
            evidence=alert.evidence,
            severity=alert.payload.score.severity,
            summary=alert.summary,
        )


def version_rows(records: Iterable[bytes]) -> Iterator[CaseVersionRow]:
    """Yield a row for each record of the topic `cases`."""
    for record in records:
        case = _Figures.decode(record)
        yield CaseVersionRow(
            case_id=case.case_id,
            version=case.version,
            updated_at=case.updated_at,
            state=case.state,
            tier=case.payload.tier,
            severity=case.payload.score.severity,
            accounts=case.accounts,
            requests=case.requests,
            extraction=case.extraction,
            routing=case.routing,
        )


def newest(records: Iterable[bytes]) -> list[Case]:
    """Return the last version of every case, by id. records: of the topic `cases`, in order."""
    last = {_Figures.decode(record).case_id: record for record in records}
    return [Case.decode(last[case_id]) for case_id in sorted(last)]


def case_row(case: Case) -> CaseRow:
    """Return the row of a case."""
    payload = case.payload
    return CaseRow(
        case_id=case.case_id,
        version=case.version,
        opened_at=case.opened_at,
        updated_at=case.updated_at,
        state=case.state,
        merged_into=payload.merged_into,
        behaviour=case.behaviour,
        tier=payload.tier,
        severity=payload.score.severity,
        title=case.title,
        rule=payload.rules[0].name if payload.rules else None,
        accounts=case.accounts,
        requests=case.requests,
        output_tokens=case.output_tokens,
        requests_before_alert=payload.leak.requests_before_alert,
        extraction=case.extraction,
        routing=case.routing,
        families=payload.families,
        step=payload.ladder.step,
        muted=case.muted,
        withdrawn=bool(payload.withdrawn),
    )


def member_rows(case: Case) -> Iterator[CaseMemberRow]:
    """Yield a row for each account that a case lists, its members before the owners that are to be warned."""
    for part, accounts in (("member", case.payload.members), ("owner", case.payload.owners)):
        for account, member in accounts.items():
            yield CaseMemberRow(
                case_id=case.case_id,
                account_id=account,
                part=part,
                joined_at=member.joined_at,
                left_at=member.left_at,
                requests=member.requests,
                output_tokens=member.output_tokens,
                extraction=member.extraction,
                routing=member.routing,
            )
