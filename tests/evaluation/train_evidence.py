"""`make train-evidence`: train the additive judgement of a group's members on worlds of several authors, and store it as data.

    python tests/evaluation/train_evidence.py --out build/train            # records what is not recorded yet, trains, prints, stores

Each world is replayed once, with half of each crowd, and the members of its groups are recorded every six hours as the features see them
(`members.parquet`): inputs may change without another replay. The model is `scikit-learn`'s boosted trees of depth two, monotone where
more is more suspicious. Before it is stored it is judged on what it has not seen: each author's worlds, and each crowd and kind of
campaign, left out in turn. The nats of an alert and of a question are set on the predictions without the judged author (`ALERT_SHARE`,
`ASK_SHARE`), never on rows that were trained on. `orchard` is in no list here: it judges.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import authors
import carried
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sklearn
import traffic
from measures import average_precision, threshold_at
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from worlds import mosaic
from worlds.frame import World

from models.accumulators.short import known_or_zero
from models.durations import HOUR
from models.evidence import additive
from models.evidence.additive import Additive
from models.evidence.links import LINKS, MIN_PAYERS, rarity_of
from models.evidence.weighing import ALERT_THRESHOLD_NATS, MIN_EVIDENCE_NATS, MIN_SUSPECT_MEMBERS, SUSPECT_NATS
from streams.cases.benign_hypotheses.equal_quotas import MIN_EQUALITY_SHARE, STAFF_LACK
from streams.cases.benign_hypotheses.timers import STRANGERS_LACK
from streams.features.members import Members
from streams.features.registry import features
from streams.replay.run import Replay
from streams.schema.layouts import GROUP_ROW_NAMES
from streams.stages.groups import scoring
from streams.stages.groups.model_inputs import INPUT_NAMES, RULED
from streams.testing.figures import Figures

WORLDS: Final = (
    *(f"mosaic:{seed}" for seed in range(1, 7)),
    *(f"{author}:{seed}" for author in ("harbour", "foundry") for seed in (11, 12, 13)),
    "second:34",
    "generator:11",
    *(f"{author}:{seed}" for author in ("bazaar", "meadow") for seed in (11, 24)),
    *(f"heron:{seed}" for seed in (1, 3, 4)),
    *(f"{author}:{seed}" for author in ("osprey", "plover") for seed in (1, 2)),
)
"""Seeds that nothing else is judged by. A world of an author without a script is used where its events and its truth are in its folder."""
SCRIPTED: Final = {"second": (0.16, 2.0), "bazaar": (0.8, 3.0), "meadow": (0.8, 3.0)}
"""Scale and days of the worlds of `authors.SCRIPTS` to train on. Without a script its worlds are left out."""
FRAMED: Final = ("mosaic", "harbour", "foundry")
"""Authors whose worlds are modules of `worlds`."""
KEPT: Final = 0.5
"""Share of each crowd and campaign that is kept, seven at least: look-alikes then weigh more than in real traffic. Of a mosaic all is."""
EVERY_SECONDS: Final = 6 * HOUR
MAX_MEMBERS: Final = 400
MIN_HOURS: Final = 2.0
MAX_WORLD_ROWS: Final = 8000
"""Rows of one world, by groups at moments, chosen by chance."""
MAX_CREW_ROWS: Final = 120
"""Rows of one crowd or campaign to train on: further moments of the same accounts add little."""
ALERT_SHARE: Final = 2e-3
ASK_SHARE: Final = 1e-2
"""Share of innocents, by a model without their author, that may reach an alert, and a question. A replay also sees the peaks between the
recorded moments, but what honest use may explain stays a question there (`streams.cases.hypothesis.untellable`)."""
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
_COLUMNS: Final = tuple(item.name for item in fields(Members) if item.name not in ("kind", "now", "balance", "links", "rarities"))
_FORMER_NAMES: Final = {former: name for name, former in GROUP_ROW_NAMES.items()}
"""Columns of recordings from before the state had the names that it has now."""
_LINKED: Final = (*LINKS, *map(rarity_of, MIN_PAYERS))

UNTRAINED: Final = Additive.of({"inputs": INPUT_NAMES, "base": 0.0, "offset": 0.0, "scale": 1.0, "trees": dict.fromkeys(TREES, ())})

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


# --- recording ----------------------------------------------------------------------------------------------------------------


def draw(name: str, folder: Path) -> bool:
    """Write a thinned world and its blocks, unless they are there. Returns False where its author is not at hand."""
    author, _, seed = name.partition(":")
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("truth.*")):
        if author in SCRIPTED:
            if not authors.run_script(author, int(seed), folder, *SCRIPTED[author]):
                return False
            if author != "second":  # drawn small: a larger world of his needs as long as all others
                thin_files(folder, int(seed))
        elif author == "generator":
            traffic.write(traffic.world("wild", int(seed), people=500), folder)
        elif author not in FRAMED:
            return False
        else:
            size = {"people_": 200} if author == "mosaic" else {"people": 900}
            world = (mosaic if author == "mosaic" else importlib.import_module(f"worlds.{author}")).build(int(seed), **size)
            if author != "mosaic":
                thin(world)
            world.write(folder)
    carried.keep(folder)
    return True


def thin(world: World) -> None:
    """Keep a share of each crowd's and campaign's accounts, and their requests."""
    rng, crews = np.random.default_rng(world.seed), dict[tuple[str, str | None], list[str]]()
    for account, role in world.truth.items():
        crews.setdefault((role["persona"], role["campaign"]), []).append(account)
    chosen = (rng.choice(crew, max(min(7, len(crew)), int(KEPT * len(crew))), replace=False) for crew in crews.values())
    kept = {str(account) for crew in chosen for account in crew}
    world.events = [event for event in world.events if event[1]["account.id"] in kept]


def thin_files(folder: Path, seed: int) -> None:
    """Keep a share of each crowd's accounts of a world that is written already, seven at least, and every campaign whole."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    rng, crowds = np.random.default_rng(seed), dict[str, list[str]]()
    kept = {account for account, role in truth.items() if role["campaign"] or role.get("victim_of")}
    for account, role in sorted(truth.items()):
        if account not in kept:
            crowds.setdefault(role["persona"], []).append(account)
    for crowd in crowds.values():
        kept |= {str(account) for account in rng.choice(crowd, max(min(7, len(crowd)), int(KEPT * len(crowd))), replace=False)}
    events = folder / "events.jsonl"
    thinned = [line for line in events.open(encoding="utf-8") if json.loads(line)["account.id"] in kept]
    events.write_text("".join(thinned), encoding="utf-8")
    (folder / "truth.json").write_text(json.dumps({account: truth[account] for account in kept}), encoding="utf-8")


