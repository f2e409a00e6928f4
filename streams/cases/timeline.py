"""The chain of evidence of a case as one timeline: what was harvested and when, served canaries, the model's release, tests, exports.

Harvest and alert come from the case's own row, all else from signed actions of people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.core.queries import Queries
from streams.schema.actions import Action, action_of
from streams.schema.exhibits import exhibit_of

if TYPE_CHECKING:
    from streams.cases.views.terminal import CaseRow

_KINDS: Final = ("exhibit", "export")


@dataclass(frozen=True)
class Moment:
    """One entry of the timeline. Times are seconds since 1970."""

    began: float
    ended: float
    """The same as `began` unless it lasted."""
    what: str
    """A kind: harvest, alert, canary, served, release, comparison, canary check, export."""
    sentence: str
    by: str = ""
    """Who recorded it; empty for what the case's row says."""
    sha256: str = ""
    """Of the file that shows it; empty without one."""


def recorded(clickhouse: Queries, case_id: str) -> list[Action]:
    """Return the actions that a case's timeline names, the oldest first. Raises StoreUnavailableError."""
    names = ", ".join(Action.__struct_fields__)
    rows = clickhouse.query(
        f"SELECT {names} FROM actions FINAL WHERE case_id = %(case)s AND kind IN %(kinds)s "  # noqa: S608 (our own column names)
        "ORDER BY time, action_id",
        {"case": case_id, "kinds": list(_KINDS)},
    )
    return [action_of(row) for row in rows]


def timeline(case: CaseRow, actions: Iterable[Action]) -> list[Moment]:
    """Return the chain of evidence of a case, in order of time."""
    return sorted([*_harvest(case), *filter(None, map(_of_action, actions))], key=lambda moment: (moment.began, moment.ended))


def has_exhibits(moments: Sequence[Moment]) -> bool:
    """Return whether people recorded anything: without, a timeline repeats what the case says elsewhere."""
    return any(moment.by for moment in moments)


def _harvest(case: CaseRow) -> list[Moment]:
    firsts = [member.first or member.joined_at for member in case.payload.members.values()]
    began = min([*firsts, case.opened_at.timestamp()])
    ended = max(case.updated_at.timestamp(), began)
    served = f"{case.accounts:,} accounts sent {case.requests:,.0f} requests and were served {case.output_tokens:,.0f} output tokens."
    opened = case.opened_at.timestamp()
    return [
        Moment(began, ended, "harvest", served),
        Moment(opened, opened, "alert", f"The case opened: {case.title}"),
    ]


def _of_action(action: Action) -> Moment | None:
    if action.kind == "export":
        recipient = f" for {action.note}" if action.note else ""
        return Moment(action.time, action.time, "export", f"The case was exported{recipient}.", action.author, action.value)
    exhibit = exhibit_of(action)
    if exhibit is None:
        return None
    return Moment(exhibit.began, exhibit.ended, exhibit.kind, action.note, action.author, exhibit.sha256)
