"""The report as one self-contained printable page, without scripts or network; every name and note is escaped."""

from __future__ import annotations

from html import escape
from typing import Final

from streams.forensics import report
from streams.forensics.report import MeasureReport, Report, SkippedTest

_WIDTH_PIXELS: Final = 640
_HEIGHT_PIXELS: Final = 74
_MARGIN_PIXELS: Final = 14
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1a2027;max-width:760px;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.1em;margin:1.6em 0 .3em}table{border-collapse:collapse;width:100%;font-size:.9em}"
    "td,th{border-bottom:1px solid #d5dae0;padding:.25em .5em;text-align:left}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "svg{width:100%;height:auto;display:block}.missing{color:#6a737d}.limits{border-left:3px solid #b8860b;padding-left:.8em}"
    "code{font-size:.8em;word-break:break-all}section{break-inside:avoid}@media print{body{margin:0;max-width:none;font-size:11pt}}"
)


def page(content: Report) -> str:
    """Return the report as HTML."""
    title = escape(f"{content.suspect} compared with {content.our_model}")
    notes = "".join(f"<li>{escape(note)}</li>" for note in content.notes)
    tests = "".join(_test(test) for test in content.tests)
    limits = "".join(f"<p>{escape(limit)}</p>" for limit in content.limits)
    hashes = "".join(f"<tr><td>{escape(path)}</td><td><code>{escape(digest)}</code></td></tr>" for path, digest in content.sha256.items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{len(content.controls)} controls, {content.items:,} common items.</p><ul>{notes}</ul>"
        f"<h2>Summary</h2>{_summary(content)}<section><h2>Combined</h2>"
        f"<p>Two tests or more: {escape(report.corroborated_sentence(content))}</p>"
        f"<p>Likelihood ratio: {escape(report.combined_sentence(content))}</p>{_curve(content)}</section>"
        f'<section class="limits">{limits}</section>{tests}'
        f"<section><h2>Files read (SHA-256)</h2><table>{hashes}</table></section>"
        "</body></html>\n"
    )


def _summary(content: Report) -> str:
    rows = []
    for test in content.tests:
        if not isinstance(test, MeasureReport):
            rows.append(
                f'<tr class="missing"><td>{escape(test.title)}</td><td colspan="4">input missing: {escape(test.missing or "")}</td></tr>'
            )
            continue
        cells = (f"{test.effect:+.2f}", f"{test.p:.4g}", f"{test.p_corrected:.4g}", f"{test.rank} of {test.controls + 1}")
        rows.append(f"<tr><td>{escape(test.title)}</td>" + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>")
    heads = "".join(f'<th class="n">{head}</th>' for head in ("Effect, sd", "p", "p (Holm)", "Rank"))
    return f"<table><tr><th>Test</th>{heads}</tr>{''.join(rows)}</table>"


def _test(test: SkippedTest | MeasureReport) -> str:
    if not isinstance(test, MeasureReport):
        return ""
    head, *lines, means = report.test_lines(test)
    body = "<br>".join(escape(line.strip()) for line in lines)
    return f"<section><h2>{escape(head)}</h2><p>{escape(means.strip())}</p>{_strip(test)}<p><small>{body}</small></p></section>"


def _strip(test: MeasureReport) -> str:
    """Return the controls as dots on one axis, the suspect as a bar with its interval."""
    low, high = test.interval
    values = [effect for _, effect in test.control_effects]
    least, most = min([low, -1.0, *values]), max([high, 1.0, *values])

    def x(value: float) -> str:
        return f"{_MARGIN_PIXELS + (_WIDTH_PIXELS - 2 * _MARGIN_PIXELS) * (value - least) / (most - least):.1f}"

    dots = "".join(_dot(x(effect), "30", 4.0, f"{model} {effect:+.2f}", "#8a94a0") for model, effect in test.control_effects)
    ticks = "".join(
        f'<path d="M{x(value)} 50v5" stroke="#555"/>{_text(x(value), 68, f"{value:+d}")}'
        for value in range(int(least), int(most) + 1, max(1, round((most - least) / 10)))
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH_PIXELS} {_HEIGHT_PIXELS}" role="img" aria-label="Effect of the suspect among the controls">'
        f'<path d="M{_MARGIN_PIXELS} 50H{_WIDTH_PIXELS - _MARGIN_PIXELS}" stroke="#555"/>{ticks}{dots}'
        f'<path d="M{x(low)} 18H{x(high)}" stroke="#b3261e" stroke-width="3"/>'
        f'<path d="M{x(test.effect)} 14v36" stroke="#b3261e" stroke-width="2"/>'
        f"{_text(x(test.effect), 10, 'suspect')}</svg>"
    )


def _curve(content: Report) -> str:
    """Return the calibration curve: the expected share of true pairs against the observed one; larger dots have more pairs."""
    if content.calibration is None or content.combined.refused is not None:
        return ""
    dots = "".join(
        _dot(
            f"{40 + 200 * point.expected:.1f}",
            f"{210 - 200 * point.observed:.1f}",
            3 + point.pairs**0.33,
            f"{point.pairs} pairs",
            "#1f5fa8",
        )
        for point in content.calibration.curve
    )
    return (
        '<svg viewBox="0 0 640 250" role="img" aria-label="Calibration curve">'
        '<path d="M40 10V210H240M40 210L240 10" fill="none" stroke="#777" stroke-dasharray="4"/>'
        f"{dots}{_text('140', 240, 'share of true pairs, expected from the ratios')}{_text('300', 110, 'up: share seen')}</svg>"
    )


def _dot(x: str, y: str, radius: float, title: str, colour: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{colour}" fill-opacity=".55"><title>{escape(title)}</title></circle>'


def _text(x: str, y: int, words: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="11" text-anchor="middle">{escape(words)}</text>'
