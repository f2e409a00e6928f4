"""What each evasion costs a campaign, and what it buys: `make evaluate-evasion` (about four minutes).

One world of development's innocents, with one and the same harvest (60 accounts, 25 requests each a day) in it several times over, each
time with one more thing hidden. The table of `docs/decisions/0009-what-evasion-costs.md` is made from its figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import carried
import numpy as np
import report
import software
import traffic
from attackers import _answers
from bands import Band, draw
from crowds import innocents
from rich.console import Console
from rich.table import Table
from wording import templates, tongues

from streams.demo.log import Log
from streams.demo.scene import Scene
from streams.testing.figures import MEASURED, Figures, write

PEOPLE = 7_400
COSTS = {
    "0": "",
    "1": "a card or gift card an account",
    "2": "buying accounts, or waiting months",
    "3": "a proxy for each account, by the gigabyte",
    "4": "nothing: plain libraries",
    "5": "capacity: half of the accounts nearly idle, some heavy enough to meet rate limits",
    "6": "two thirds of the day unused",
    "7": "a paraphrasing step",
    "a": "capacity, as above",
    "b": "the router, cards and ages still link them",
    "c": "the traces that a student learns from",
    "d": "ten times the requests for the same harvest",
    "e": "four times the requests",
}
"""What each evasion costs the campaign, by the first letter of its name."""
_WORDINGS = (
    "{task} Set down every thought on the way, the outcome at the end.",
    "Protocol {number}. {task} Nothing is to be left out of the reasoning.",
    "{task} Dictate your notes in full before you commit to a figure.",
    "As on a whiteboard, line after line: {task}",
    "{task} I need the complete argument, with a reason beside each move.",
    "Lecture {number} covers this: {task} Write the handout.",
    "{task} Begin with what is known, go on until nothing is open.",
    "Ticket {number}: {task} Log all considerations, close with a verdict.",
    "{task} Show a beginner how one gets there, leaving no gap.",
    "Draft the long solution, checks included. {task}",
    "{task} Compare two approaches at length, then pick and finish one.",
    "Oral exam, candidate {number}. {task} Answer as a transcript.",
    "{task} Comment on each line why it follows from those above it.",
)
"""One for each campaign: they must not be linked to each other."""
_PARAPHRASES = tuple(
    f"{{task}} {wish} {how}"
    for wish in ("Tell me all that leads there,", "I want the road and the goal:", "Unroll it from the start,", "Argue it through for me,")
    for how in ("slowly.", "as if at a blackboard.", "without gaps.", "for a careful reader.", "and doubt each claim.")
)


def campaigns() -> list[Band]:
    """Return the harvest with nothing hidden, then with one more thing hidden each time, then with single evasions of another sort."""
    plain = _answers(
        persona="nothing hidden", campaign="0 nothing hidden", accounts=60, per_day=25, spread=0.1, cards=5, age=(1, 8), network="hosting",
        places=6, stacks=software.relay("evasion"), writers=templates("maths", _WORDINGS[0]),
    )  # fmt: skip
    change = partial(_changed, plain)
    cards = {"cards": 0}
    aged = cards | {"age": None}
    homes = aged | {"network": "isp", "places": 60}
    public = homes | {"stacks": software.PUBLIC}
    skewed = public | {"spread": 1.1}
    human = skewed | {"schedule": "people"}
    ten, more = (templates("maths", *_PARAPHRASES[first::2]) for first in (0, 1))
    return [
        plain,
        change("1 own cards", cards),
        change("2 and aged accounts", aged),
        change("3 and residential networks", homes),
        change("4 and public software", public),
        change("5 and volumes as skewed as people's", skewed),
        change("6 and people's hours", human),
        change("7 and ten phrasings", human | {"writers": ten}),
        change("a only: volumes as skewed as people's", {"spread": 1.1}),
        change("b only: ten phrasings", {"writers": more}),
        change("c only: answers of 60 to 250 tokens", {"answered": (120, 0.3), "thinking": 0.0, "models": (1.0, 0.0, 0.0)}),
        change("d only: nine tenths ordinary chat", {"chat": 0.9, "chat_writers": tongues()}),
        change("e clean cards, ages, networks; 3/4 chat", homes | {"chat": 0.75, "chat_writers": tongues()}),
    ]


def _changed(plain: Band, name: str, changes: dict[str, Any]) -> Band:
    own = {"stacks": software.relay(f"evasion {name}"), "writers": templates("maths", _WORDINGS["0123456789abcde".index(name[0]) % 13])}
    return replace(plain, campaign=name, persona=name, **(own | changes))


def world(seed: int, people: int) -> Log:
    """Draw the innocents of development and all the campaigns."""
    scene = Scene(Log(np.random.default_rng([seed, 10])), traffic.START, traffic.SPAN)
    for band in [*innocents("dev", people), *campaigns()]:
        draw(scene, band)
    return scene.log


def main(words: Sequence[str] | None = None) -> None:
    """Draw, replay, print, and write the figures."""
    parser = argparse.ArgumentParser(description="Measure what each evasion buys.")
    parser.add_argument("--out", type=Path, default=Path("build/evasion"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--figures", type=Path, default=MEASURED, help="where the figures go (build/figures)")
    asked = parser.parse_args(words)
    if not (asked.out / "truth.parquet").exists():
        traffic.write(world(asked.seed, asked.people), asked.out)
    carried.keep(asked.out)
    carried.replayed(asked.out).write(asked.out / "replay")
    run = report.load(asked.out, asked.out / "replay")
    innocent = [account for account in run.accounts if account.campaign is None and not account.permitted]
    measured = {
        "campaigns": [row(campaign, run.accounts) for campaign in run.campaigns],
        "benign_alerted": sum(account.alerted for account in innocent),
        "benign": len(innocent),
    }
    show(measured, Console(width=120), seed=asked.seed)
    few = f"{PEOPLE - asked.people:,} of {PEOPLE:,} ordinary accounts" if asked.people < PEOPLE else ""
    written = write("evaluate-evasion", measured, command="make evaluate-evasion", seed=asked.seed, partial=few, folder=asked.figures)
    print(f"figures -> {written}")


def row(campaign: report.Campaign, accounts: Sequence[report.Account]) -> Figures:
    """Return what an evasion bought the campaign that used it."""
    score = float(np.median([account.score for account in accounts if account.campaign == campaign.name]))
    return {
        "hidden": campaign.name[2:],
        "alerted": campaign.alerted,
        "accounts": campaign.accounts,
        "leak": round(campaign.leak, 4),
        "median_score": round(score, 2),
        "cost": COSTS[campaign.name[0]],
    }


def show(measured: Figures, console: Console, seed: int) -> None:
    """Print the figures."""
    table = Table("hidden", "alerted", "leak", "median score", title=f"Evasions, seed {seed}")
    for each in measured["campaigns"]:
        table.add_row(each["hidden"], f"{each['alerted']}/{each['accounts']}", f"{each['leak']:.1%}", f"{each['median_score']:.1f}")
    console.print(table)
    console.print(f"benign alerted: {measured['benign_alerted']} of {measured['benign']}")


if __name__ == "__main__":
    main()
