"""Campaigns and crowds drawn at random, other ones with every seed: what a detector cannot have been built for.

Each dimension of a campaign (kind, size, rate, schedule, quotas, cards, ages, networks, software, templates, mixture) is drawn by itself,
so combinations occur that nobody thought of; so is each dimension of the innocent crowds that resemble clusters. Some campaigns are
hard by draw (public software, own cards and aged accounts at once): not all can be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import software
from bands import Band
from benign import developers, machines, ordinary, tenants
from crowds import communities, unseen
from wording import swapped, templates, tongues

from streams.demo import prompts
from streams.demo.log import Writer
from streams.demo.stacks import OPENAI_NODE, OPENAI_PYTHON, Stack

CAMPAIGNS = 12
"""Campaigns of one world, beside one account that harvests alone."""
MOST_PER_DAY = 5000
"""Requests a day of the largest campaign: together they stay about 4 % of the accounts."""

_WISHES = (
    "Give the full derivation.", "Write down every consideration.", "Solve it aloud, from the first line to the last.",
    "Keep a log of what you try and why.", "Explain to a colleague how you got there.", "Return reasoning, then result.",
    "Set out the proof and check it twice.", "Escribe todo el razonamiento antes del resultado.", "Rédige toute la réflexion, pas à pas.",
    "Schreibe jeden Gedanken auf, erst dann die Lösung.", "Подробно распиши ход мысли.", "推論をすべて書き出してから答えてください。",
    "请写出完整的思考过程。", "Answer completely, for a textbook.", "Produce the model solution.",
)  # fmt: skip
_FRAMES = ("{{task}}\n{wish}", "{wish}\n\n{{task}}", "Job {{number}}: {{task}} {wish}", "[{{name}}] {wish} {{task}}", "{{task}} // {wish}")
_SOURCES = ("maths", "code", "exams", "own", "seeds", "functions")
_GRADERS = (
    "Score this from 0 to 5. Print the score.\nTask: {task}\nReply: {other}",
    "Q: {task}\nCandidate: {other}\nIs the candidate acceptable? yes or no.",
    "Compare.\nA: {task}\nB: {other}\nAnswer A or B.",
)


def campaigns(rng: np.random.Generator) -> list[Band]:
    """Return the campaigns of one world."""
    return [*(_campaign(rng, f"wild {number:02d}") for number in range(CAMPAIGNS)), _loud(rng)]


def _loud(rng: np.random.Generator) -> Band:
    """Return one account that harvests alone."""
    return Band(
        persona="loud single account", campaign="wild loud", accounts=1, per_day=float(np.exp(rng.uniform(np.log(200), np.log(1500)))),
        schedule=rng.choice(["dealt", "bots", "tenants"]), stacks=software.LIBRARIES[:1],
        age=None if rng.random() < 0.5 else (0.0, 10.0), network=str(rng.choice(["hosting", "isp"])), chat=0.2 * float(rng.random() < 0.3),
        chat_writers=tongues(), **_work(rng, "answers"),
    )  # fmt: skip


def _campaign(rng: np.random.Generator, name: str) -> Band:
    kind = str(rng.choice(["answers", "graders", "agents"], p=[0.7, 0.15, 0.15]))
    accounts = round(float(np.exp(rng.uniform(np.log(8), np.log(160)))))
    per_day = min(float(np.exp(rng.uniform(np.log(8), np.log(80)))), MOST_PER_DAY / accounts)
    hidden = rng.random(4) < (0.2, 0.4, 0.3, 0.5)
    hides = [word for word, is_so in zip(("stack", "cards", "ages", "network"), hidden.tolist(), strict=True) if is_so]
    start = float(rng.uniform(0, 1.0)) if rng.random() < 0.5 else 0.0
    return Band(
        persona=f"{kind}, hides {' '.join(hides) or 'nothing'}",
        campaign=name,
        accounts=accounts,
        per_day=per_day,
        spread=float(rng.uniform(0.03, 0.4)),
        schedule=rng.choice(["dealt", "bots", "shifts", "people"], p=[0.5, 0.25, 0.15, 0.1]),
        window=(start, 4.0),
        stacks=_stacks(rng, name, public="stack" in hides),
        cards=0 if "cards" in hides else max(1, accounts // int(rng.integers(4, 20))),
        age=None if "ages" in hides else (0.0, float(rng.uniform(2, 60))),
        network="roam" if "network" in hides else str(rng.choice(["hosting", "isp"])),
        places=0 if "network" in hides else max(2, round(accounts * float(rng.uniform(0.1, 1.0)))),
        chat=float(rng.choice([0.0, 0.1, 0.3, 0.6, 0.75], p=[0.4, 0.2, 0.15, 0.15, 0.1])),
        chat_writers=tongues(),
        **_work(rng, kind),
    )


def _stacks(rng: np.random.Generator, name: str, *, public: bool) -> tuple[Stack, ...]:
    return (
        tuple(software.PUBLIC[: int(rng.integers(1, len(software.PUBLIC)))])
        if public
        else software.relay(f"{name} {rng.integers(1 << 30)}")
    )


def _work(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    """Return what a campaign asks for and gets."""
    match kind:
        case "graders":
            text = str(rng.choice(_GRADERS))
            return {
                "writers": (swapped(text, "chats"),) if rng.random() < 0.5 else templates("chats", text),
                "given": (float(rng.uniform(500, 1200)), 0.4), "answered": (float(rng.uniform(2, 8)), 0.2), "models": (1, 0, 0),
                "calls": ({"temperature": 0.0, "max_tokens": 16},),
            }  # fmt: skip
        case "agents":
            steps = ("Task: {task}\nNext step?", "Result {number} of {name}: done\nNext step?")
            return {
                "writers": templates(str(rng.choice(["code", "functions"])), *steps), "turns": float(rng.uniform(4, 12)),
                "pause": float(rng.uniform(4, 20)), "given": (float(rng.uniform(1500, 4000)), 0.5),
                "answered": (float(rng.uniform(310, 600)), 0.5), "models": (0.8, 0, 0.2),
                "calls": ({"tools": 6, "tool_hash": f"tools {rng.integers(1 << 30)}", "max_tokens": 8192},),
            }  # fmt: skip
        case _:
            return {
                "writers": _harvest(rng), "given": (float(rng.uniform(90, 300)), 0.4), "answered": (float(rng.uniform(330, 900)), 0.5),
                "thinking": float(rng.uniform(0.3, 0.7)), "models": (0.25, 0.0, 0.75) if rng.random() < 0.7 else (1, 0, 0),
                "calls": ({"max_tokens": 8192},) if rng.random() < 0.5 else ({"stream": True, "max_tokens": 16384},),
                "in_order": bool(rng.random() < 0.2),
            }  # fmt: skip


def _harvest(rng: np.random.Generator) -> tuple[Writer, ...]:
    """Return one to four templates over one source of tasks; the bare task in one campaign of six."""
    source = str(rng.choice(_SOURCES))
    if rng.random() < 1 / 6:
        return templates(source, "{task}")
    combined = [frame.format(wish=wish) for frame, wish in product(_FRAMES, _WISHES)]
    return templates(source, *rng.choice(np.array(combined), int(rng.integers(1, 5)), replace=False).tolist())


def innocents(rng: np.random.Generator, people: int) -> list[Band]:
    """Return the benign bands of one world: those of both splits, their crowds in other sizes, and a few more gatherings."""
    split = str(rng.choice(["dev", "held_out"]))
    alone = [*ordinary(people, 2.0), *tenants(split), *developers(split), *machines(split)]
    crowds = [_resized(rng, band) for band in [*communities(split), *unseen()]]
    return [*alone, *crowds, *_gatherings(rng)]


def _resized(rng: np.random.Generator, band: Band) -> Band:
    if band.permitted:
        return band
    accounts = max(4, round(band.accounts * float(rng.uniform(0.5, 1.5))))
    return replace(
        band, accounts=accounts, per_day=band.per_day * float(rng.uniform(0.6, 1.6)),
        organizations=accounts if band.organizations == band.accounts else band.organizations,
        cards=_purses(rng) if band.cards == 1 and band.organizations > 1 else band.cards,
    )  # fmt: skip


def _purses(rng: np.random.Generator) -> int:
    """Return with how many cards somebody pays for several organisations: one sponsor or agency, mostly."""
    return int(rng.choice([1, 2, 4], p=[0.6, 0.2, 0.2]))


def _gatherings(rng: np.random.Generator) -> list[Band]:
    """Return a second hackathon, a course with accounts of its own, and the users of a small application."""
    kit = str(rng.choice(["Kit {number}. {task}", "{task} #team{number}", "You help {name}. {task}"]))
    teams = int(rng.integers(5, 30))
    sheet = [f"{text} Show your working." for text in (prompts.task(int(each)) for each in rng.integers(0, 1 << 30, 20))]
    return [
        Band(
            persona="another hackathon", accounts=teams * int(rng.integers(2, 6)), organizations=teams,
            cards=_purses(rng) if rng.random() < 0.7 else 0,
            per_day=float(rng.uniform(10, 40)), window=(1.0, 3.0), age=(-1.3, -0.9), spread=float(rng.uniform(0.6, 1.1)),
            writers=(*templates("chats", kit), *tongues()[:3]), stacks=(OPENAI_NODE,), turns=1.5, network="business", places=2,
            answered=(float(rng.uniform(200, 450)), 0.8), given=(300, 0.6),
        ),
        Band(
            persona="course", accounts=int(rng.integers(20, 70)), per_day=float(rng.uniform(5, 20)), age=(0.5, 10), turns=1.4,
            writers=(_sheet(sheet), *tongues()[:1]), stacks=(OPENAI_PYTHON,), network="education", places=3, country=1,
            answered=(400, 0.7), given=(150, 0.5), spread=0.9,
        ),
        Band(
            persona="application's users", accounts=int(rng.integers(40, 120)), per_day=float(rng.uniform(3, 12)), age=None,
            writers=templates("chats", "Recipe card for {name}\n{task}\nIngredients, steps, tips."), stacks=software.BOT_KIT, turns=1.2,
            answered=(float(rng.uniform(300, 600)), 0.4), given=(200, 0.3),
        ),
    ]  # fmt: skip


def _sheet(texts: Sequence[str]) -> Writer:
    return lambda seed, turn: texts[(seed + turn) % len(texts)]
