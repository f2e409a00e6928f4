"""Draw how the evidence of the strongest accounts grew: `python examples/replay_plot/plot.py build/replay evidence.svg`.

Reads what `hydrometer replay --out build/replay` wrote. One line an account, the alert threshold dashed.
"""

# %% read the scores of accounts, by account, in time order
import sys
from collections import defaultdict
from html import escape
from pathlib import Path

import pyarrow.parquet as pq

from models.evidence.weighing import ALERT_THRESHOLD_NATS

folder, picture = Path(sys.argv[1]), Path(sys.argv[2])
histories: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
for row in pq.read_table(folder / "scores.parquet").to_pylist():
    if row["entity_kind"] == "account":
        histories[row["entity_id"]].append((row["time"].timestamp(), row["extraction"]))

# %% the five accounts with the most evidence
strongest = sorted(histories, key=lambda account: -max(nats for _, nats in histories[account]))[:5]

# %% draw
WIDTH, HEIGHT, LEFT, TOP = 760, 320, 50, 20
COLOURS = ("#1f6f8b", "#c8553d", "#588157", "#7b4b94", "#b08900")
points = [point for history in histories.values() for point in history]
first, last = min(time for time, _ in points), max(time for time, _ in points)
high = 1.05 * max(ALERT_THRESHOLD_NATS, *(nats for _, nats in points))


def at(time: float, nats: float) -> str:
    """Return a point of the picture, `x,y`; evidence below 0 is drawn at 0."""
    x = LEFT + (time - first) / max(last - first, 1.0) * (WIDTH - LEFT - 180)
    return f"{x:.1f},{TOP + (1 - max(nats, 0.0) / high) * (HEIGHT - 2 * TOP):.1f}"


parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">']
parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
threshold = " ".join(at(time, ALERT_THRESHOLD_NATS) for time in (first, last))
parts.append(f'<polyline points="{threshold}" stroke="#888" stroke-dasharray="6 4" fill="none"/>')
for place, (account, colour) in enumerate(zip(strongest, COLOURS, strict=False)):
    line = " ".join(at(time, nats) for time, nats in sorted(histories[account]))
    parts.append(f'<polyline points="{line}" stroke="{colour}" stroke-width="1.8" fill="none"/>')
    parts.append(f'<text x="{WIDTH - 170}" y="{TOP + 18 * (place + 1)}" fill="{colour}">{escape(account)}</text>')
parts.append(
    f'<text x="{LEFT}" y="{HEIGHT - 4}">evidence of extraction in nats over event time; dashed: {ALERT_THRESHOLD_NATS:g}</text></svg>'
)
picture.write_text("\n".join(parts), encoding="utf-8")
print(f"wrote {picture}: {len(strongest)} accounts")
