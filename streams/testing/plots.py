"""Charts of figures, as SVG that takes the page's own colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final

BAR_UNITS: Final = 400
COLOURS: Final = ("teal", "darkorange", "slateblue", "crimson", "olivedrab")
LEFT, TOP, WIDE, HIGH = 60, 30, 420, 200
"""Where the field of a plot begins, and how large it is."""

Points = Sequence[tuple[float, float]]


def bars(title: str, values: Mapping[str, float], unit: str = "") -> str:
    """Return horizontal bars, the longest 400 units wide.

    Args:
        title: what the bars are of.
        values: by name, at least one; none is negative.
        unit: what stands behind each value.

    Returns:
        The SVG, on one line.

    """
    longest = max(values.values()) or 1.0
    left = 16 + 7 * max(map(len, values))
    drawn = [
        f'<text x="0" y="{40 + 26 * row}">{escape(name)}</text>'
        f'<rect x="{left}" y="{27 + 26 * row}" width="{BAR_UNITS * value / longest:.0f}" height="16" fill="teal"/>'
        f'<text x="{left + 8 + BAR_UNITS * value / longest:.0f}" y="{40 + 26 * row}">{value:,.0f}{unit}</text>'
        for row, (name, value) in enumerate(values.items())
    ]
    return _svg(left + BAR_UNITS + 90, 34 + 26 * len(values), title, drawn)


def plot(title: str, across: str, series: Mapping[str, Points]) -> str:
    """Return lines through points on axes that are logarithmic both.

    Args:
        title: what is drawn upwards, with its unit.
        across: what is drawn to the right.
        series: points (x, y) by name, all positive, at least one.

    Returns:
        The SVG, on one line.

    """
    xs, ys = ([point[axis] for points in series.values() for point in points] for axis in (0, 1))
    (left, right), (low, high) = _decades(xs), _decades(ys)

    def to(x: float, y: float) -> tuple[float, float]:
        return LEFT + WIDE * (log10(x) - left) / (right - left), TOP + HIGH * (high - log10(y)) / (high - low)

    drawn = [_line(*to(10**left, 10**power), *to(10**right, 10**power), f"{10**power:g}") for power in range(low, high + 1)]
    drawn += [
        f'<text x="{to(10**power, 10**low)[0]:.0f}" y="{TOP + HIGH + 16}" text-anchor="middle">{10**power:,}</text>'
        for power in range(left, right + 1)
    ]
    drawn.append(f'<text x="{LEFT + WIDE / 2:.0f}" y="{TOP + HIGH + 34}" text-anchor="middle">{escape(across)}</text>')
    for number, (name, points) in enumerate(series.items()):
        colour, dots = COLOURS[number % len(COLOURS)], [to(x, y) for x, y in points]
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{x:.0f},{y:.0f}" for x, y in dots)}"/>')
        drawn += [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>' for x, y in dots]
        drawn.append(f'<text x="{LEFT + WIDE + 12}" y="{TOP + 12 + 18 * number}" fill="{colour}">{escape(name)}</text>')
    return _svg(LEFT + WIDE + 150, TOP + HIGH + 40, title, drawn)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten between which all values are, at least one apart.

    >>> _decades([4, 4_096])
    (0, 4)
    """
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return low, max(high, low + 1)


def _line(x: float, y: float, to_x: float, to_y: float, label: str) -> str:
    drawn = f'<line x1="{x:.0f}" y1="{y:.0f}" x2="{to_x:.0f}" y2="{to_y:.0f}" stroke="currentColor" stroke-opacity="0.2"/>'
    return f'{drawn}<text x="{x - 6:.0f}" y="{y + 4:.0f}" text-anchor="end">{label}</text>'


def _svg(width: float, height: float, title: str, drawn: Sequence[str]) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" font-size="13" fill="currentColor"'
    label = f'role="img" aria-label="{escape(title)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {label} {size}><text x="0" y="14">{escape(title)}</text>{"".join(drawn)}</svg>\n'
