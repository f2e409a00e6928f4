"""Cases on a terminal: one panel per case, or a list. The demonstration and `hydrometer case` print the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.cases.linking import MIN_SAME_ACCOUNTS_SHARE
from streams.cases.splitting import links_to_remove
from streams.cases.timeline import Moment, has_exhibits
from streams.core import moments
from streams.core.errors import HydrometerError
from streams.core.queries import Queries
from streams.core.typed_json import read_json
from streams.schema.case_changes import Items, items_of, lists_digest, put_together
from streams.schema.cases import Case, CaseMember, CasePayload, Contribution, HeldRule, Hypothesis, Link, Merge, Score
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
    whole_version: int = 0
    stored: bytes = b""
    """The payload as it was stored, with its lists: its digest covers every field, also fields that this version does not know."""

    @property
    def is_of_one_moment(self) -> bool:
        """Whether its lists are those of its version; True for a case of before 0.3, whose lists are in its payload."""
        digest, history = self.payload.lists_sha256, self.payload.history
        if not digest:
            return True
        return bool(history) and history[-1].version == self.version and digest == lists_digest(items_of(self.stored))

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


COLUMNS: Final = ", ".join(Case.__struct_fields__)
"""The columns of the table `cases` that are read."""
_LISTS: Final = "SELECT case_id, toString(part), name, value FROM case_lists WHERE case_id IN %(cases)s"
_MAX_CASES_PER_READ: Final = 1_000
MAX_READS: Final = 3
"""Reads of one case: a version that is being stored is two rows at least, and one of them may be there before the other."""
_PREFIX: Final = "case-"


def newest(clickhouse: Queries, *, with_resolved: bool = False) -> list[CaseRow]:
    """Return the open cases (with `with_resolved`, resolved ones too): alerts before questions, the most evidence first.

    Raises StoreUnavailableError.
    """
    rows = clickhouse.query(
        f"SELECT {COLUMNS} FROM cases FINAL WHERE %(every)s OR state = 'open' "  # noqa: S608 (our own column names)
        "ORDER BY state, JSONExtractString(payload, 'tier') = 'ask', behaviour, greatest(extraction, routing) DESC, case_id",
        {"every": int(with_resolved)},
    )
    return _whole(clickhouse, rows)


def find(clickhouse: Queries, case_id: str) -> CaseRow:
    """Return one case by the start of its id, with or without `case-`. Raises UnknownCaseError when no case, or several, match."""
    for _ in range(MAX_READS):
        rows = clickhouse.query(
            f"SELECT {COLUMNS} FROM cases FINAL WHERE startsWith(case_id, %(name)s) ORDER BY case_id LIMIT 2",  # noqa: S608 (as above)
            {"name": _PREFIX + case_id.removeprefix(_PREFIX)},
        )
        case = only(_whole(clickhouse, rows), case_id)
        if case.is_of_one_moment:
            break
    return case


def _whole(clickhouse: Queries, rows: Sequence[Sequence[Any]]) -> list[CaseRow]:
    """Return stored cases with what their lists have."""
    items: dict[str, Items] = {str(row[0]): {} for row in rows}
    names = list(items)
    for start in range(0, len(names), _MAX_CASES_PER_READ):
        for case_id, part, name, value in clickhouse.query(_LISTS, {"cases": names[start : start + _MAX_CASES_PER_READ]}):
            items[case_id].setdefault(part, {})[name] = value.encode()
    return [stored_row(row, items[str(row[0])]) for row in rows]


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


def stored_row(row: Sequence[Any], items: Items | None = None) -> CaseRow:
    """Return a row of the table `cases` (the columns of COLUMNS) as a case, with these items of its lists; None: without them."""
    columns = dict(zip(Case.__struct_fields__, row, strict=True))
    payload = str(columns["payload"]).encode()
    stored = payload if items is None else put_together(payload, items)
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
