"""What a replay found, as pages to read: `report.html`, and one page a case under `cases/`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Final

from streams.cases.views import html
from streams.cases.views.page import page
from streams.cases.views.recorded import recorded
from streams.cases.views.terminal import CaseRow
from streams.replay.coverage import LACK_HEADINGS, lacks
from streams.replay.lacking_costs import sentences
from streams.schema.replay_files import CoverageReport, Summary

MAX_CASE_PAGES: Final = 200
"""Cases with a page of their own, those with the most evidence."""
_WIDTH_PIXELS, _HEIGHT_PIXELS = 600, 60


def write(out: Path, summary: Summary, coverage: CoverageReport) -> None:
    """Write the pages of a replay into its folder, whose `cases.jsonl` is there already."""
    cases = recorded(out, with_resolved=True)
    shown = sorted(cases, key=lambda case: (case.state != "open", -case.evidence))[:MAX_CASE_PAGES]
    (out / "cases").mkdir(exist_ok=True)
    for case in shown:
        (out / "cases" / f"{case.case_id}.html").write_text(page(case), encoding="utf-8")
    parts = [
        _head(summary, cases),
        html.section(f"Cases ({len(cases):,})", _table(shown) if shown else "<p>No case was opened.</p>"),
        html.section("Evidence over time", "".join(map(_curve, shown[:12])) or "<p>Nothing to draw.</p>"),
        html.section("What this log lacks", _fields(coverage, summary.formats)),
        html.section("How much of each field is known", html.bars({row.field: row.share for row in coverage.fields})),
        html.section("What it can be judged by", _families(coverage)),
        html.section("Refused lines", _refused(summary)),
    ]
    (out / "report.html").write_text(html.document("Replay", parts), encoding="utf-8")


def _head(summary: Summary, cases: Sequence[CaseRow]) -> str:
    figures = {
        "events": f"{summary.events:,}",
        "accounts": f"{summary.accounts:,}",
        "refused": f"{sum(summary.rejected.values()):,}",
        "open cases": f"{sum(case.state == 'open' for case in cases):,}",
    }
    return f"<header><h1>What the replay found</h1>{html.figures(figures)}</header>"


def _kind(case: CaseRow) -> str:
    return f"{case.behaviour}, a question" if case.asks else case.behaviour


def _table(cases: Iterable[CaseRow]) -> str:
    rows = "".join(
        f'<tr><td><a href="cases/{escape(case.case_id)}.html">{escape(case.case_id)}</a></td>'
        f"<td>{_kind(case)}, {escape(case.state)}</td>"
        f'<td class="n">{case.evidence:.1f}</td><td class="n">{case.accounts:,}</td><td>{escape(case.title)}</td></tr>'
        for case in cases
    )
    heads = '<th>case</th><th>behaviour</th><th class="n">nats</th><th class="n">accounts</th><th>why</th>'
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _curve(case: CaseRow) -> str:
    """Return the evidence of a case over its versions, drawn as steps."""
    points = [(entry.updated_at, entry.extraction if case.behaviour == "extraction" else entry.routing) for entry in case.payload.history]
    begin, end, most = points[0][0], points[-1][0], max(nats for _, nats in points)
    if end <= begin or most <= 0:
        return ""
    steps, level = list[tuple[float, float]](), 0.0
    for time, nats in points:
        x = _WIDTH_PIXELS * (time - begin) / (end - begin)
        steps += [(x, _y(level, most)), (x, _y(nats, most))]
        level = nats
    return html.curve(f"{case.case_id}: highest {most:.1f} nats, {case.accounts:,} accounts", steps)


def _y(nats: float, most: float) -> float:
    return _HEIGHT_PIXELS * (1 - max(nats, 0.0) / most)


def _fields(coverage: CoverageReport, formats: Iterable[str]) -> str:
    rows = [lack.cells for lack in lacks(coverage)]
    costs = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences([*formats])) if rows else ""
    return html.table(LACK_HEADINGS, rows) + costs if rows else "<p>Nothing: every field is known.</p>"


def _families(coverage: CoverageReport) -> str:
    rows = [(family, f"{counts.seen} of {counts.features}") for family, counts in coverage.families.items()]
    return html.table(("family", "features that can tell accounts apart"), rows, lambda row: "doubt" if row[1].startswith("0 ") else "")


def _refused(summary: Summary) -> str:
    rows = [(reason, f"{lines:,}") for reason, lines in summary.rejected.items()]
    return html.table(("reason", "lines"), rows, numbers=(1,)) if rows else "<p>None.</p>"
