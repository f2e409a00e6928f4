"""Cases on a terminal: one panel per case, or a list. The demonstration and `hydrometer case` print the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
import orjson
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.cases.audit_chain import HistoryCheck, content
from streams.cases.linking import MIN_SAME_ACCOUNTS_SHARE
from streams.cases.splitting import links_to_remove
from streams.cases.timeline import Moment, has_exhibits
from streams.core import moments
from streams.core.errors import HydrometerError
from streams.core.queries import Queries
from streams.core.typed_json import read_json
from streams.schema.cases import Case, CaseMember, CasePayload, Contribution, HeldRule, Hypothesis, Link, Merge, Score, Version
from streams.schema.labels import VERDICTS
from streams.schema.names import Behaviour

MIN_SHOWN_NATS = 0.5
"""A panel does not mention a family with less evidence."""
OWNERS: Final = "Accounts whose key may be used by others: warn the account holder"
"""Heading of the accounts of a case that were handed over."""
OWNERS_WHY: Final = (
    "Each is established, and worked for an hour or more in another program before it came to the one that the case is about. "
    "Whoever pays for it may not know of these requests. They are no members of the case, and no step may name them."
)
MAX_SHOWN_ROWS = 8
"""Members, features and links that a panel shows; `--json` prints all."""


class UnknownCaseError(HydrometerError):
    """The case does not exist. The message names the command that lists cases."""


class UnknownLinkError(HydrometerError):
    """A case does not have this link, or has only this one. The message lists its links."""


class BrokenHistoryError(HydrometerError):
    """A stored case was changed after it was stored. The message names the version."""


@dataclass(frozen=True)
class CaseRow:
    """The newest stored version of a case. Times are UTC; evidence is in nats."""

    case_id: str
    version: int
    opened_at: datetime
    updated_at: datetime
    state: str
    behaviour: Behaviour
    title: str
    accounts: int
    requests: float
    output_tokens: float
    extraction: float
    routing: float
    muted: bool
    payload: CasePayload
    stored: bytes = b""
    """The payload as it was stored: its digest covers every field, also fields that this version does not know."""

    @property
    def asks(self) -> bool:
        """Whether it is a question to the account holder, and no alert."""
        return self.payload.tier == "ask"

    @property
    def evidence(self) -> float:
        """Evidence of the case's behaviour, in nats."""
        return self.extraction if self.behaviour == "extraction" else self.routing

    def json(self) -> bytes:
        """Return everything about the case as indented JSON."""
        row = {name: getattr(self, name) for name in Case.__struct_fields__}
        return orjson.dumps({**row, "payload": orjson.loads(self.stored)}, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)


_COLUMNS = ", ".join(Case.__struct_fields__)
_PREFIX: Final = "case-"


def newest(clickhouse: Queries, *, with_resolved: bool = False) -> list[CaseRow]:
    """Return the open cases (with `with_resolved`, resolved ones too): alerts before questions, the most evidence first.

    Raises StoreUnavailableError.
    """
    rows = clickhouse.query(
        f"SELECT {_COLUMNS} FROM cases FINAL WHERE %(every)s OR state = 'open' "  # noqa: S608 (our own column names)
        "ORDER BY state, JSONExtractString(payload, 'tier') = 'ask', behaviour, greatest(extraction, routing) DESC, case_id",
        {"every": int(with_resolved)},
    )
    return [_case(row) for row in rows]


def find(clickhouse: Queries, case_id: str) -> CaseRow:
    """Return one case by the start of its id, with or without `case-`. Raises UnknownCaseError when no case, or several, match."""
    rows = clickhouse.query(
        f"SELECT {_COLUMNS} FROM cases FINAL WHERE startsWith(case_id, %(name)s) ORDER BY case_id LIMIT 2",  # noqa: S608 (as above)
        {"name": _PREFIX + case_id.removeprefix(_PREFIX)},
    )
    return only([_case(row) for row in rows], case_id)


def only(cases: Sequence[CaseRow], case_id: str) -> CaseRow:
    """Return the case whose id begins like this, with or without `case-`. Raises UnknownCaseError when no case, or several, match."""
    cases = [case for case in cases if case.case_id.removeprefix(_PREFIX).startswith(case_id.removeprefix(_PREFIX))]
    exact = [case for case in cases if case.case_id.removeprefix(_PREFIX) == case_id.removeprefix(_PREFIX)]
    if exact or len(cases) == 1:
        return (exact or cases)[0]
    problem = "no case" if not cases else "more than one case"
    raise UnknownCaseError(f"{problem} begins with {case_id!r}: see `hydrometer case list --all`")


