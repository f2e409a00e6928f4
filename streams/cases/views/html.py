"""Pieces of a self-contained HTML page: without scripts, network or external fonts, for a screen and for paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final


def document(title: str, parts: Iterable[str]) -> str:
    """Return a page of these parts, which are HTML."""
    style = f"<style>{_STYLE}</style>"
    top = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>{style}</head>'
    return f"{top}<body><main>{''.join(parts)}</main></body></html>\n"


def section(title: str, body: str) -> str:
    """Return a part with a heading. body: HTML."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def figures(values: Mapping[str, str]) -> str:
    """Return the row of large figures under a title. values: name -> figure, both texts."""
    cells = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in values.items())
    return f'<div class="figures">{cells}</div>'


def curve(caption: str, points: Iterable[tuple[float, float]], below: str = "") -> str:
    """Return a small drawing of a line.

    Args:
        caption: A text over it.
        points: Places in a field of 600 by 62, from the upper left.
        below: HTML under it.
    """
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawing = f'<svg viewBox="0 0 600 62" preserveAspectRatio="none" role="img"><polyline points="{line}"/></svg>'
    return f"<figure><figcaption>{escape(caption)}</figcaption>{drawing}{below}</figure>"


def bars(shares: Mapping[str, float]) -> str:
    """Return shares, 0 to 1, as horizontal bars with their names and percentages."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><meter min=0 max=1 value={share:.3f}></meter></td><td class=n>{_percent(share)}</td></tr>"
        for name, share in shares.items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _percent(share: float) -> str:
    return f"{math.floor(share * 100)} %"


def bullets(items: Iterable[str]) -> str:
    """Return a list of texts."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    mark: Callable[[Any], str] | None = None,
    *,
    numbers: Sequence[int] = (),
    head: bool = True,
    wide: bool = False,
) -> str:
    """Return a table of `rows` of texts below their `heads`, which are not shown without `head`; a `wide` one scrolls sideways.

    Columns in `numbers` are right-aligned, `mark` returns a row's class.
    """
    top = f"<thead><tr>{''.join(_cell('th', name, column in numbers) for column, name in enumerate(heads))}</tr></thead>" if head else ""
    body = "".join(
        f'<tr class="{mark(row) if mark else ""}">{"".join(_cell("td", cell, column in numbers) for column, cell in enumerate(row))}</tr>'
        for row in rows
    )
    return f'<table class="{"wide" if wide else ""}">{top}<tbody>{body}</tbody></table>'


def _cell(tag: str, text: str, number: bool) -> str:  # noqa: FBT001 (a private helper of three callers)
    return f"<{tag}{' class=n' if number else ''}>{escape(text)}</{tag}>"


_STYLE: Final = """
:root{--ink:#1b1f24;--soft:#5d6773;--line:#d9dee4;--red:#b3261e;--amber:#9a6700;--bar:#35618e}
*{box-sizing:border-box}
body{margin:0;background:#f4f5f7;color:var(--ink);font:14px/1.45 system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
main{max-width:980px;margin:24px auto;background:#fff;padding:32px 40px;border:1px solid var(--line)}
h1{font-size:20px;line-height:1.3;margin:4px 0 16px}
h2{font-size:15px;margin:28px 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}
h3{font-size:13px;margin:16px 0 4px;color:var(--soft)}
.id{margin:0;font-family:ui-monospace,Menlo,monospace;color:var(--soft)}
.badge{font-family:system-ui,sans-serif;font-size:12px;border:1px solid var(--line);border-radius:10px;padding:1px 9px;margin-left:6px}
.badge.extraction{color:#fff;background:var(--red);border-color:var(--red)}
.badge.routing{color:#fff;background:var(--amber);border-color:var(--amber)}
.figures{display:grid;grid-template-columns:repeat(7,auto);gap:12px;background:#f4f5f7;padding:12px 16px}
.figures b{display:block;font-size:17px;font-variant-numeric:tabular-nums;white-space:nowrap}
.figures span,.note,footer{color:var(--soft);font-size:12px}
table{width:100%;border-collapse:collapse;margin:4px 0}
th,td{text-align:left;vertical-align:top;padding:4px 12px 4px 0;border-bottom:1px solid #eceff2}
thead th{font-size:12px;color:var(--soft);font-weight:600}
td:first-child,td:nth-child(2):not(:last-child){white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bars th{width:110px;font-weight:400}
.bars td,.bars th{border:0;padding:2px 12px 2px 0}
.bars .bar{width:34%}
.bars i{display:block;height:11px;margin-top:4px;background:var(--bar)}
.bars .n{width:60px}
.bars .grey{color:var(--soft)}
.bars .sum th,.bars .sum td{border-top:1px solid var(--line);font-weight:600}
.wide{font-size:12px}
.wide td{white-space:nowrap}
td:last-child{overflow-wrap:anywhere}
.doubt td{background:#fff6e0}
ul{margin:6px 0;padding-left:20px}
li{margin:2px 0}
figure{margin:14px 0}
figcaption{font-size:12px;color:var(--soft)}
svg{width:100%;height:70px;border-bottom:1px solid var(--line)}
polyline{fill:none;stroke:var(--bar);stroke-width:2;vector-effect:non-scaling-stroke}
.ends{display:flex;justify-content:space-between;margin:2px 0;font-size:12px;color:var(--soft)}
code{font-size:12px;background:#f4f5f7;padding:1px 4px}
footer{margin-top:32px;border-top:1px solid var(--line);padding-top:8px;overflow-wrap:anywhere}
@page{size:A4;margin:14mm 12mm}
@media print{body{background:#fff;font-size:10pt}
main{margin:0;padding:0;border:0;max-width:none}
h1{font-size:14pt}
.figures b{font-size:12pt}
h2,h3{break-after:avoid}
tr,figure,header{break-inside:avoid}
thead{display:table-header-group}
.wide{font-size:8pt}
.badge,.bars i,.doubt td,.figures{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
"""