def record(folder: Path) -> None:
    """Replay a world, and write the members of every group that is active, every six hours of event time."""
    replay, rows, mark = Replay(4, carried.KEY), dict[str, list[Any]](), -np.inf
    for outgoing in carried.kept(folder):
        replay.pipeline.feed(outgoing.partition, outgoing.data)
        newest = max(stage.state.newest for stage in replay.pipeline.accounts)
        if newest >= mark:
            _snapshot(replay, newest, rows)
            mark = newest + EVERY_SECONDS
    _snapshot(replay, newest, rows)
    write(rows, folder / "members.parquet", revision())


def write(rows: dict[str, list[Any]], path: Path, by: str) -> None:
    """Write recorded columns, each a list of arrays, and which revision recorded them."""
    whole = {name: np.concatenate(parts) for name, parts in rows.items()}
    flat = {name: column for name, column in whole.items() if column.ndim == 1}
    wide = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(column.ravel()), column.shape[1])
        for name, column in whole.items()
        if column.ndim > 1
    }
    columns = flat | wide
    pq.write_table(pa.table(columns).replace_schema_metadata({"revision": by}), path)


def _snapshot(replay: Replay, newest: float, rows: dict[str, list[Any]]) -> None:
    for stage in replay.pipeline.groups:
        state = stage.state
        for slot in state.table.slots.tolist():
            if not MIN_SUSPECT_MEMBERS <= state.size(slot) <= MAX_MEMBERS or state.table["clock"][slot] < newest - EVERY_SECONDS:
                continue
            members, accounts = state.view(slot), state.accounts(state.slots(slot))
            whole = {"key": state.table.keys[slot], "now": members.now, "balance": members.balance}
            whole |= {"population": float(state.table["population"][slot])}
            columns = {name: np.repeat(value, len(members)) for name, value in whole.items()} | {"account": np.array(accounts)}
            linked = members.links | {rarity_of(kind): values for kind, values in members.rarities.items()}
            for name, column in (columns | linked | {name: getattr(members, name) for name in _COLUMNS}).items():
                rows.setdefault(name, []).append(column)


def groups(path: Path) -> Iterator[tuple[str, Members, float, list[str]]]:
    """Yield key, members, population and accounts of every group at every moment of a recording."""
    table = pq.read_table(path)
    table = table.rename_columns([_FORMER_NAMES.get(name, name) for name in table.column_names])
    keys, moments = table["key"].to_numpy(zero_copy_only=False), table["now"].to_numpy()
    unknown = np.full(len(keys), np.nan)  # a recording that is older than a column of numbers
    whole = {name: _array(table[name].combine_chunks()) if name in table.column_names else unknown for name in (*_COLUMNS, *_LINKED)}
    accounts, balances, populations = ([*table[name].to_pylist()] for name in ("account", "balance", "population"))
    edges = np.flatnonzero(np.r_[True, (keys[1:] != keys[:-1]) | (moments[1:] != moments[:-1]), True])
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        columns = {name: column[low:high] for name, column in whole.items()}
        key, who = str(keys[low]), [str(account) for account in accounts[low:high]]
        links = {kind: columns.pop(kind) for kind in LINKS}
        rarities = {kind: columns.pop(rarity_of(kind)) for kind in MIN_PAYERS}
        now, balance = float(moments[low]), float(balances[low] or 0.0)
        members = Members(kind=key.partition(":")[0], now=now, balance=balance, links=links, rarities=rarities, **columns)
        yield key, members, float(populations[low] or 0.0), who