def seen(clickhouse: Queries, kind: str, name: str) -> bool:
    """Return whether an account or a router (the `kind`) was ever scored, or has a stored request."""
    scored = "SELECT 1 FROM scores WHERE entity_kind = %(kind)s AND entity_id = %(name)s LIMIT 1"
    asked = "SELECT 1 FROM requests WHERE %(kind)s = 'account' AND account_id = %(name)s LIMIT 1"
    return any(clickhouse.query(sql, {"kind": kind, "name": name}) for sql in (scored, asked))


def check_split(case: CaseRow, link: str) -> None:
    """Raise UnknownLinkError unless a case has this link and others beside it: the stage silently ignores any other split."""
    into = case.payload.merged_into
    if into:
        raise UnknownLinkError(f"{case.case_id} was merged: split {into} instead")
    links, removed = case.payload.links, links_to_remove(case.payload.links, link)
    if not removed:
        names = [kept_link.from_case or kept_link.entity for kept_link in links]
        raise UnknownLinkError(f"{case.case_id} has no link {link!r}: it has {', '.join(list(dict.fromkeys(names))[:MAX_SHOWN_ROWS])}")
    if len(removed) == len(links):
        raise UnknownLinkError(f"{link} is the only link of {case.case_id}: it cannot be split off")


def check(clickhouse: Queries, case: CaseRow, history: HistoryCheck) -> str:
    """Check a case's history: its signature, and every signed version that ClickHouse still has. Return the result in one line.

    Raises BrokenHistoryError, which names the first version that was changed.
    """
    entries = case.payload.history
    if fault := history.fault(case.case_id, orjson.loads(case.stored)):
        raise BrokenHistoryError(f"{case.case_id}: {fault}")
    if case.version != entries[-1].version:
        raise BrokenHistoryError(f"{case.case_id}: version {case.version} is stored, but its history ends at {entries[-1].version}")
    entries_by_version = {entry.version: entry for entry in entries}
    rows = clickhouse.query(f"SELECT {_COLUMNS} FROM cases WHERE case_id = %(name)s ORDER BY version", {"name": case.case_id})  # noqa: S608 (as above)
    stored = [row for row in map(_case, rows) if row.payload.signature or row.version >= case.version]  # older ones were never signed
    # of a long history not every older version is listed
    stored = [row for row in stored if row.version in entries_by_version or row.version > entries[-1].version]
    for row in (case, *stored):
        if row.version not in entries_by_version or not _agrees(row, entries_by_version[row.version]):
            raise BrokenHistoryError(
                f"{case.case_id}: the stored row of version {row.version} differs from its history: it was changed after it was stored"
            )
    agree = f"{len(stored)} of {len(rows)} stored rows were signed and agree"
    listed = f"{len(entries)} versions" if entries[-1].version == len(entries) else f"{len(entries)} of {entries[-1].version} versions"
    return f"{case.case_id}: {listed} are signed, {agree}; last hash {entries[-1].hash}"


def _agrees(row: CaseRow, entry: Version) -> bool:
    figures = (row.state == entry.state, row.accounts == entry.accounts, row.requests == entry.requests)
    moments = round(row.updated_at.timestamp() * 1000) == round(entry.updated_at * 1000)
    extraction, routing = np.float32(entry.extraction) == np.float32(row.extraction), np.float32(entry.routing) == np.float32(row.routing)
    return all(figures) and moments and bool(extraction and routing) and content(row, orjson.loads(row.stored)) == entry.content


def _case(row: Sequence[Any]) -> CaseRow:
    columns = dict(zip(Case.__struct_fields__, row, strict=True))
    stored = str(columns["payload"]).encode()
    return CaseRow(**{**columns, "payload": read_json(stored, CasePayload), "stored": stored})


_ID_WIDTH: Final = len("case-0fbfa5df00f4")


WIDE_CHARACTERS: Final = 120
"""Width from which a list shows all columns."""
UNFOLDED_CHARACTERS: Final = 1000
"""Width for other programs: one line per case, never wrapped."""
_NARROW: Final = ("case", "severity", "behaviour", "accounts", "nats", "why")


