"""`make evaluate-authors`: worlds by several authors, each replayed once and compared with its truth.

    python tests/evaluation/authors.py harbour:1 foundry:1 second:33 --out build/authors

Authors are the project's own generator (`generator`, its `wild` split), those of `SCRIPTS` (beside the checkout; skipped where they are
not), and the worlds of `tests/evaluation/worlds`. `orchard` is held back: nothing may be tuned on it. A world is drawn and sketched once,
in `--out`, and replayed every time. A folder with `events.jsonl` and `truth.json` may be named instead of an author.

Accounts of a campaign are the positives; owners of stolen keys (`victim_of`) and permitted parties are on neither side. A campaign marked
`tellable: false` in the truth cannot be told from ordinary use by logs alone, and is counted apart.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import carried
import numpy as np
import pyarrow.parquet as pq
import traffic
from measures import average_precision, threshold_at
from report import FOUND
from rich.console import Console
from rich.table import Table

from models.durations import DAY
from streams.cases.policy import Policy
from streams.replay.run import Replay
from streams.schema import blocks, layouts
from streams.schema.cases import CaseState
from streams.schema.names import AlertName
from streams.schema.replay_files import AccountRow
from streams.testing import figures as kept_figures
from streams.testing.real_data import real_data

WORLDS = ("harbour", "foundry", "orchard")
SCRIPTS = {"second": ("second_author.py", 0.4, 3.0)}
"""Authors whose scripts are beside the checkout (`../shared/worlds`): file, scale and days of a world to judge by."""
PERMITTED = ("permitted_synthetic", "authorised_aggregator")
CROWD_ACCOUNTS = 5
"""Accounts from which a crowd's share of alerts is a figure of its own."""
FELL = 0.7
"""Share of the threshold under which the evidence of every entity of a case must be for the case to be left open without reason."""


@dataclass(frozen=True, slots=True)
class Role:
    """What an account really is."""

    persona: str
    campaign: str | None = None
    victim: bool = False
    permitted: bool = False
    tellable: bool = True

    @property
    def judged(self) -> bool:
        """Whether it is on one of the two sides."""
        return not (self.victim or self.permitted)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a replay of one world gave."""

    world: str
    accounts: int
    cpu_seconds: float
    average_precision: float
    recall: float
    """Of campaigns' accounts, where 1 innocent in 1,000 scores as much."""
    found: str
    untellable: str
    """Found among the campaigns that logs alone cannot tell; with a question too: `untellable_or_asked`."""
    untellable_or_asked: str
    leak: float
    """Median over tellable campaigns."""
    innocents: str
    asked: str
    """Of the accounts in a question to an owner, those of a campaign."""
    found_or_asked: str
    questions: str
    """Cases that end as a question and of whose accounts, at least half, belong to a campaign or have a stolen key; of all such cases."""
    questions_a_day: float
    worst_crowd: str
    victims: str
    """Owners of stolen keys that are members of an alerted case."""
    warned: str
    """Of the accounts whose owner is to be warned, those whose key was stolen."""
    routed: str
    """Ordinary people in a routing case."""
    mixed: int
    """Cases with innocents beside a campaign, or with several campaigns."""
    left_open: int
    """Open cases whose evidence has fallen."""
    campaigns: Mapping[str, str]
    crowds: Mapping[str, str]


def draw(author: str, seed: int, folder: Path) -> bool:
    """Write a world and its blocks, unless they are there. Returns False where its author is not at hand."""
    folder.mkdir(parents=True, exist_ok=True)
    if author in SCRIPTS and not (folder / "truth.json").exists():
        if not run_script(author, seed, folder, *SCRIPTS[author][1:]):
            return False
    elif author == "generator":
        if not (folder / "truth.parquet").exists():
            traffic.write(traffic.world("wild", seed, people=2000), folder)
    elif not (folder / "truth.json").exists():
        importlib.import_module(f"worlds.{author}").build(seed).write(folder)
    carried.keep(folder)
    return True


