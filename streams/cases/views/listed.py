"""Which cases a list shows, and a case in one line, for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from streams.cases.views.terminal import CaseRow
from streams.schema.cases import Severity, is_at_least
from streams.schema.names import Behaviour


@dataclass(frozen=True)
class Filter:
    """What a list is asked for; unset fields ask for nothing."""

    behaviour: Behaviour | None = None
    severity: Severity | None = None
    """The least. A case without one, as before calibration, passes."""
    text: str = ""
    """The start of a case's id, or an account, organisation, card, router or template as the case stores it."""

    def wants(self, case: CaseRow) -> bool:
        """Return whether a case is asked for."""
        enough = self.severity is None or is_at_least(case.payload.score.severity, self.severity)
        return enough and self.behaviour in (None, case.behaviour) and (not self.text or self._mentions(case))

    def _mentions(self, case: CaseRow) -> bool:
        return case.case_id.removeprefix("case-").startswith(self.text.removeprefix("case-")) or self.text.encode() in case.stored


@dataclass(frozen=True)
class Line:
    """A case in one line."""

    case_id: str
    state: str
    tier: str
    """`alert`, or `ask`: a question to the account holder."""
    behaviour: str
    severity: str
    chance: str
    title: str
    accounts: int
    requests: float
    nats: float
    muted: bool
    opened_at: datetime
    updated_at: datetime
    verdict: str
    """What a person decided; empty while nobody did."""
    next_step: str


def lines(cases: Iterable[CaseRow]) -> list[Line]:
    """Return each case in one line."""
    return [
        Line(
            case_id=case.case_id,
            state=case.state,
            tier=case.payload.tier,
            behaviour=case.behaviour,
            severity=case.payload.score.severity,
            chance=case.payload.score.chance,
            title=case.title,
            accounts=case.accounts,
            requests=case.requests,
            nats=case.evidence,
            muted=case.muted,
            opened_at=case.opened_at,
            updated_at=case.updated_at,
            verdict=case.payload.label.verdict if case.payload.label else "",
            next_step=case.payload.next_step,
        )
        for case in cases
    ]
