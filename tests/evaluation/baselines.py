"""The four detectors that ours must beat, on the same events: `python tests/evaluation/baselines.py --traffic DIR`.

Writes `baselines.parquet` beside the events, a row an account: the score of each, higher is more suspect.

* `requests_a_day`: requests on the busiest day.
* `hourly_calls`: most successful calls to one model within 60 minutes; the published rule alerts at 500.
* `prada`: 1 - W of Shapiro and Wilk's test on the distances between an account's prompt sketches (Juuti et al., arXiv 1805.02628).
* `half_space_trees`: mean score of River's HalfSpaceTrees over the account's events, learning from all of them.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.progress import track
from river import anomaly
from scipy import stats

from streams.privacy.sketch import Sketcher

NAMES = ("requests_a_day", "hourly_calls", "prada", "half_space_trees")
HOUR_RULE = 500
_DAY, _HOUR = 86_400.0, 3600.0
_LEAST_DISTANCES = 20
_REMEMBERED = 600
_BLOCK = 2048
_LIMITS: dict[Hashable, tuple[float, float]] = {
    "input": (0.0, 10.0),
    "output": (0.0, 9.0),
    "messages": (0.0, 4.0),
    "reasoning": (0.0, 9.0),
    "duration": (0.0, 6.0),
}


@dataclass(frozen=True, slots=True)
class Event:
    """What the baselines need of an event."""

    account: str
    time: float
    model: str
    served: bool
    simhash: int
    facts: dict[str, float]


def read(folder: Path) -> Iterator[Event]:
    """Yield the events of a folder in time order, their prompts sketched."""
    sketcher = Sketcher(b"evaluation")
    with pa.input_stream(str(folder / "events.jsonl.zst"), compression="zstd") as file:
        lines = iter(file.read().splitlines())
    while block := [orjson.loads(line) for line in islice(lines, _BLOCK)]:
        sketches = sketcher.columns([event.get("prompt") for event in block])["simhash"]
        yield from (_event(event, int(simhash)) for event, simhash in zip(block, sketches, strict=True))


def _event(event: dict[str, Any], simhash: int) -> Event:
    facts = {
        "input": event["gen_ai.usage.input_tokens"],
        "output": event["gen_ai.usage.output_tokens"],
        "messages": event["message_count"],
        "reasoning": event.get("gen_ai.usage.reasoning.output_tokens", 0),
        "duration": event.get("http.server.request.duration", 0.0),
    }
    return Event(
        account=event["account.id"],
        time=event["timestamp"],
        model=event["gen_ai.request.model"],
        served=event["http.response.status_code"] == 200,
        simhash=simhash,
        facts={key: float(np.log1p(value)) for key, value in facts.items()},
    )


def busiest_day(times: Sequence[float]) -> float:
    """Return how many requests an account made on its busiest day."""
    return float(np.unique(np.array(times) // _DAY, return_counts=True)[1].max())


def busiest_hour(times: Sequence[float]) -> float:
    """Return the most calls within any 60 minutes. Times are sorted."""
    moments = np.array(times)
    return float((np.arange(1, len(moments) + 1) - np.searchsorted(moments, moments - _HOUR)).max(initial=0))


def prada(hashes: Sequence[int]) -> float:
    """Return 1 - W over each sketch's distance to its nearest predecessor; 0 with too few to say."""
    recent = np.array(hashes[-_REMEMBERED:], dtype=np.uint64)
    nearest = [int(np.bitwise_count(recent[:index] ^ recent[index]).min()) for index in range(1, len(recent))]
    if len(nearest) < _LEAST_DISTANCES or len(set(nearest)) == 1:
        return 0.0
    return 1.0 - float(stats.shapiro(np.array(nearest, dtype=np.float64)).statistic)


def half_space_trees(events: Sequence[Event]) -> dict[str, float]:
    """Return each account's mean score from one forest that scores and then learns every event, ungated."""
    forest: Any = anomaly.HalfSpaceTrees(limits=_LIMITS, seed=1)
    total: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for event in track(events, "half-space trees", transient=True):
        total[event.account] += forest.score_one(event.facts)
        count[event.account] += 1
        forest.learn_one(event.facts)
    return {account: total[account] / count[account] for account in total}


def scores(events: Sequence[Event]) -> dict[str, dict[str, float]]:
    """Return each baseline's score of each account."""
    times: dict[str, list[float]] = defaultdict(list)
    calls: dict[tuple[str, str], list[float]] = defaultdict(list)
    hashes: dict[str, list[int]] = defaultdict(list)
    for event in events:
        times[event.account].append(event.time)
        hashes[event.account].append(event.simhash)
        if event.served:
            calls[event.account, event.model].append(event.time)
    hourly: dict[str, float] = dict.fromkeys(times, 0.0)
    for (account, _), moments in calls.items():
        hourly[account] = max(hourly[account], busiest_hour(moments))
    return {
        "requests_a_day": {account: busiest_day(moments) for account, moments in times.items()},
        "hourly_calls": hourly,
        "prada": {account: prada(found) for account, found in hashes.items()},
        "half_space_trees": half_space_trees(events),
    }


def table(found: dict[str, dict[str, float]]) -> pa.Table:
    """Return the scores as a table, a row an account."""
    accounts = sorted(found["requests_a_day"])
    columns: dict[str, list[str] | NDArray[np.float64]] = {"account_id": accounts}
    return pa.table(columns | {name: np.array([found[name][account] for account in accounts]) for name in NAMES})


def main(words: Sequence[str] | None = None) -> None:
    """Score a folder's events."""
    parser = argparse.ArgumentParser(description="Score accounts with the four comparison detectors.")
    parser.add_argument("--traffic", type=Path, required=True, help="a folder that traffic.py wrote")
    folder: Path = parser.parse_args(words).traffic
    pq.write_table(table(scores(list(read(folder)))), folder / "baselines.parquet")
    print(f"{len(NAMES)} baselines -> {folder / 'baselines.parquet'}")


if __name__ == "__main__":
    main()
