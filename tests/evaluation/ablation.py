"""What each family of evidence is worth, and whether a River model would add to it: the pipeline is run again without the one, and the
shadow scores of the other are laid beside the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import carried
import numpy as np
import pyarrow.parquet as pq
import report
from measures import average_precision
from rich.console import Console
from rich.table import Table

from models.arrays import Floats
from models.evidence import weighing
from models.evidence.families import EXTRACTION_WEIGHTS, FAMILIES
from streams.replay.run import Replay
from streams.schema import blocks, layouts, topics
from streams.stages.stage import Message
from streams.testing.detector_contract import roc_auc
from streams.testing.figures import Figures

ALL = tuple(name for name in FAMILIES if EXTRACTION_WEIGHTS[FAMILIES.index(name)] > 0)
QUICK = ("content", "evenness", "link")
_WEIGHTS = EXTRACTION_WEIGHTS.copy()


def drop(family: str) -> None:
    """Let a family count for nothing in this process, neither in sums nor among those that must speak; `nothing` drops none."""
    EXTRACTION_WEIGHTS[:] = _WEIGHTS
    if family != "nothing":
        EXTRACTION_WEIGHTS[FAMILIES.index(family)] = 0.0


def row(family: str, folder: Path, run: Replay) -> Figures:
    """Return the figures of a run without a family."""
    run.write(folder / f"without-{family}")
    figures = report.summary([report.load(folder, folder / f"without-{family}")])
    kept = ("campaigns_found", "median_leak", "benign_alerted", "auc", "average_precision")
    return {"without": family} | {name: figures[name][0] for name in kept}


def show(rows: Sequence[Figures], console: Console) -> None:
    """Print the table of families."""
    table = Table(
        "without",
        "campaigns found",
        "median leak",
        "benign alerted",
        "AUC",
        "AP",
        title="Each family taken away (held out, the first seed)",
    )
    for each in rows:
        shares = (f"{each[name]:.1%}" for name in ("campaigns_found", "median_leak"))
        table.add_row(each["without"], *shares, f"{each['benign_alerted']:.3%}", f"{each['auc']:.4f}", f"{each['average_precision']:.4f}")
    console.print(table)


class Watched(Replay):
    """A run that also keeps what the models in shadow said of accounts, the highest of each."""

    def __init__(self) -> None:
        """Start empty."""
        self.best_of: dict[str, dict[str, float]] = {}
        super().__init__(4, carried.KEY)

    def _on_message(self, message: Message) -> None:
        super()._on_message(message)
        if message.topic != topics.SHADOW:
            return
        block = blocks.decode(message.value, layouts.SHADOW)
        kinds, names, detectors = (block.texts(name) for name in ("entity_kind", "entity_id", "detector"))
        for kind, name, detector, score in zip(kinds, names, detectors, block.numbers("score").tolist(), strict=True):
            if kind == "account" and name and detector:
                said = self.best_of.setdefault(detector, {})
                said[name] = max(said.get(name, -np.inf), score)


def models(folder: Path) -> list[Figures]:
    """Return, for each model in shadow, how it ranks accounts alone, and what the evidence ranks with and without it."""
    run = Watched()
    carried.replayed(folder, run)
    truth = [row for row in pq.read_table(folder / "truth.parquet").to_pylist() if not row["permitted"]]
    positive = np.array([row["is_attacker"] for row in truth])
    scored = run.accounts()
    own = np.array([scored[row["account_id"]].extraction if row["account_id"] in scored else 0.0 for row in truth])
    rows = [{"model": "evidence alone", "auc": roc_auc(own, positive), "ap": average_precision(own, positive), "with": None}]
    for detector, said in sorted(run.best_of.items()):
        shown: Floats = np.array([max(said.get(row["account_id"], 0.0), 0.0) for row in truth])
        together = average_precision(own + np.minimum(shown, weighing.MAX_FAMILY_NATS) / 2, positive)
        rows.append({"model": detector, "auc": roc_auc(shown, positive), "ap": average_precision(shown, positive), "with": together})
    return rows


def show_models(rows: Sequence[Figures], console: Console) -> None:
    """Print the table of River models."""
    table = Table(
        "model",
        "AUC alone",
        "AP alone",
        "AP of evidence + half its nats",
        title="River models in shadow (held out, the first seed, accounts)",
    )
    for each in rows:
        table.add_row(each["model"], f"{each['auc']:.3f}", f"{each['ap']:.3f}", "" if each["with"] is None else f"{each['with']:.3f}")
    console.print(table)
