"""A case as one self-contained HTML page, for a file, a meeting or paper: without scripts, network or external fonts.

All of it comes from the stored row: the same row gives the same page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from streams.cases.hypothesis import WORDS
from streams.cases.timeline import Moment, has_exhibits
from streams.cases.views import html, terminal
from streams.cases.views.terminal import CaseRow
from streams.core import moments
from streams.schema import atlas
from streams.schema.cases import CaseMember, CasePayload, Decision, Hypothesis, Leak, Link, Merge, Near, Threshold, Version
from streams.schema.labels import ENOUGH_LABELS, EXCLUDE, MERGE, SPLIT, WITHDRAWN, Label
from streams.schema.names import AlertName, Behaviour

PRINTED_MEMBERS = 250
"""Members on the page, strongest first; `hydrometer case show --json` prints all that are stored."""
MAX_PAGE_VERSIONS = 12
MAX_PAGE_LINKS = 40


def page(case: CaseRow, chain: Sequence[Moment] = ()) -> str:
    """Return the page of a case as HTML, with its chain of evidence where people recorded any."""
    payload = case.payload
    sections = [
        _head(case),
        html.section("What stands out", _score(case) + html.bullets(feature.sentence for feature in payload.features) + _example(payload)),
        *([html.section(_rules_heading(case), html.bullets(map(terminal.rule_sentence, payload.rules)))] if payload.rules else []),
        html.section("Counter-evidence", _counter(payload.counter_evidence)),
        html.section("What it has been served", _leak(payload.leak) + _joins(payload.members)),
        html.section("What to do", _todo(case)),
        html.section("Why this is one case", _links(payload)),
        html.section(f"Accounts ({len(payload.members) and case.accounts:,})", _members(case)),
        *([html.section(f"{terminal.OWNERS} ({len(payload.owners):,})", _owners(payload))] if payload.owners else []),
        *([html.section("Chain of evidence", _chain(chain))] if has_exhibits(chain) else []),
        html.section("Decisions and history", _decisions(payload) + _history(payload.history, case.behaviour)),
    ]
    return html.document(f"{case.case_id}: {case.behaviour}", [*sections, _foot(case)])


def _head(case: CaseRow) -> str:
    badges = [
        case.behaviour,
        case.state,
        *(["muted: permitted party"] if case.muted else []),
        *(["ask: a question, no alert"] if case.asks else []),
    ]
    figures = {
        "accounts": f"{case.accounts:,}",
        "requests": f"{case.requests:,.0f}",
        "output tokens": f"{case.output_tokens:,.0f}",
        "severity": case.payload.score.severity or "not stored",
        "evidence, nats": f"{case.evidence:.1f}",
        "opened (UTC)": moments.shown(case.opened_at),
        "last change (UTC)": moments.shown(case.updated_at),
    }
    chance = f"<p class=note>{escape(case.payload.score.chance)}</p>"
    marks = "".join(f'<span class="badge {escape(mark.split(":")[0])}">{escape(mark)}</span>' for mark in badges)
    return f'<header><p class="id">{escape(case.case_id)} {marks}</p><h1>{escape(case.title)}</h1>{html.figures(figures)}{chance}</header>'


def _rules_heading(case: CaseRow) -> str:
    return "Which rules hold, though it is a question" if case.asks else "Why it is an alert"


def _score(case: CaseRow) -> str:
    """Return a row for each part of the score, what counts first, and its sum; what does not count is grey and says why."""
    score = case.payload.score
    most = max([abs(part.counted) for part in score.parts], default=1.0) or 1.0
    rows = []
    for part in score.parts:
        width = 100.0 * max(part.counted, 0.0) / most
        number = f"{part.counted:+.1f}" if part.counted else "0"
        rows.append(
            f'<tr class="{"" if part.counted else "grey"}"><th>{escape(part.family)}</th>'
            f'<td class="bar"><i style="width:{width:.1f}%"></i></td><td class="n">{number}</td>'
            f'<td class="n">{part.nats:+.1f}</td><td>{escape(part.why)}</td></tr>'
        )
    of = f" It is the score of {escape(score.of)}, the strongest of its accounts." if len(case.payload.members) > 1 else ""
    head = "<tr><td></td><td></td><td class=n>counted</td><td class=n>measured</td><td></td></tr>"
    unit = f"nats of {escape(case.behaviour)}"
    total = f'<tr class="sum"><th>score</th><td></td><td class="n">{case.evidence:.1f}</td><td></td><td>{unit}</td></tr>'
    note = f"<p class=note>The score is the sum of what is counted, in nats.{of}</p>"
    return f'<table class="bars">{head}{"".join(rows)}{total}</table>{note}' if rows else ""


def _example(payload: CasePayload) -> str:
    """Return the features of one member of a group, where they are known."""
    example = payload.example
    if example is None or len(payload.members) == 1:
        return ""
    sentences = html.bullets(feature.sentence for feature in example.features)
    return f"<h3>One of its accounts: {escape(example.account)}</h3>{sentences}"


def _counter(checks: Sequence[Hypothesis]) -> str:
    ranked = sorted(checks, key=lambda check: list(WORDS).index(check.fits))
    rows = [(check.hypothesis, WORDS[check.fits], check.because) for check in ranked]
    return html.table(("benign explanation", "", "because"), rows, lambda row: "" if row[1] == WORDS[False] else "doubt")


def _leak(leak: Leak) -> str:
    rows = [
        ("requests", _before(leak.requests_before_alert), f"{leak.requests:,.0f}"),
        ("output tokens", _before(leak.output_tokens_before_alert), f"{leak.output_tokens:,.0f}"),
    ]
    return (
        html.table(("", "before its accounts were alerted", "in all"), rows, numbers=(1, 2)) + f"<p class=note>{escape(leak.estimate)}.</p>"
    )


def _before(served: float | None) -> str:
    return "not counted: a channel's accounts are not listed" if served is None else f"{served:,.0f}"


def _joins(members: Mapping[str, CaseMember]) -> str:
    """Return a small chart: how many accounts had joined by when."""
    times = sorted(member.joined_at for member in members.values())
    if len(times) < 3 or times[-1] <= times[0]:  # noqa: PLR2004 (two points make a line, not a curve)
        return ""
    span, most, points = times[-1] - times[0], len(times), [(0.0, 60.0)]
    for count, time in enumerate(times, start=1):
        x = 600 * (time - times[0]) / span
        points += [(x, 60 - 56 * (count - 1) / most), (x, 60 - 56 * count / most)]
    ends = f"<p class=ends><span>{moments.shown(times[0])}</span><span>{most:,} accounts by {moments.shown(times[-1])}</span></p>"
    return html.curve("Accounts in the case over time", points, ends)


def _todo(case: CaseRow) -> str:
    payload = case.payload
    ladder, permission = payload.ladder, payload.permission
    rows = [
        ("suggested step", f"{ladder.step}: {ladder.does}"),
        ("because", ladder.why),
        ("if it is wrong", payload.if_wrong),
        ("signature", ladder.signature),
        (
            "terms touched",
            " ".join(f"{term.id} ({term.version}, in force {term.effective}): {term.text}" for term in payload.terms),
        ),
        ("ATLAS", "; ".join(f"{name} {atlas.NAMES.get(name, '')}".strip() for name in payload.atlas)),
        ("threshold", _bar(payload.threshold)),
    ]
    if permission:
        until = moments.shown(permission.expires)
        rows.append(("permitted", f"{permission.kind} {permission.party}, by {permission.owner}: {permission.reason}, until {until}"))
    return html.table(("", ""), rows, head=False)


def _bar(threshold: Threshold) -> str:
    who = f"since {threshold.since}, by {threshold.author}, approved by {threshold.approver}"
    return f"{threshold.nats:g} nats {who}: {threshold.reason}"


def _links(payload: CasePayload) -> str:
    rows = [
        (AlertName.parse(link.entity).key, moments.shown(link.since), f"came with {link.from_case}" if link.from_case else _weighed(link))
        for link in payload.links[:MAX_PAGE_LINKS]
    ]
    rest = len(payload.links) - len(rows)
    tables = html.table(("alert", "since (UTC)", "weighed"), rows) + (f"<p class=note>... and {rest:,} more.</p>" if rest else "")
    if payload.merges:
        merged = [(merge.case_id, moments.shown(merge.at), _weighed(merge)) for merge in payload.merges]
        tables += "<h3>Merges</h3>" + html.table(("case", "at (UTC)", "weighed"), merged)
        tables += "<p class=note>Undo: <code>hydrometer case split CASE LINK</code>. What was split is never joined again.</p>"
    if payload.near:
        near = [(candidate.case_id, _weighed(candidate)) for candidate in payload.near]
        tables += "<h3>Related cases, not joined</h3>" + html.table(("case", "weighed"), near)
    return tables


def _weighed(weighed: Link | Merge | Near) -> str:
    if weighed.nats is None or weighed.needed is None:
        return "the first alert of the case"
    shared = [
        f"{edge.kind}: {edge.shared} of {edge.of} share it, as {edge.common:.1%} of all do, {edge.nats:+.1f}"
        for edge in weighed.edges or []
    ]
    if not isinstance(weighed, Near):
        return "; ".join([terminal.joined_by(weighed), *shared])
    same = [f"{weighed.same_accounts:.0%} of the smaller side are the same accounts"] if weighed.same_accounts else []
    return "; ".join([*same, *shared, f"not joined: {weighed.nats:.1f} nats of {weighed.needed:.0f} needed"])


def _members(case: CaseRow) -> str:
    ranked, score = terminal.members(case), terminal.scored(case)
    rows = [
        (
            account,
            moments.shown(member.joined_at),
            moments.shown(member.left_at) if member.left_at else "",
            f"{member.requests:,.0f}",
            f"{member.output_tokens:,.0f}",
            f"{member.score(score):.1f}",
            member.router,
            member.payment,
        )
        for account, member in ranked[:PRINTED_MEMBERS]
    ]
    rest, others = len(ranked) - len(rows) + case.payload.members_left_out, terminal.unlisted(case)
    more = f"<p class=note>... and {rest:,} more.</p>" if rest else ""
    more += f"<p class=note>{escape(others)}.</p>" if others else ""
    heads = ("account", "joined (UTC)", "left", "requests", "output tokens", f"nats of {score}", "router", "card")
    return (html.table(heads, rows, numbers=(3, 4, 5), wide=True) if rows else "") + more


def _owners(payload: CasePayload) -> str:
    rows = [
        (account, moments.shown(owner.joined_at), f"{owner.requests:,.0f}", f"{owner.output_tokens:,.0f}", owner.router, owner.organization)
        for account, owner in terminal.owners(payload)[:PRINTED_MEMBERS]
    ]
    rest = len(payload.owners) - len(rows) + payload.owners_left_out
    heads = ("account", "found (UTC)", "requests", "output tokens", "router", "organisation")
    more = f"<p class=note>... and {rest:,} more.</p>" if rest else ""
    return f"<p class=note>{escape(terminal.OWNERS_WHY)}</p>{html.table(heads, rows, numbers=(2, 3), wide=True)}{more}"


def _chain(chain: Sequence[Moment]) -> str:
    rows = [
        (moments.lasted(one.began, one.ended), one.what, one.by, f"{one.sentence} SHA-256 {one.sha256}" if one.sha256 else one.sentence)
        for one in chain
    ]
    note = "Harvest and alert are the case's own; a person recorded each other line, signed. SHA-256 is of the file."
    return html.table(("when (UTC)", "what", "recorded by", ""), rows) + f"<p class=note>{escape(note)}</p>"


DECISION_WORDS: Final[Mapping[str, str]] = {
    SPLIT: "split off",
    MERGE: "joined",
    EXCLUDE: "excluded",
    WITHDRAWN: "withdrew the decision about",
}
"""What was done to a link or a member of a case, by verdict."""


def _decisions(payload: CasePayload) -> str:
    label = payload.label
    rows: list[tuple[str, Label | Decision]] = [(label.verdict, label)] if label else []
    rows += [(f"{DECISION_WORDS[one.verdict]} {one.entity_id}", one) for one in payload.decided]
    lines = [f"{what}, {one.author}, {moments.shown(one.time)}: {one.note or 'no note'}" for what, one in rows]
    triage = payload.triage
    counts = f"{triage.labels.distilling} labels distilling, {triage.labels.other} other"
    opinion = "has too few labels" if triage.distilling is None else f"gives distilling a probability of {triage.distilling:.0%}"
    return html.bullets([*(lines or ["No decision yet."]), f"Triage {opinion} ({counts}; it needs {ENOUGH_LABELS} of each)."])


def _history(entries: Sequence[Version], behaviour: Behaviour) -> str:
    rows = [
        (
            str(entry.version),
            moments.shown(entry.updated_at),
            entry.state,
            f"{entry.accounts:,}",
            f"{entry.requests:,.0f}",
            f"{entry.extraction if behaviour == 'extraction' else entry.routing:.1f}",
            entry.hash[:16],
        )
        for entry in entries[-MAX_PAGE_VERSIONS:]
    ]
    unlisted = entries[-1].version - len(rows) if entries else 0
    before = f"<p class=note>{unlisted} other versions before these. Check all: <code>hydrometer case verify</code>.</p>"
    heads = ("version", "at (UTC)", "state", "accounts", "requests", f"nats of {behaviour}", "chained hash")
    return html.table(heads, rows, numbers=(0, 3, 4, 5)) + (before if unlisted else "")


def _foot(case: CaseRow) -> str:
    digest = case.payload.history[-1].hash
    made = f"Hydrometer, table cases, version {case.version}, chained hash {digest}."
    return f"<footer>{escape(made)} Scores rank a queue; a person decides. No prompt text is stored, so none is shown.</footer>"