def table(cases: Sequence[CaseRow], width: int = WIDE_CHARACTERS) -> Table:
    """Return a list of at least one case, with fewer columns below `WIDE_CHARACTERS`: the reason needs room."""
    listed = Table(
        box=None, pad_edge=False, caption=f"as of {moments.shown(max(case.updated_at for case in cases))} (UTC)", caption_justify="left"
    )
    headings = ("case", "severity", "state", "behaviour", "accounts", "requests", "nats", "since (UTC)", "why")
    shown = [heading for heading in headings if width >= WIDE_CHARACTERS or heading in _NARROW]
    for heading in shown:
        justify: Literal["left", "right"] = "right" if heading in {"accounts", "requests", "nats"} else "left"
        whole = _ID_WIDTH if heading == "case" else None  # on a narrow terminal too: people type the id next
        listed.add_column(heading, no_wrap=heading != "why", justify=justify, min_width=whole)
    for case in cases:
        state = ", ".join([case.state, *(["muted"] if case.muted else []), *(["ask"] if case.asks else [])])
        numbers = (f"{case.accounts:,}", f"{case.requests:,.0f}", f"{case.evidence:.1f}")
        cells: tuple[str | Text, ...] = (
            case.case_id,
            case.payload.score.severity,
            state,
            case.behaviour,
            *numbers,
            moments.shown(case.opened_at),
            Text(case.title),
        )
        listed.add_row(*(cell for heading, cell in zip(headings, cells, strict=True) if heading in shown))
    return listed


def panel(case: CaseRow) -> Panel:
    """Return the essentials of a case: who, why, counter-evidence, the cost of being wrong, the next step."""
    grid = _grid()
    payload = case.payload
    grid.add_row("who", f"{case.accounts:,} accounts, {case.requests:,.0f} requests, {case.output_tokens:,.0f} output tokens")
    grid.add_row("why", Text(case.title))
    against = _against(payload.counter_evidence)
    grid.add_row("how urgent", Text(urgency(payload.score)))
    grid.add_row("evidence", Text(evidence(case)))
    if payload.rules:
        grid.add_row("rule", Text("; ".join(rule_sentence(rule) for rule in payload.rules)))
    grid.add_row("against", Text(against))
    grid.add_row("if wrong", Text(payload.if_wrong))
    grid.add_row("next", Text(payload.next_step))
    if payload.owners:
        grid.add_row("warn", Text(f"{OWNERS}: {', '.join(_shown_owners(payload))}"))
    colour = "red" if case.behaviour == "extraction" else "yellow"
    return Panel(grid, title=f"[bold]{case.case_id}[/] {case.behaviour}", title_align="left", border_style=colour)


def owners(payload: CasePayload) -> list[tuple[str, CaseMember]]:
    """Return the accounts of a case whose key may be used by others, the most evidence of extraction first."""
    return sorted(payload.owners.items(), key=lambda item: (-item[1].extraction, item[0]))


def _shown_owners(payload: CasePayload) -> list[str]:
    rest = len(payload.owners) - MAX_SHOWN_ROWS + payload.owners_left_out
    return [name for name, _ in owners(payload)[:MAX_SHOWN_ROWS]] + ([f"and {rest:,} more: --json has all"] if rest > 0 else [])


def rule_sentence(rule: HeldRule) -> str:
    """Say which rule made evidence enough for an alert, what it requires and for how many accounts it held first."""
    accounts = "1 account" if rule.accounts == 1 else f"{rule.accounts:,} accounts"
    return f"{rule.name} ({accounts}): {rule.requires or 'a rule of another version'}"


def file(case: CaseRow, chain: Sequence[Moment] = ()) -> Group:
    """Return the panel of a case with its details: state, features, links, strongest members, and its chain of evidence."""
    grid, payload = _grid(), case.payload
    label = payload.label
    grid.add_row(
        "state", f"{case.state}, opened {moments.shown(case.opened_at)}, version {case.version} of {moments.shown(case.updated_at)} (UTC)"
    )
    grid.add_row("label", Text(f"{label.verdict}, {label.author}: {label.note}" if label else "none yet"))
    grid.add_row("atlas", ", ".join(payload.atlas))
    for name, lines in (("features", _sentences(payload)), ("links", _links(payload)), ("members", _members(case))):
        grid.add_row(name, Text("\n".join(lines) or "none"))
    if has_exhibits(chain):
        grid.add_row("chain", Text("\n".join(f"{moments.lasted(one.began, one.ended)} {one.what}: {one.sentence}" for one in chain)))
    grid.add_row("decide", f"hydrometer label case {case.case_id} {'|'.join(VERDICTS)} --note WHY")
    return Group(panel(case), grid)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    return grid


def urgency(score: Score) -> str:
    """Return the severity of a score and how rare it is, as a person reads it.

    >>> urgency(Score(severity="high", chance="About 1 in 2,000 ordinary accounts looks like this."))
    'high. About 1 in 2,000 ordinary accounts looks like this.'
    """
    return f"{score.severity}. {score.chance}" if score.severity else "not known: stored by an older version"