def run_script(author: str, seed: int, folder: Path, scale: float, days: float) -> bool:
    """Write a world by the script of an author of SCRIPTS. Returns False where it is not beside the checkout."""
    script = real_data(f"worlds/{SCRIPTS[author][0]}")
    if script is None:
        return False
    words = [sys.executable, str(script), str(folder), "--seed", str(seed), "--scale", f"{scale:g}", "--days", f"{days:g}"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return True


def roles(folder: Path) -> dict[str, Role]:
    """Return the truth of a world, by account."""
    if (folder / "truth.json").exists():
        return {name: _role(row) for name, row in json.loads((folder / "truth.json").read_text()).items()}
    rows = pq.read_table(folder / "truth.parquet").to_pylist()
    return {row["account_id"]: Role(row["persona"], row["campaign"], permitted=row["permitted"]) for row in rows}


def _role(row: Mapping[str, Any]) -> Role:
    permitted = row["persona"] in PERMITTED
    return Role(row["persona"], row["campaign"], bool(row.get("victim_of")), permitted, bool(row.get("tellable", True)))


def times(folder: Path) -> dict[str, list[float]]:
    """Return the moments of every account's requests, seconds since 1970."""
    found: dict[str, list[float]] = defaultdict(list)
    for outgoing in carried.kept(folder):
        block = blocks.decode(outgoing.data, layouts.REQUESTS)
        for account, moment in zip(block.texts("account_id"), block.numbers("time").tolist(), strict=True):
            found[str(account)].append(moment)
    return found


def judge(name: str, folder: Path, replay: Replay, cpu: float) -> Figures:
    """Compare a replay with the truth."""
    truth, said, served = roles(folder), replay.accounts(), times(folder)
    judged = [account for account, role in truth.items() if role.judged and account in said]
    guilty = np.array([truth[account].campaign is not None for account in judged])
    scores = np.nan_to_num(np.array([said[account].extraction for account in judged]), neginf=-1e9)
    over = scores > threshold_at(scores, guilty) if guilty.any() else guilty
    members: dict[str, list[str]] = defaultdict(list)
    people: dict[str, list[str]] = defaultdict(list)
    for account in judged:
        role = truth[account]
        (members[role.campaign] if role.campaign else people[role.persona]).append(account)
    fates = {campaign: _fate(crew, said, served) for campaign, crew in members.items()}
    tellable = {campaign: truth[crew[0]].tellable for campaign, crew in members.items()}
    told = [fate for campaign, fate in fates.items() if tellable[campaign]]
    blind = [fate for campaign, fate in fates.items() if not tellable[campaign]]
    innocents = [account for crowd in people.values() for account in crowd]
    alerted = {crowd: sum(said[account].alerted for account in crew) for crowd, crew in people.items()}
    worst = max((alerted[crowd] / len(crew) for crowd, crew in people.items() if len(crew) >= CROWD_ACCOUNTS), default=0.0)
    victims = [account for account, role in truth.items() if role.victim and account in said]
    channel, mixed = _cases(replay, truth)
    questions = [case for case in replay.pipeline.cases.cases.values() if case.behaviour == "extraction" and case.tier == "ask"]
    questions = [case for case in questions if case.state != "merged" and not case.muted]
    right = [case for case in questions if _is_right(case, truth)]
    return Figures(
        name,
        len(judged),
        round(cpu, 1),
        round(average_precision(scores, guilty), 3) if guilty.any() else float("nan"),
        round(float(over[guilty].mean()), 3) if guilty.any() else float("nan"),
        f"{sum(share >= FOUND for share, _ in told)}/{len(told)}",
        f"{sum(share >= FOUND for share, _ in blind)}/{len(blind)}",
        _reached([crew for campaign, crew in members.items() if not tellable[campaign]], said),
        round(float(np.median([leak for _, leak in told])), 3) if told else float("nan"),
        f"{sum(alerted.values())}/{len(innocents)}",
        f"{sum(said[account].asked for crew in members.values() for account in crew)}/{sum(said[account].asked for account in judged)}",
        _reached([crew for campaign, crew in members.items() if tellable[campaign]], said),
        f"{len(right)}/{len(questions)}",
        round(len(questions) / (_days(served) or 1.0), 2),
        f"{worst:.0%}",
        f"{sum(said[account].alerted for account in victims)}/{len(victims)}",
        f"{sum(said[account].warned for account in victims)}/{sum(row.warned for row in said.values())}",
        f"{len(channel)}/{len(innocents)}",
        mixed,
        _left_open(replay),
        {campaign: f"{share:.0%} alerted, leak {leak:.0%}" for campaign, (share, leak) in sorted(fates.items())},
        {crowd: f"{count}/{len(people[crowd])}" for crowd, count in sorted(alerted.items()) if count},
    )


def _reached(crews: Sequence[Sequence[str]], said: Mapping[str, AccountRow]) -> str:
    """Return of how many campaigns half of the accounts were in an alert or a question."""
    shares = [np.mean([said[account].alerted or said[account].asked for account in crew]) for crew in crews]
    return f"{sum(share >= FOUND for share in shares)}/{len(shares)}"


def _fate(crew: Sequence[str], said: Mapping[str, AccountRow], served: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """Return the share of a campaign's accounts that were alerted, and of its requests before the first alert."""
    hit = [account for account in crew if said[account].alerted]
    alerts = [row.first_alert_at for account in crew if (row := said[account]).alerted and row.first_alert_at is not None]
    first = min(alerts, default=np.inf)
    moments = np.concatenate([np.array(served[account]) for account in crew])
    return len(hit) / len(crew), float(np.mean(moments < first))


def _is_right(case: CaseState, truth: Mapping[str, Role]) -> bool:
    """Return whether at least half of a question's accounts belong to a campaign, or have a stolen key."""
    known = [truth[account] for account in (*case.members, *case.owners) if account in truth]
    return bool(known) and sum(role.campaign is not None or role.victim for role in known) >= len(known) / 2


def _days(served: Mapping[str, Sequence[float]]) -> float:
    """Return from the first to the last request, in days."""
    moments = [moment for times in served.values() for moment in (times[0], times[-1])]
    return (max(moments) - min(moments)) / DAY if moments else 0.0


def _cases(replay: Replay, truth: Mapping[str, Role]) -> tuple[set[str], int]:
    """Return the ordinary people that a routing case is about, and how many extraction cases mix what does not belong together."""
    people, mixed = set(), 0
    for case in replay.pipeline.cases.cases.values():
        who = {account: truth[account] for account in case.members if account in truth and truth[account].judged}
        if case.behaviour == "routing":
            named = {key.partition(":")[2] for key in case.keys}
            people |= {account for account in named & who.keys() if who[account].campaign is None and "grey" not in who[account].persona}
        elif case.state != "merged" and not case.muted and case.tier == "alert":
            campaigns = {role.campaign for role in who.values() if role.campaign}
            mixed += len(campaigns) > 1 or (len(campaigns) == 1 and any(role.campaign is None for role in who.values()))
    return people, mixed


def _left_open(replay: Replay) -> int:
    """Count the open extraction cases none of whose entities has evidence near the threshold any more."""
    now = _evidence_now(replay)
    policy = Policy.load()
    count = 0
    for case in replay.pipeline.cases.cases.values():
        if case.state == "open" and case.behaviour == "extraction":
            least = FELL * policy.threshold_nats("ask" if case.tier == "ask" else "extraction")
            count += all(now.get(AlertName.parse(link.entity).key, 0.0) < least for link in case.links)
    return count


def _evidence_now(replay: Replay) -> dict[str, float]:
    """Return the evidence of every entity at its last tick, by key."""
    found: dict[str, float] = {}
    for groups in replay.pipeline.groups:
        found |= {groups.table.keys[slot]: float(groups.table["last_score_row_nats"][slot]) for slot in groups.table.slots.tolist()}
    for accounts in replay.pipeline.accounts:
        table = accounts.table
        # one account alone is alerted over a calibrated threshold of its own: what it has now is compared with that of a group's
        found |= {f"account:{table.keys[slot]}": 2.0 * float(table["last_score_row_nats"][slot]) for slot in table.slots.tolist()}
    return found


def measure(name: str, out: Path) -> Figures | None:
    """Draw, replay and judge a world: `author:seed`, or a folder. Returns None where its author is not at hand."""
    folder = Path(name)
    if not folder.is_dir():
        author, _, seed = name.partition(":")
        folder = out / f"{author}-{seed}"
        if not draw(author, int(seed or 1), folder):
            return None
    else:
        carried.keep(folder)
    began = time.process_time()
    replay = carried.replayed(folder)
    return judge(name, folder, replay, time.process_time() - began)


def show(figures: Iterable[Figures], console: Console, *, whole: bool) -> None:
    """Print the table of worlds, and with `whole` each campaign and crowd."""
    heads = (
        "world",
        "AP",
        "recall",
        "found",
        "untellable",
        "leak",
        "innocents",
        "asked",
        "or asked",
        "questions",
        "a day",
        "worst crowd",
        "victims",
        "warned",
        "routed",
        "mixed",
        "left open",
        "CPU",
    )
    table = Table(*heads, title="Worlds by several authors")
    for each in figures:
        table.add_row(
            each.world, f"{each.average_precision:.3f}", f"{each.recall:.2f}", each.found,
            f"{each.untellable} ({each.untellable_or_asked})", f"{each.leak:.0%}",
            each.innocents, each.asked, each.found_or_asked, each.questions, f"{each.questions_a_day:.1f}", each.worst_crowd,
            each.victims, each.warned, each.routed, str(each.mixed), str(each.left_open), f"{each.cpu_seconds:.0f} s",
        )  # fmt: skip
        if whole:
            console.print(f"{each.world} campaigns: {each.campaigns}\n{each.world} crowds: {each.crowds}")
    console.print(table)


def main(words: Sequence[str] | None = None) -> None:
    """Measure the worlds that the arguments name."""
    parser = argparse.ArgumentParser(description="Measure the detector in worlds by several authors.")
    parser.add_argument("worlds", nargs="*", default=["generator:1", "second:33", "harbour:1", "foundry:1"])
    parser.add_argument("--out", type=Path, default=Path("build/authors"))
    parser.add_argument("--whole", action="store_true", help="each campaign and crowd too")
    asked = parser.parse_args(words)
    figures = []
    for name in asked.worlds:
        if (one := measure(name, asked.out)) is None:
            print(f"{name}: skipped, its author's script is not beside the checkout")
            continue
        figures.append(one)
        asked.out.mkdir(parents=True, exist_ok=True)
        with (asked.out / "figures.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")
        command = f'make evaluate-authors WORLDS="{" ".join(each.world for each in figures)}"'
        kept_figures.write("evaluate-authors", {"worlds": [asdict(each) for each in figures]}, command=command)
    show(figures, Console(width=190), whole=asked.whole)


if __name__ == "__main__":
    main()
