"""`make train-evidence`: train the additive judgement of a group's members on worlds of several authors, and store it as data.

    python tests/evaluation/train_evidence.py            # trains on the kept rows (`training_rows`), prints, stores

The model is `scikit-learn`'s boosted trees of depth two, monotone where more is more suspicious. Before it is stored it is judged on what
it has not seen: each author's worlds, and each crowd and kind of campaign, left out in turn. The nats of an alert and of a question are set
on the predictions without the judged author (`ALERT_SHARE`, `ASK_SHARE`), never on rows that were trained on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sklearn
from measures import average_precision, threshold_at
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from training_rows import FILE, Floats, Mask, Rows

from models.accumulators.short import known_or_zero
from models.evidence import additive
from models.evidence.weighing import ALERT_THRESHOLD_NATS, MIN_EVIDENCE_NATS, MIN_SUSPECT_MEMBERS, SUSPECT_NATS
from streams.cases.benign_hypotheses.equal_quotas import MIN_EQUALITY_SHARE, STAFF_LACK
from streams.cases.benign_hypotheses.timers import STRANGERS_LACK
from streams.stages.groups.model_inputs import INPUT_NAMES, RULED
from streams.testing.figures import Figures

MAX_CREW_ROWS: Final = 120
"""Rows of one crowd or campaign to train on: further moments of the same accounts add little."""
ALERT_SHARE: Final = 2e-3
ASK_SHARE: Final = 1e-2
"""Share of innocents, by a model without their author and each author's counted alike, that may reach an alert, and a question. A
replay also sees the peaks between the recorded moments, but what honest use may explain stays a question there
(`streams.cases.hypothesis.untellable`)."""
RULED_SLOPE: Final = 0.1
"""Log-odds that a nat by the named rules adds beside the trees. Each of the two is wrong about authors whom the other knows: together
they rank strangers better than either."""
LOOK_ALIKES: Final = "mosaic"
"""The author whose crowds are look-alikes alone, and no ordinary traffic: they train, and set no threshold."""
TREES: Final = ("root", "root_threshold", "root_unknown", "branch", "branch_threshold", "branch_unknown", "leaves")
MIN_ASK_GAP_LOG_ODDS: Final = 1.2
"""How far a question is below an alert at least: an alert that wavers by less is not withdrawn."""
RISING: Final = (
    "group_content", "typical_content", "shared_template", "even_load", "uneven_load",
    "different_prompts", "group_cohort", "group_payment", "group_network", "group_link",
    "member_content_shrunk", "member_content_raw", "own_template_harvest_share", "any_template_harvest_share",
    "ruled", "operator_and_group_content", "operator_and_member_content",
)  # fmt: skip
"""Inputs of which more is never less suspicious."""


def weights(rows: Rows) -> Floats:
    """Return the weight of each row: a crowd's or campaign's rows together count as the root of their number, authors as that of worlds."""
    _, which, counts = np.unique(rows.crew, return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(counts[which])
    for author in np.unique(rows.author):
        mine = rows.author == author
        weight[mine] *= np.sqrt(len(np.unique(rows.world[mine]))) / weight[mine].sum()
    normal: Floats = weight * len(weight) / weight.sum()
    return normal


def trained(rows: Rows) -> HistGradientBoostingClassifier:
    """Return the trees, fitted; `log_odds` adds the straight line beside them."""
    model = HistGradientBoostingClassifier(
        max_depth=2, max_iter=120, learning_rate=0.12, l2_regularization=20, min_samples_leaf=150, max_bins=64, early_stopping=False,
        monotonic_cst=[int(name in RISING) for name in INPUT_NAMES], random_state=0,
    )  # fmt: skip
    some = rows.take(_some(rows))
    return model.fit(some.inputs, some.guilty, sample_weight=weights(some))


def _some(rows: Rows) -> Mask:
    """Return at most MAX_CREW_ROWS rows of each crowd and campaign, chosen by chance."""
    chance = np.random.default_rng(0).random(len(rows.guilty))
    order = np.lexsort((chance, rows.crew))
    _, starts, counts = np.unique(rows.crew[order], return_index=True, return_counts=True)
    kept = np.zeros(len(order), np.bool_)
    kept[order] = np.arange(len(order)) - np.repeat(starts, counts) < MAX_CREW_ROWS
    return kept


def log_odds(model: HistGradientBoostingClassifier, inputs: Floats) -> Floats:
    """Return what the trees and the line of the rules say of each row. inputs: (rows, inputs)."""
    ruled = inputs[:, INPUT_NAMES.index(RULED)]
    odds: Floats = model.decision_function(inputs) + RULED_SLOPE * known_or_zero(ruled)
    return odds


def left_out(rows: Rows, by: Iterable[Mask]) -> Floats:
    """Return the log-odds of every row by a model that has not seen it; NaN where no mask holds. by: rows that are left out together."""
    found = np.full(len(rows.guilty), np.nan)
    for out in by:
        found[out] = log_odds(trained(rows.take(~out)), rows.inputs[out])
    return found


def by_author(rows: Rows) -> list[Mask]:
    """Return the rows of each author."""
    return [rows.author == author for author in np.unique(rows.author)]


def by_crowd(rows: Rows, parts: int = 6) -> list[Mask]:
    """Return the rows of several kinds of crowd or campaign at a time, by all authors and in all worlds."""
    kinds, which = np.unique(rows.kind, return_inverse=True)
    part = np.random.default_rng(0).permutation(len(kinds)) % parts
    return [part[which] == number for number in range(parts)]


@dataclass(frozen=True)
class Standing:
    """The most evidence that each account ever had, as an alert counts it; arrays are (accounts,)."""

    nats: Floats
    author: NDArray[np.str_]
    guilty: Mask
    tellable: Mask
    crew: NDArray[np.str_]
    kind: NDArray[np.str_]


def standing(rows: Rows, nats: Floats) -> Standing:
    """Return what accounts reach: a member counts only with as much as MIN_SUSPECT_MEMBERS of its group have at that moment."""
    order = np.lexsort((-nats, rows.moment))
    starts = np.flatnonzero(np.r_[True, np.diff(rows.moment[order]) != 0])
    sizes = np.diff(np.r_[starts, len(order)])
    third = np.where(sizes >= MIN_SUSPECT_MEMBERS, nats[order][np.minimum(starts + MIN_SUSPECT_MEMBERS - 1, len(order) - 1)], -np.inf)
    counted = np.empty(len(nats))
    counted[order] = np.minimum(nats[order], np.repeat(third, sizes))
    _, first, account = np.unique(np.char.add(rows.world, rows.account), return_index=True, return_inverse=True)
    best = np.full(len(first), -np.inf)
    np.maximum.at(best, account, counted)
    return Standing(best, rows.author[first], rows.guilty[first], rows.tellable[first], rows.crew[first], rows.kind[first])


def describe(name: str, rows: Rows, odds: Floats, alert: float, ask: float) -> Figures:
    """Return what thresholds do: precision of the ranking, campaigns found, innocents alerted and asked, and of which crowds."""
    found, alerts = standing(rows, odds), alerting(rows, odds)
    innocent, told = ~found.guilty, found.guilty & found.tellable
    campaigns = {crew: float((alerts.nats[told & (found.crew == crew)] >= alert).mean()) for crew in np.unique(found.crew[told])}
    asked = {crew: float((found.nats[told & (found.crew == crew)] >= ask).mean()) for crew in np.unique(found.crew[told])}

    def crowds(reached: Mask) -> dict[str, int]:
        kinds, counts = np.unique(found.kind[innocent & reached], return_counts=True)
        return dict(sorted(zip(kinds.tolist(), counts.tolist(), strict=True), key=lambda pair: -pair[1]))

    return {
        "judged": name,
        "average_precision": round(float(average_precision(found.nats, found.guilty)), 3),
        "recall": round(float((found.nats[found.guilty] > threshold_at(found.nats, found.guilty)).mean()), 3),
        "found": f"{sum(share >= 0.5 for share in campaigns.values())}/{len(campaigns)}",
        "found_or_asked": f"{sum(share >= 0.5 for share in asked.values())}/{len(asked)}",
        "innocents": int(innocent.sum()),
        "alerted": crowds(alerts.nats >= alert),
        "asked": crowds(found.nats >= ask),
    }


def alerting(rows: Rows, odds: Floats) -> Standing:
    """Return what accounts reach by the rows that can alert."""
    return standing(rows, np.where(can_alert(rows), odds, -np.inf))


def can_alert(rows: Rows) -> Mask:
    """Return which rows are more than a question in a replay: not those of groups whose equal quotas staff or timers would have too.

    That these are not used heavily is asked in a replay alone: no input says it.
    """
    staff, timers = ~_shows(rows, *STAFF_LACK), ~_shows(rows, *STRANGERS_LACK)
    equal = rows.inputs[:, INPUT_NAMES.index("quota_equality")] >= MIN_EQUALITY_SHARE
    mask: Mask = ~(equal & (staff | timers))
    return mask


def _shows(rows: Rows, *families: str) -> Mask:
    """Return the rows of groups for which one of these families counts as evidence."""
    nats = rows.inputs[:, [INPUT_NAMES.index(f"group_{family}") for family in families]]
    return np.asarray((known_or_zero(nats) >= MIN_EVIDENCE_NATS).any(axis=1))


def threshold(found: Standing, share: float) -> float:
    """Return the log-odds that at most this share of innocents reaches, those of each author counted alike.

    Counted by accounts, one more author with many calm ones would lower it for all.
    """
    innocent = ~found.guilty
    _, author, counts = np.unique(found.author[innocent], return_inverse=True, return_counts=True)
    order = np.argsort(-found.nats[innocent], kind="stable")
    reached = np.cumsum(1 / (counts * len(counts))[author[order]])
    return float(np.nextafter(found.nats[innocent][order][np.searchsorted(reached, share, side="right")], np.inf))


def as_data(model: HistGradientBoostingClassifier) -> Figures:
    """Return the trees as lists: roots, second splits and leaves (`models.evidence.additive.Additive`)."""
    made: dict[str, list[Any]] = {name: [] for name in TREES}
    for (tree,) in model._predictors:
        nodes, root = tree.nodes, tree.nodes[0]
        alone = bool(root["is_leaf"])
        sides = [root, root] if alone else [nodes[root["left"]], nodes[root["right"]]]
        made["root"].append(0 if alone else int(root["feature_idx"]))
        made["root_threshold"].append(0.0 if alone else float(root["num_threshold"]))
        made["root_unknown"].append(not alone and not bool(root["missing_go_to_left"]))
        made["branch"].append([made["root"][-1] if side["is_leaf"] else int(side["feature_idx"]) for side in sides])
        made["branch_threshold"].append([None if side["is_leaf"] else float(side["num_threshold"]) for side in sides])
        made["branch_unknown"].append([not side["is_leaf"] and not bool(side["missing_go_to_left"]) for side in sides])
        ends = [[side, side] if side["is_leaf"] else [nodes[side["left"]], nodes[side["right"]]] for side in sides]
        made["leaves"].append([[round(float(end["value"]), 5) for end in pair] for pair in ends])
    return made


def revision() -> str:
    """Return the commit of the code that runs, with a mark if files differ from it."""
    return subprocess.run(["git", "describe", "--always", "--dirty"], check=True, capture_output=True, text=True).stdout.strip()


def main(words: Sequence[str] | None = None) -> None:
    """Train, judge and store."""
    parser = argparse.ArgumentParser(description="Train the additive judgement of a group's members.")
    parser.add_argument("--dry", action="store_true", help="print, and store nothing")
    asked = parser.parse_args(words)
    rows, recorded_by = Rows.read()
    strangers, novel = (left_out(rows, by(rows)) for by in (by_author, by_crowd))
    ordinary = rows.author != LOOK_ALIKES
    unseen = standing(rows.take(ordinary), strangers[ordinary])
    alert = threshold(alerting(rows.take(ordinary), strangers[ordinary]), ALERT_SHARE)
    ask = min(threshold(unseen, ASK_SHARE), alert - MIN_ASK_GAP_LOG_ODDS)
    judged = [describe(f"author {rows.author[out][0]} left out", rows.take(out), strangers[out], alert, ask) for out in by_author(rows)]
    judged.append(describe("each crowd and kind of campaign left out", rows, novel, alert, ask))
    for line in judged:
        print(json.dumps(line))
    model = trained(rows)
    scale = (ALERT_THRESHOLD_NATS - SUSPECT_NATS) / (alert - ask)
    stored = {
        "provenance": {
            "target": "make train-evidence",
            "revision": revision(),
            "worlds": [*recorded_by],
            "recorded_by": sorted(set(recorded_by.values())),
            "rows_sha256": hashlib.sha256(FILE.read_bytes()).hexdigest(),
            "rows": len(rows.guilty),
            "innocents": int((~unseen.guilty).sum()),
            "alert_share": ALERT_SHARE,
            "ask_share": ASK_SHARE,
            "alert_log_odds": round(alert, 4),
            "ask_log_odds": round(ask, 4),
            "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__, "python": platform.python_version()},
            "left_out": judged,
        },
        "inputs": list(INPUT_NAMES),
        "base": float(model._baseline_prediction.ravel()[0]),
        "scale": round(scale, 5),
        "offset": round(ALERT_THRESHOLD_NATS - scale * alert, 5),
        "slopes": {RULED: RULED_SLOPE},
        "trees": as_data(model),
    }  # fmt: skip
    print(f"alert at {alert:.2f}, ask at {ask:.2f} log-odds; scale {scale:.2f}")
    if not asked.dry:
        additive.FILE.write_text(json.dumps(stored, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
