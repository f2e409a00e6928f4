"""`make record-evidence`: replay the worlds of several authors, and keep their groups' members as rows to train on.

    python tests/evaluation/record_evidence.py                              # records what is not recorded yet, and keeps the rows
    python tests/evaluation/record_evidence.py heron:1                      # of this world; the others keep the rows that they have

Each world is replayed once, with half of each crowd, and the members of its groups are recorded every six hours as the features see them
(`members.parquet`): inputs may change without another replay. A world whose author is not at hand keeps the rows that it has: worlds by
cold authors are judged once, and their scripts do not belong to this project. `orchard` is in no list here: it judges.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import authors
import carried
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import traffic
from numpy.typing import NDArray
from train_evidence import TREES, revision
from training_rows import Rows
from worlds import mosaic
from worlds.frame import World

from models.durations import HOUR
from models.evidence.additive import Additive
from models.evidence.links import LINKS, MIN_PAYERS, rarity_of
from models.evidence.weighing import MIN_SUSPECT_MEMBERS
from streams.features.members import Members
from streams.features.registry import features
from streams.replay.run import Replay
from streams.schema.layouts import GROUP_ROW_NAMES
from streams.stages.groups import scoring
from streams.stages.groups.model_inputs import INPUT_NAMES

WORLDS: Final = (
    *(f"mosaic:{seed}" for seed in range(1, 7)),
    *(f"{author}:{seed}" for author in ("harbour", "foundry") for seed in (11, 12, 13)),
    "second:34",
    "generator:11",
    *(f"heron:{seed}" for seed in (1, 3, 4)),
    *(f"{author}:{seed}" for author in ("osprey", "plover", "kestrel") for seed in (1, 2)),
)
"""Seeds that nothing else is judged by. A world without a script is replayed where its events and its truth are in its folder."""
SCRIPTED: Final = {"second": (0.16, 2.0)}
"""Scale and days of the worlds of `authors.SCRIPTS` to train on: a larger one needs as long as all others."""
FRAMED: Final = ("mosaic", "harbour", "foundry")
"""Authors whose worlds are modules of `worlds`."""
KEPT: Final = 0.5
"""Share of each crowd and campaign that is kept, seven at least: look-alikes then weigh more than in real traffic. Of a mosaic all is."""
EVERY_SECONDS: Final = 6 * HOUR
MAX_MEMBERS: Final = 400
MIN_HOURS: Final = 2.0
MAX_WORLD_ROWS: Final = 8000
"""Rows of one world, by groups at moments, chosen by chance."""
_WHOLE: Final = frozenset({"kind", "now", "balance", "links", "rarities", "whole"})
_COLUMNS: Final = tuple(item.name for item in fields(Members) if item.name not in _WHOLE)
_FORMER_NAMES: Final = {former: name for name, former in GROUP_ROW_NAMES.items()}
"""Columns of recordings from before the state had the names that it has now."""
_LINKED: Final = (*LINKS, *map(rarity_of, MIN_PAYERS))
UNTRAINED: Final = Additive.of({"inputs": INPUT_NAMES, "base": 0.0, "offset": 0.0, "scale": 1.0, "trees": dict.fromkeys(TREES, ())})


def draw(name: str, folder: Path) -> bool:
    """Write a thinned world and its blocks, unless they are there. Returns False where its author is not at hand."""
    author, _, seed = name.partition(":")
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("truth.*")):
        if author in SCRIPTED:
            if not authors.run_script(author, int(seed), folder, *SCRIPTED[author]):
                return False
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
        members = Members(kind=key.partition(":")[0], now=now, balance=balance, links=links, rarities=rarities, whole=None, **columns)
        yield key, members, float(populations[low] or 0.0), who


def _array(column: Any) -> NDArray[Any]:
    """Return a column as an array, of lists as (rows, width)."""
    if pa.types.is_fixed_size_list(column.type):
        return np.asarray(column.flatten()).reshape(len(column), -1)
    return np.asarray(column)


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


def _recorded_by(folder: Path) -> str:
    return (pq.read_schema(folder / "members.parquet").metadata or {}).get(b"revision", b"unknown").decode()


def main(words: Sequence[str] | None = None) -> None:
    """Record what is not recorded yet, and keep the rows of all worlds."""
    parser = argparse.ArgumentParser(description="Record the members of groups in the worlds of several authors, to train on.")
    parser.add_argument("worlds", nargs="*", default=list(WORLDS), help="others keep the rows that they have")
    parser.add_argument("--out", type=Path, default=Path("build/train"))
    asked = parser.parse_args(words)
    try:
        kept, origins = Rows.read()
    except (FileNotFoundError, KeyError):  # nothing is kept, or an input of today is in no row
        kept, origins = None, {}
    parts, recorded_by = [], {}
    for name in WORLDS:
        folder = asked.out / name.replace(":", "-")
        if name in asked.worlds and ((folder / "members.parquet").exists() or draw(name, folder)):
            if not (folder / "members.parquet").exists():
                record(folder)
            parts.append(rows_of(name, folder))
            recorded_by[name] = _recorded_by(folder)
        elif kept is not None and name in origins:
            parts.append(kept.take(kept.world == name))
            recorded_by[name] = origins[name]
        else:
            print(f"{name}: left out, its author's script is not beside the checkout")
            continue
        print(f"{name}: {len(parts[-1].guilty):,} rows of {len(np.unique(parts[-1].account)):,} accounts", flush=True)
    Rows.joined(parts).write(recorded_by)


if __name__ == "__main__":
    main()
