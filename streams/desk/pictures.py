"""Pictures of a case as SVG, without scripts and styles of their own: every value is a number or escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from markupsafe import Markup, escape

from streams.core import moments
from streams.schema.cases import CaseMember, CasePayload
from streams.schema.names import AlertName, EntityName

_WIDTH_PIXELS: Final = 720
_GRAPH_ENTITIES: Final = 10
_GRAPH_ACCOUNTS: Final = 24
_MAX_SHADES: Final = 5


def curve(points: Sequence[tuple[float, float]], title: str, *, steps: bool = False) -> Markup:
    """Return a line over time with its first and last moment and its largest value; empty for fewer than three points.

    Args:
        points: Seconds since 1970, and values.
        title: What a screen reader says of it.
        steps: Whether values hold until the next point.
    """
    if len(points) < 3 or points[-1][0] <= points[0][0]:  # noqa: PLR2004 (two points make a line, not a curve)
        return Markup("")
    start, span, most = points[0][0], points[-1][0] - points[0][0], max(value for _, value in points) or 1.0
    points_drawn = [((at - start) / span * (_WIDTH_PIXELS - 60) + 44, 128 - value / most * 104) for at, value in points]
    drawn = [f"{points_drawn[0][0]:.1f},{points_drawn[0][1]:.1f}"]
    for before, after in pairwise(points_drawn):
        drawn += [f"{after[0]:.1f},{before[1]:.1f}"] if steps else []
        drawn.append(f"{after[0]:.1f},{after[1]:.1f}")
    area = " ".join([f"{points_drawn[0][0]:.1f},128", *drawn, f"{points_drawn[-1][0]:.1f},128"])
    label = f"{title}: {moments.shown(start)} to {moments.shown(points[-1][0])} (UTC), {most:,.0f} at most"
    svg = Markup(
        '<svg class="curve" viewBox="0 0 {width} 152" role="img" aria-label="{label}">'
        '<line class="grid" x1="44" y1="24" x2="{edge}" y2="24"/>'
        '<line class="grid" x1="44" y1="76" x2="{edge}" y2="76"/><line class="axis" x1="44" y1="128" x2="{edge}" y2="128"/>'
        '<polygon points="{area}"/><polyline points="{line}"/>'
        '<text x="38" y="28" class="end">{most}</text><text x="38" y="132" class="end">0</text>'
        '<text x="44" y="147">{first}</text><text x="{edge}" y="147" class="end">{last}</text></svg>'
    ).format(
        width=_WIDTH_PIXELS, edge=_WIDTH_PIXELS - 16, label=label, area=area, line=" ".join(drawn), most=f"{most:,.0f}",
        first=moments.shown(start), last=moments.shown(points[-1][0]),
    )  # fmt: skip
    return _framed(svg, title)


def joins(members: Mapping[str, CaseMember]) -> Markup:
    """Return how many accounts had joined a case by when."""
    times = sorted(member.joined_at for member in members.values())
    points = [(at, float(count)) for count, at in enumerate(times, start=1)]
    thinned = points[:: max(len(points) // 300, 1)]
    return curve([*thinned, points[-1]] if points and thinned[-1] != points[-1] else thinned, "Accounts in the case", steps=True)


def graph(payload: CasePayload, ranked: Sequence[tuple[str, CaseMember]]) -> Markup:
    """Return what links which accounts: alerted entities left, the strongest accounts right, and a line where one has the other."""
    keys = list(dict.fromkeys(AlertName.parse(link.entity).key for link in payload.links if ":account:" not in link.entity))[
        :_GRAPH_ENTITIES
    ]
    accounts = ranked[:_GRAPH_ACCOUNTS]
    if not keys or not accounts:
        return Markup("")
    height = max(len(keys) * 40, len(accounts) * 20) + 24
    left = {key: 16 + (index + 0.5) * (height - 24) / len(keys) for index, key in enumerate(keys)}
    right = {name: 16 + (index + 0.5) * (height - 24) / len(accounts) for index, (name, _) in enumerate(accounts)}
    lines, nodes = [], []
    for name, member in accounts:
        for key, y in left.items():
            kind, value = EntityName.parse(key)
            if getattr(member, kind, "") == value:
                lines.append(
                    Markup('<path class="edge {}" d="M236 {:.0f} C 360 {:.0f}, 380 {:.0f}, 492 {:.0f}"/>').format(
                        kind, y, y, right[name], right[name]
                    )
                )
    for key, y in left.items():
        kind, value = EntityName.parse(key)
        tied = sum(getattr(member, kind, "") == value for _, member in ranked)
        nodes.append(
            Markup(
                '<circle class="node {}" cx="230" cy="{:.0f}" r="6"/>'
                '<text x="216" y="{:.0f}" class="end">{} {}</text>'
                '<text x="216" y="{:.0f}" class="end soft">{}</text>'
            ).format(kind, y, y - 1, kind, value[:16], y + 12, f"{tied:,} of the listed accounts")
        )
    for name, y in right.items():
        shown = name if len(name) <= 28 else f"{name[:27]}…"  # noqa: PLR2004 (what fits)
        nodes.append(
            Markup('<circle class="node account" cx="496" cy="{:.0f}" r="4"/><text x="506" y="{:.0f}">{}</text>').format(y, y + 4, shown)
        )
    rest = len(ranked) - len(accounts)
    more = (
        Markup('<text x="506" y="{}" class="soft">and {} more accounts</text>').format(height - 2, f"{rest:,}") if rest > 0 else Markup("")
    )
    label = f"{len(keys)} linked entities and the {len(accounts)} strongest of {len(ranked):,} listed accounts"
    svg = Markup('<svg class="graph" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>').format(
        _WIDTH_PIXELS, height + 4, label, Markup("").join(lines), Markup("").join(nodes), more
    )
    return _framed(svg, "What links the accounts")


def pattern(accounts: Sequence[str], last_hour: int, counts: Mapping[tuple[str, int], int], hours: int) -> Markup:
    """Return requests by account (rows) and hour (columns), the darker the more: a dispatcher's rows look alike, people's do not.

    Args:
        accounts: The rows.
        last_hour: The last column, in hours since 1970.
        counts: Requests by account and hours before the last.
        hours: How many columns.
    """
    if not accounts or not counts:
        return Markup("")
    most, cell, left = max(counts.values()), (_WIDTH_PIXELS - 150) / hours, 140
    rows = []
    for index, account in enumerate(accounts):
        y = index * 11
        rows.append(Markup('<text x="134" y="{}" class="end">{}</text>').format(y + 9, account[-20:]))
        for ago in range(hours):
            if count := counts.get((account, ago), 0):
                shade = min(int(_MAX_SHADES * count / most) + 1, _MAX_SHADES)
                rows.append(
                    Markup('<rect class="s{}" x="{:.1f}" y="{}" width="{:.1f}" height="10"/>').format(
                        shade, left + (hours - 1 - ago) * cell, y, cell - 1
                    )
                )
    height = len(accounts) * 11
    first, last = moments.shown((last_hour - hours + 1) * 3600.0), moments.shown(last_hour * 3600.0)
    label = f"Requests by hour of {len(accounts)} accounts, {first} to {last} (UTC), {most:,} an hour at most"
    svg = Markup(
        '<svg class="pattern" viewBox="0 0 {} {}" role="img" aria-label="{}">{}'
        '<text x="{}" y="{}">{}</text><text x="{}" y="{}" class="end">{}</text></svg>'
    ).format(_WIDTH_PIXELS, height + 18, label, Markup("").join(rows), left, height + 14, first, _WIDTH_PIXELS - 10, height + 14, last)
    return _framed(svg, "Requests by hour")


def _framed(svg: Markup, title: str) -> Markup:
    """Return a picture that keeps its size on a narrow screen, where a person scrolls it."""
    return Markup('<div class="picture" tabindex="0" role="region" aria-label="{}">{}</div>').format(title, svg)


def bar(share: float, kind: str = "") -> Markup:
    """Return a small horizontal bar. share: 0..1."""
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="{}" width="{:.1f}" height="10"/></svg>'
    ).format(escape(kind), 100 * min(max(share, 0.0), 1.0))
