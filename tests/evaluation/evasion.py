"""What each evasion costs a campaign, and what it buys: `python tests/evaluation/evasion.py --out DIR` (about four minutes).

One world of development's innocents, with one and the same harvest (60 accounts, 25 requests each a day) in it several times over, each
time with one more thing hidden. `docs/decisions/0009-what-evasion-costs.md` is written from its table.
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
    """Draw, replay, print."""
    parser = argparse.ArgumentParser(description="Measure what each evasion buys.")
    parser.add_argument("--out", type=Path, default=Path("build/evasion"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=7400)
    asked = parser.parse_args(words)
    if not (asked.out / "truth.parquet").exists():
        traffic.write(world(asked.seed, asked.people), asked.out)
    carried.keep(asked.out)
    carried.replayed(asked.out).write(asked.out / "replay", {})
    figures = report.load(asked.out, asked.out / "replay")
    innocent = [account for account in figures.accounts if account.campaign is None and not account.permitted]
    table = Table("hidden", "alerted", "leak", "median score", title=f"Evasions, seed {asked.seed}")
    for found in figures.campaigns:
        scores = [account.score for account in figures.accounts if account.campaign == found.name]
        table.add_row(found.name, f"{found.alerted}/{found.accounts}", f"{found.leak:.1%}", f"{np.median(scores):.1f}")
    Console(width=120).print(table)
    print(f"benign alerted: {sum(account.alerted for account in innocent)} of {len(innocent)}")


if __name__ == "__main__":
    main()
