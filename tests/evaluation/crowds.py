"""Groups of innocent people who resemble clusters, and whom only what they do tells from one: no detector may single them out.

A class, a company behind its gateway, enthusiasts, resold access, a hackathon; and five groups that only held-out traffic has.
"""

from __future__ import annotations

import software
from bands import Band
from benign import CASUAL, developers, machines, ordinary, tenants
from wording import fixed, personal, spoken, task, templates, tongues

from streams.demo import prompts
from streams.demo.words import LANGUAGES

_STARTER = {
    "dev": ("Using the starter kit, {task}", "Pitch for judges: {task}"),
    "held_out": ("SYSTEM CHECK {number}: {task}", "{task} (demo mode, judges watching)"),
}


def innocents(split: str, people: int = 7400, per_day: float = 2.0) -> list[Band]:
    """Return all benign bands of a split; `people` of them ordinary."""
    every = [*ordinary(people, per_day), *tenants(split), *developers(split), *machines(split), *communities(split)]
    return every + (unseen() if split == "held_out" else [])


def communities(split: str) -> list[Band]:
    """Return the crowds of both splits."""
    return [*_institutions(split), *_gatherings(split)]


def _institutions(split: str) -> list[Band]:
    held = split == "held_out"
    sheet = [task("maths", 977 * number + held) for number in range(24)]
    return [
        Band(
            persona="university class", accounts=90, per_day=9, writers=(personal(sheet), *tongues()[:2]), stacks=software.PEOPLE,
            mixed=True,
            network="education", places=2, age=(0.5, 4.0), turns=2, country=2, models=(0.3, 0.4, 0.3),
        ),
        Band(
            persona="enterprise gateway", accounts=80, organizations=1, cards=1, per_day=13,
            writers=(*tongues(), prompts.seat, prompts.seat),
            stacks=software.COMPANY_GATEWAY, network="hosting", places=2, turns=3, end_users=80, wires=16, country=1, age=(40, 500),
            calls=({"stream": True, "temperature": 0.3},),
        ),
        Band(
            persona="grey reseller", accounts=34, per_day=32, writers=tongues(), stacks=software.SHOP if held else software.RELAY,
            mixed=True,
            spread=0.3, network="hosting", places=3, turns=2.5, end_users=400, calls=CASUAL, age=(5, 200), cards=0 if held else 9,
        ),
    ]  # fmt: skip


def _gatherings(split: str) -> list[Band]:
    held = split == "held_out"
    riddles = [f"{task('exams', 613 * number + held)} Think it through." for number in range(30)]
    kits = tuple(
        {"stream": True, "temperature": 0.8, "system": f"You are the demo assistant of team {prompts.name(team)}."} for team in range(18)
    )
    return [
        Band(
            persona="launch-day enthusiasts", accounts=120, per_day=13, window=(2.0, 4.0), stacks=software.PEOPLE, turns=1.5,
            writers=(fixed(riddles), personal(riddles), *tongues()[:4]), models=(0.1, 0.0, 0.9), adopts=0.9, answered=(500, 0.8),
            given=(150, 0.7),
        ),
        Band(
            persona="hackathon", accounts=60, organizations=18, cards=1, per_day=26, window=(1.0, 3.0), age=(-1.3, -0.95), spread=0.8,
            writers=(*templates("chats", *_STARTER[split]), *tongues()[:3]), stacks=software.STARTER_KIT, turns=1.4,
            network="business" if held else "education", places=2, calls=kits, answered=(320, 0.8), given=(300, 0.6),
        ),
    ]  # fmt: skip


def unseen() -> list[Band]:
    """Return innocent groups that only the held-out traffic has."""
    tour = [prompts.seat(7919 * number, 0) for number in range(12)]
    selection = ("Selection from {name}.rs:\n{task}\nRewrite the selection.", "Selection from {name}.lua:\n{task}\nExplain the selection.")
    helpers = tuple(
        {"max_tokens": 300, "temperature": 0.5, "system": f"You are {prompts.name(shop)}, helper of a small shop."} for shop in range(30)
    )
    return [
        Band(
            persona="company's first day", accounts=45, organizations=1, cards=1, per_day=14, window=(1.0, 4.0), age=(-1.4, -1.2),
            country=1,
            writers=(personal(tour), *tongues()[4:6]), stacks=software.BROWSERS, mixed=True, network="business", places=2, turns=2.2,
        ),
        Band(
            persona="agency's bots", accounts=30, organizations=30, cards=1, per_day=30, age=(3, 45), schedule="bots", spread=0.35,
            network="hosting", places=2, writers=templates("chats", "Visitor {number} of {name} writes: {task}"), stacks=software.BOT_KIT,
            turns=1.3, calls=helpers, given=(420, 0.3), answered=(90, 0.5), models=(0.2, 0.8, 0),
        ),
        Band(
            persona="new editor plugin", accounts=150, per_day=12, window=(1.0, 4.0), writers=templates("code", *selection),
            stacks=software.NEW_PLUGIN, given=(700, 0.6), answered=(260, 0.7), adopts=0.3,
            calls=({"max_tokens": 2048, "temperature": 0.2, "system": "Return only code."},),
        ),
        Band(
            persona="red team", accounts=4, organizations=1, cards=1, per_day=90, age=(100, 300), network="business", places=1, turns=1.3,
            writers=templates("jailbreaks", "{task}", "{task}\n\n{other}"), stacks=software.LIBRARIES[:2], given=(400, 0.6),
            answered=(160, 1.0),
        ),
        Band(
            persona="language school", accounts=25, per_day=10, age=(1, 20), network="isp", places=1, turns=4, country=2,
            writers=(spoken(LANGUAGES["spanish"]), spoken(LANGUAGES["french"])), stacks=software.BROWSERS, mixed=True,
        ),
    ]  # fmt: skip