def evidence(case: CaseRow) -> str:
    """Return the score of a case as the sum of what counts, and what does not count with the reason."""
    score = case.payload.score
    total = f"{case.evidence:.1f} nats of {case.behaviour}"
    if not score.parts:
        return f"{total}; of which families is not stored"
    counting = ", ".join(f"{part.family} {part.counted:+.1f}{_measured(part)}" for part in score.parts if part.counted)
    beside = "; ".join(f"{part.family} {part.nats:+.1f} ({part.why or 'is zero'})" for part in score.parts if uncounted(part))
    whose = score.of if len(case.payload.members) > 1 else ""
    return f"{total}{whose and f' (that of {whose})'} = {counting or 'nothing'}{beside and f'. Not counted: {beside}'}"


def uncounted(part: Contribution) -> bool:
    """Return whether a part of a score was measured, and does not count."""
    return not part.counted and abs(part.nats) >= MIN_SHOWN_NATS


def _measured(part: Contribution) -> str:
    return f" ({part.nats:+.1f}: {part.why})" if part.why else ""


def _against(checks: Sequence[Hypothesis]) -> str:
    fitting = "; ".join(_check(check) for check in checks if check.fits) or "no benign explanation fits"
    undecided = "; ".join(_check(check) for check in checks if check.fits is None)
    return f"{fitting}; cannot be told: {undecided}" if undecided else fitting


def _check(check: Hypothesis) -> str:
    return f"{check.hypothesis} ({check.because})"


def _sentences(payload: CasePayload) -> list[str]:
    """Return the features that stand out: the group's, and those of its clearest member."""
    lines = [feature.sentence for feature in payload.features]
    example = payload.example
    if example is None or len(payload.members) == 1:
        return lines
    return [*lines, f"one of its accounts, {example.account}:", *(f"  {feature.sentence}" for feature in example.features)]


def _links(payload: CasePayload) -> list[str]:
    links = payload.links
    return [*(f"{link.entity}: {link.why}{_weighed(link)}" for link in links[:MAX_SHOWN_ROWS]), *_rest(links)]


def _weighed(link: Link) -> str:
    return f", {joined_by(link)}" if link.edges or link.same_accounts else ""


def joined_by(link: Link | Merge) -> str:
    """Return what joined an alert, or a case, to a case, as a clause: the same accounts, or links that weigh enough."""
    nats, needed = link.nats or 0.0, link.needed or 0.0
    same = f"{link.same_accounts:.0%} of the smaller side are the same accounts" if link.same_accounts else ""
    if same and (link.same_accounts or 0.0) >= MIN_SAME_ACCOUNTS_SHARE and nats < needed:
        return f"joined because {same} ({MIN_SAME_ACCOUNTS_SHARE:.0%} are needed)"
    return (
        f"joined by links of {nats:.1f} nats ({needed:.0f} are needed){f'; {same}' if same else ''}"
        if link.edges
        else "a member of the channel"
    )


def scored(case: CaseRow) -> Behaviour:
    """Return the behaviour whose score ranks the members of a case: its own, or extraction in a row stored without it."""
    stored = case.behaviour == "extraction" or all(member.routing is not None for member in case.payload.members.values())
    return case.behaviour if stored else "extraction"


def members(case: CaseRow) -> list[tuple[str, CaseMember]]:
    """Return the members of a case, the most evidence of its behaviour first."""
    score = scored(case)
    return sorted(case.payload.members.items(), key=lambda item: (-item[1].score(score), item[0]))


def unlisted(case: CaseRow) -> str:
    """Return, as a clause, how many accounts of a channel a case counts but does not list; empty when it lists all."""
    listed = len(case.payload.members) + case.payload.members_left_out
    if case.behaviour == "extraction" or listed >= case.accounts:
        return ""
    if not listed:
        return f"its {case.accounts:,} accounts use the channel: not accused, and not listed"
    alerted = "is alerted itself" if listed == 1 else "are alerted themselves"
    return f"{listed:,} of {case.accounts:,} accounts {alerted}; the others use the channel: not accused, and not listed"


def _members(case: CaseRow) -> list[str]:
    ranked, score, others = members(case), scored(case), unlisted(case)
    lines = [
        f"{name}: {member.requests:,.0f} requests, {member.score(score):.1f} nats of {score}" for name, member in ranked[:MAX_SHOWN_ROWS]
    ]
    return [*lines, *_rest(ranked), *([others] if others else [])]


def _rest(items: Sequence[Any]) -> list[str]:
    return [f"... and {len(items) - MAX_SHOWN_ROWS} more: --json has all"] if len(items) > MAX_SHOWN_ROWS else []
