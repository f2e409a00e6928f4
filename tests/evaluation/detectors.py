"""`make evaluate-detectors`: our River detectors on labelled anomaly sets, in time order, beside what River gives as shipped.

Every detector scores a row before it learns it. The sets are read in place from `$HYDROMETER_SHARED/data/adbench` and never copied.
Limits are each set's smallest and largest values: nobody declared any for them. The first 500 rows, in which no detector knows
enough, are not judged. `AP` (average precision) says more than `AUC` where anomalies are rare.
"""

from __future__ import annotations

import argparse
import math
import pickle
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import anomaly

from models.detectors.baseline import Baseline
from models.detectors.population import Population
from models.detectors.router import RouterModels
from models.learning.feature_bounds import Limits
from streams.testing.detector_contract import roc_auc
from streams.testing.figures import MEASURED, write
from streams.testing.real_data import real_data

WARM = 500


@dataclass(frozen=True)
class Source:
    """One labelled set: its file, which rows, in which order, and what facts.md and the literature say about it."""

    name: str
    file: str
    rows: slice
    note: str
    shuffled: bool = False


SETS = (
    Source("http", "16_http.npz", slice(260_000, 330_000), "rows 260,000-330,000 of 567,498: the burst of 2,004 attacks; --full: all"),
    Source("smtp", "34_smtp.npz", slice(0, 70_000), "first 70,000 of 95,156, time order"),
    Source("shuttle", "32_shuttle.npz", slice(0, 25_000), "first 25,000 of 49,097, file order"),
    Source(
        "mammography",
        "23_mammography.npz",
        slice(None),
        "shuffled, seed 0: its anomalies stand in runs, no time order is known",
        shuffled=True,
    ),
    Source("thyroid", "38_thyroid.npz", slice(None), "file order"),
    Source("satimage-2", "31_satimage-2.npz", slice(None), "shuffled, seed 0: all anomalies stand at the end", shuffled=True),
)


def _river(limits: Limits, window_size: int = 250) -> Any:
    return anomaly.HalfSpaceTrees(limits=dict(limits.items()), window_size=window_size, seed=1)


class _OneRouter(RouterModels):
    def score_one(self, x: Mapping[Any, Any]) -> float:
        return super().score_one({**x, "router": 1})

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        super().learn_one({**x, "router": 1})


DETECTORS: dict[str, Callable[[Limits], Any]] = {
    "River HalfSpaceTrees, ungated": _river,
    "River HalfSpaceTrees, window 5000": lambda limits: _river(limits, window_size=5000),
    "River QuantileFilter(.99) of it": lambda limits: anomaly.QuantileFilter(_river(limits), q=0.99, protect_anomaly_detector=True),
    "Population, trees, gate open": lambda limits: Population(limits, gate=math.inf),
    "Population, trees": Population,
    "Population, 25 trees": lambda limits: Population(limits, members=25),
    "Population, LODA of 20": lambda limits: Population(limits, kind="loda", members=20),
    "Population, moments": lambda limits: Population(limits, kind="moments"),
    "RouterModels, as one router": _OneRouter,
    "Baseline, half-life 500": lambda limits: Baseline(limits, half_life=500.0),
}

KNOWN = """Known before (facts.md): http whole, in time order: HalfSpaceTrees .38 ungated, .992-.998 behind a QuantileFilter,
.994 with window 5,000, .994 when shuffled (the published number). smtp: River's LODA has AP .036 where pysad's has .588."""


@dataclass(frozen=True)
class Result:
    """What one detector reached on one set. `micros` is the processor time of one score and one learn; `size` its pickled bytes."""

    data: str
    detector: str
    auc: float
    precision: float
    micros: float
    size: int


def average_precision(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the mean precision over the positives, equal scores taken together. Both arguments are (rows,)."""
    _, place = np.unique(-scores, return_inverse=True)
    hits = np.cumsum(np.bincount(place, positive))
    total = np.cumsum(np.bincount(place))
    return float((np.diff(hits, prepend=0.0) * hits / total).sum() / positive.sum())


def evaluate(name: str, make: Callable[[Limits], Any], values: NDArray[np.float64], positive: NDArray[np.bool_], data: str) -> Result:
    """Score, then learn, each row of `values` (rows, features), and judge all but the first WARM."""
    names = [f"f{i}" for i in range(values.shape[1])]
    low, high = values.min(axis=0), values.max(axis=0)
    limits = {key: (float(a), float(b if b > a else a + 1.0)) for key, a, b in zip(names, low, high, strict=True)}
    model = make(limits)
    scores = np.zeros(len(values))
    began = time.process_time()
    for i, row in enumerate(values.tolist()):
        x = dict(zip(names, row, strict=True))
        scores[i] = model.score_one(x)
        model.learn_one(x)
    micros = (time.process_time() - began) / len(values) * 1e6
    judged = scores[WARM:], positive[WARM:]
    return Result(data, name, roc_auc(*judged), average_precision(*judged), micros, len(pickle.dumps(model)))


def load(folder: Path, source: Source, *, full: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return values (rows, features) and labels (rows,) of one set, in the order in which they are to be seen."""
    with np.load(folder / source.file) as arrays:
        values, labels = arrays["X"].astype(np.float64), arrays["y"].astype(bool)
    rows = np.arange(len(labels))[slice(None) if full else source.rows]
    if source.shuffled:
        rows = np.random.default_rng(0).permutation(rows)
    return values[rows], labels[rows]


def table(results: Sequence[Result]) -> str:
    """Return one line a detector, AUC / AP a set."""
    sets = list(dict.fromkeys(result.data for result in results))
    lines = [f"{'AUC / AP':34}" + "".join(f"{name:>14}" for name in sets) + f"{'us/row':>9}{'KB kept':>9}"]
    for detector in dict.fromkeys(result.detector for result in results):
        mine = {result.data: result for result in results if result.detector == detector}
        cells = "".join(f"{f'{mine[name].auc:.3f} / {mine[name].precision:.3f}':>14}" for name in sets)
        cost = f"{np.median([each.micros for each in mine.values()]):9.0f}{max(each.size for each in mine.values()) / 1000:9.0f}"
        lines.append(f"{detector:34}{cells}{cost}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate every detector on every set that is there, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description="our River detectors on labelled anomaly sets, in time order")
    parser.add_argument("--full", action="store_true", help="whole sets, no stretches (about 10 minutes more)")
    parser.add_argument("--figures", type=Path, default=MEASURED, help="where the figures go (build/figures)")
    options = parser.parse_args(arguments)
    folder = real_data("data/adbench")
    if folder is None:
        print("skipped: no labelled sets (set HYDROMETER_SHARED to the folder that holds data/adbench)")
        return 0
    present = [source for source in SETS if (folder / source.file).exists()]
    results = []
    for source in present:
        values, positive = load(folder, source, full=options.full)
        print(f"{source.name}: {len(values)} rows, {positive.sum()} anomalies ({source.note})", file=sys.stderr, flush=True)
        results += [evaluate(name, make, values, positive, source.name) for name, make in DETECTORS.items()]
    print(table(results), KNOWN, sep="\n")
    absent = [source.name for source in SETS if source not in present]
    partial = f"the sets {', '.join(absent)}" if absent else ""
    measured = {"results": [asdict(result) for result in results]}
    write("evaluate-detectors", measured, command="make evaluate-detectors", seed=0, partial=partial, folder=options.figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
