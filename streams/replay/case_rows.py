"""Alerts and cases of a replay as rows: the newest version of a case, how it came to that, and its accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from streams.schema.case_changes import newest_whole
from streams.schema.cases import Alert, Case, Score, Tier
from streams.schema.record import Nats, Record, Seconds, UInt32, UInt64
from streams.schema.replay_files import AlertRow, CaseMemberRow, CaseVersionRow, ReplayedCase

_Row = TypeVar("_Row", bound=Record)


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
    for alert in map(Alert.decode, records):
        yield _row(AlertRow, alert, severity=alert.payload.score.severity)


def version_rows(records: Iterable[bytes]) -> Iterator[CaseVersionRow]:
    """Yield a row for each record of the topic `cases`."""
    for case in map(_Figures.decode, records):
        yield _row(CaseVersionRow, case, tier=case.payload.tier, severity=case.payload.score.severity)


def newest(records: Iterable[bytes]) -> list[Case]:
    """Return the last version of every case, by id. records: of the topic `cases`, in order."""
    last = newest_whole(records)
    return [Case.decode(last[case_id]) for case_id in sorted(last)]


def case_row(case: Case) -> ReplayedCase:
    """Return the row of a case."""
    payload = case.payload
    return _row(
        ReplayedCase,
        case,
        merged_into=payload.merged_into,
        tier=payload.tier,
        severity=payload.score.severity,
        rule=payload.rules[0].name if payload.rules else None,
        requests_before_alert=payload.leak.requests_before_alert,
        families=payload.families,
        step=payload.ladder.step,
        withdrawn=bool(payload.withdrawn),
    )


def member_rows(case: Case) -> Iterator[CaseMemberRow]:
    """Yield a row for each account that a case lists, its members before the owners that are to be warned."""
    for part, accounts in (("member", case.payload.members), ("owner", case.payload.owners)):
        for account, member in accounts.items():
            yield _row(CaseMemberRow, member, case_id=case.case_id, account_id=account, part=part)


def _row(kind: type[_Row], record: msgspec.Struct, **others: Any) -> _Row:
    """Return a row of this kind: `others`, and fields that a record has under the same names."""
    return kind(**{name: getattr(record, name) for name in kind.__struct_fields__ if name not in others}, **others)