def _array(column: Any) -> NDArray[Any]:
    """Return a column as an array, of lists as (rows, width)."""
    if pa.types.is_fixed_size_list(column.type):
        return np.asarray(column.flatten()).reshape(len(column), -1)
    return np.asarray(column)


@dataclass(frozen=True)
class Rows:
    """Members of groups at moments, to train on and to judge by; arrays are (rows,)."""

    author: NDArray[np.str_]
    world: NDArray[np.str_]
    account: NDArray[np.str_]
    crew: NDArray[np.str_]
    """Persona, or campaign, in its world."""
    kind: NDArray[np.str_]
    """Persona of a crowd or campaign: what is left out together."""
    moment: NDArray[np.intp]
    """Number of the group at a moment."""
    guilty: Mask
    tellable: Mask
    inputs: Floats
    """(rows, inputs)."""

    def take(self, rows: Mask) -> Rows:
        """Return these rows."""
        return Rows(*(getattr(self, item.name)[rows] for item in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of all parts."""
        starts = np.cumsum([0, *(int(part.moment.max(initial=-1)) + 1 for part in parts)])
        shifted = [Rows(**{item.name: getattr(part, item.name) for item in fields(part)} | {"moment": part.moment + start})
                   for part, start in zip(parts, starts.tolist(), strict=False)]  # fmt: skip
        return cls(*(np.concatenate([getattr(part, item.name) for part in shifted]) for item in fields(cls)))


def rows_of(name: str, folder: Path) -> Rows:
    """Return the rows of a recorded world: members of groups that are not public, of accounts that are on one of the two sides."""
    truth, named = authors.roles(folder), features("group")
    columns: dict[str, list[Any]] = {item.name: [] for item in fields(Rows)}
    chance = np.random.default_rng(0)
    share = MAX_WORLD_ROWS / pq.read_metadata(folder / "members.parquet").num_rows
    for number, (_, members, population, accounts) in enumerate(groups(folder / "members.parquet")):
        if chance.random() > share or members.now - np.nanmin(members.first) < MIN_HOURS * HOUR:
            continue
        scored = scoring.score(0, members, named, population, UNTRAINED)
        if scored.is_public:
            continue
        for account, inputs in zip(accounts, scored.model_inputs, strict=True):
            role = truth.get(account)
            if role is None or not role.judged:
                continue
            crew = role.campaign or role.persona
            who = (name.partition(":")[0], name, account, f"{name} {crew}", role.persona)
            values = (*who, number, role.campaign is not None, role.tellable, inputs)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
    return Rows(**{item: np.array(column) for item, column in columns.items()})


# --- training -----------------------------------------------------------------------------------------------------------------


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
    return Standing(best, rows.guilty[first], rows.tellable[first], rows.crew[first], rows.kind[first])


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
    """Return the log-odds that at most this share of innocents reaches."""
    innocents = np.sort(found.nats[~found.guilty])[::-1]
    return float(np.nextafter(innocents[int(share * len(innocents))], np.inf))


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


def _recorded_by(folder: Path) -> str:
    return (pq.read_schema(folder / "members.parquet").metadata or {}).get(b"revision", b"unknown").decode()


def revision() -> str:
    """Return the commit of the code that runs, with a mark if files differ from it."""
    return subprocess.run(["git", "describe", "--always", "--dirty"], check=True, capture_output=True, text=True).stdout.strip()


def main(words: Sequence[str] | None = None) -> None:
    """Record, train, judge and store."""
    parser = argparse.ArgumentParser(description="Train the additive judgement of a group's members.")
    parser.add_argument("worlds", nargs="*", default=list(WORLDS))
    parser.add_argument("--out", type=Path, default=Path("build/train"))
    parser.add_argument("--dry", action="store_true", help="print, and store nothing")
    parser.add_argument("--note", default="", help="what a reader of the provenance should know")
    asked = parser.parse_args(words)
    parts, used = [], []
    for name in asked.worlds:
        folder = asked.out / name.replace(":", "-")
        if not (folder / "members.parquet").exists():
            if not draw(name, folder):
                print(f"{name}: left out, its author's script is not beside the checkout")
                continue
            record(folder)
        parts.append(rows_of(name, folder))
        used.append(name)
        print(f"{name}: {len(parts[-1].guilty):,} rows of {len(np.unique(parts[-1].account)):,} accounts", flush=True)
    rows = Rows.joined(parts)
    strangers, novel = (left_out(rows, by(rows)) for by in (by_author, by_crowd))
    ordinary = rows.author != LOOK_ALIKES
    unseen = standing(rows.take(ordinary), strangers[ordinary])
    alert = threshold(alerting(rows.take(ordinary), strangers[ordinary]), ALERT_SHARE)
    ask = min(threshold(unseen, ASK_SHARE), alert - MIN_ASK_GAP_LOG_ODDS)
    np.savez(asked.out / "left_out.npz", strangers=strangers, novel=novel, **{item.name: getattr(rows, item.name) for item in fields(rows)})
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
            "worlds": used,
            "recorded_by": sorted({_recorded_by(asked.out / name.replace(":", "-")) for name in used}),
            "kept_share_of_crowds": KEPT,
            "note": asked.note,
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
