"""Who distils: the campaigns of the goals' table, six for development and eleven others held out.

A campaign's persona is its row in the report. Held-out ones differ in templates, sources, software, cards, ages and schedules,
and five of their behaviours do not occur in development at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import software
from bands import Band
from wording import swapped, templates, tongues

from streams.demo.stacks import OPENAI_PYTHON

_answers = partial(Band, given=(140.0, 0.4), answered=(480.0, 0.5), thinking=0.65, models=(0.25, 0.0, 0.75), schedule="dealt")
"""A harvest of long answers, dealt out by a queue."""

_TOOLS = {"tools": 9, "tool_hash": "harvest tools", "max_tokens": 8192}


@dataclass(frozen=True, slots=True)
class Grid:
    """One campaign of a grid: share of harvest in its traffic, accounts, requests an account a day."""

    mix: float = 1.0
    accounts: int = 100
    rate: float = 25.0


def development() -> list[Band]:
    """Return the campaigns to build detectors with."""
    return [
        _answers(
            persona="loud single account", campaign="dev loud", accounts=1, per_day=600, schedule="tenants", network="hosting", age=(3, 9),
            writers=templates("maths", "{task}\nReason step by step and show the complete derivation before the final answer."),
            stacks=(OPENAI_PYTHON,),
        ),
        _answers(
            persona="hydra cluster", campaign="dev hydra", accounts=170, per_day=25, spread=0.05, cards=9, age=(0.5, 6), places=90,
            network="hosting", stacks=software.relay("dev hydra"), chat=0.1, chat_writers=tongues(), wires=60,
            writers=templates(
                "maths",
                "Imagine the private reasoning behind a finished answer and write it out, step by step.\nTask: {task}",
                "Item {number}: {task}\nFirst the chain of thought inside <think>, then the answer.",
            ),
            calls=({"stream": True, "max_tokens": 16384},),
        ),
        _answers(
            persona="mixed with ordinary traffic", campaign="dev mixed", accounts=120, per_day=30, spread=0.15, cards=11, age=(1, 12),
            chat=0.75, chat_writers=tongues(), network="hosting", places=60, stacks=software.relay("dev mixed"),
            writers=templates("code", "{task}\n\nThink out loud about design choices first, then give the full program."),
        ),
        Band(
            persona="graders", campaign="dev graders", accounts=16, per_day=60, schedule="dealt", spread=0.1, cards=4, age=(2, 15),
            writers=templates(
                "chats",
                "Rate the following answer from 1 to 10 against the rubric, reply with the number only.\nQuestion: {task}\nAnswer: {other}",
            ),
            stacks=software.relay("dev graders"), network="hosting", places=5, given=(900, 0.3), answered=(4, 0.2), models=(1, 0, 0),
            calls=({"temperature": 0.0, "max_tokens": 8},),
        ),
        Band(
            persona="agentic harvest", campaign="dev agentic", accounts=24, per_day=40, schedule="bots", spread=0.2, turns=7, pause=9,
            writers=templates("code", "Thought: {task}\nAction:", "Observation {number}: exit 0 for {name}\nNext action:"), cards=5,
            stacks=software.relay("dev agentic"), network="hosting", places=8, given=(2400, 0.5), answered=(350, 0.6), models=(0.8, 0, 0.2),
            calls=(_TOOLS,), age=(1, 20),
        ),
        _answers(
            persona="seed-corpus replay", campaign="dev seeds", accounts=12, per_day=50, spread=0.1, cards=3, age=(2, 40), in_order=True,
            writers=templates("seeds", "{task}"), stacks=software.relay("dev seeds"), network="hosting", places=6,
        ),
    ]  # fmt: skip


def held_out() -> list[Band]:
    """Return the campaigns to judge detectors by."""
    return [*_known_kinds(), *_new_kinds()]


def _known_kinds() -> list[Band]:
    """Return kinds that development has seen, done otherwise."""
    return [
        _answers(
            persona="loud single account", campaign="held loud", accounts=1, per_day=520, schedule="bots", network="isp", age=(240, 250),
            writers=templates(
                "maths", "Derivation ledger for problem {number}.\n{task}\nNumber each inference; mark dead ends; close with RESULT."
            ),
            stacks=(OPENAI_PYTHON.at("2.1.0", "CPython 3.13.1"),),
        ),
        _answers(
            persona="hydra cluster", campaign="held hydra", accounts=140, per_day=25, schedule="shifts", spread=0.05, age=(-2, 4),
            network="isp", places=140, stacks=software.relay("held hydra"), chat=0.15, chat_writers=tongues(),
            writers=templates(
                "exams",
                "{task} >> narrate how an expert arrives there, nothing left out, then RESULT",
                "As a patient expert, unfold the path to the outcome of: {task}",
                "Case {number}/{name}. {task} Lay the whole path open, including what you tried first.",
            ),
        ),
        _answers(
            persona="mixed with ordinary traffic", campaign="held mixed", accounts=70, per_day=28, spread=0.2, cards=14, age=(1, 30),
            chat=0.75, chat_writers=tongues(), network="hosting", places=70, stacks=software.relay("held mixed"),
            writers=templates(
                "own",
                "Blueprint request. {task} Return: assumptions, alternatives weighed, final solution.",
                "{task} (worked out in full, margins included)",
            ),
        ),
        Band(
            persona="graders", campaign="held graders", accounts=14, per_day=55, schedule="dealt", spread=0.25, age=(10, 90), cards=5,
            writers=(swapped("Prompt {number}\n[1] {task}\n[2] {other}\nPrint 1 or 2, whichever a careful reader prefers.", "chats"),),
            stacks=software.relay("held graders"), network="isp", places=14, given=(700, 0.4), answered=(2, 0.1), models=(0.7, 0, 0.3),
            thinking=0.3,
            calls=({"temperature": 0.0, "max_tokens": 4},),
        ),
        Band(
            persona="agentic harvest", campaign="held agentic", accounts=18, per_day=36, schedule="bots", spread=0.2, turns=9, pause=6,
            writers=templates(
                "functions",
                "Goal: {task}\nYou may list, open, search. State the move.",
                "open {name}.py -> 200 lines\n{task}\nState the move.",
            ),
            calls=({**_TOOLS, "tool_hash": "other tools"},), stacks=software.relay("held agentic"), network="hosting", places=4,
            age=(5, 60), cards=4,
            given=(3000, 0.5), answered=(420, 0.5),
        ),
        _answers(
            persona="seed-corpus replay", campaign="held seeds", accounts=10, per_day=45, spread=0.3, age=(20, 200), in_order=True,
            writers=templates("maths", "{task}"), stacks=software.relay("held seeds"), network="hosting", places=3,
        ),
    ]  # fmt: skip


def _new_kinds() -> list[Band]:
    """Return kinds that development has not seen."""
    return [
        _answers(
            persona="stack-diversified slow drip", campaign="held drip", accounts=45, per_day=7, schedule="people", spread=0.4, age=None,
            writers=templates("maths", "{task} Please set out the complete working, justify every line, then box the value."),
            stacks=software.PUBLIC, network="roam",
        ),
        _answers(
            persona="release pivot", campaign="held pivot", accounts=24, per_day=40, spread=0.15, age=(3, 80), cards=6, adopts=0.7,
            writers=templates(
                "code", "Spec {number}: {task}\nDeliver analysis, then implementation, then self-review.", "{task}\nDeliver analysis first."
            ),
            stacks=software.relay("held pivot"), network="hosting", places=10,
        ),
        _answers(
            persona="unknown language", campaign="held language", accounts=20, per_day=30, spread=0.1, age=(1, 25), cards=5,
            writers=templates(
                "own",
                "Aşağıdaki soruyu çözerken aklından geçen her adımı sırayla yaz, sonra sonucu ver: {task}",  # noqa: RUF001
                "Hãy viết ra toàn bộ quá trình suy nghĩ của bạn theo từng bước rồi mới kết luận. Bài: {task}",
                "Eleza kila hatua ya mawazo yako kabla ya jibu la mwisho. Swali: {task}",
            ),
            stacks=software.relay("held language"), network="hosting", places=20,
        ),
        _answers(
            persona="no elicitation phrase", campaign="held plain", accounts=28, per_day=25, spread=0.15, age=(2, 30), cards=7,
            writers=templates("code", "{task}"), stacks=software.relay("held plain"), network="hosting", places=14,
            calls=({"max_tokens": 8192},),
        ),
        _answers(
            persona="campaign through a reseller's relay", campaign="held relay", accounts=16, per_day=30, spread=0.2, age=(5, 200),
            mixed=True, stacks=software.SHOP, network="hosting", places=3, end_users=400, chat=0.2, chat_writers=tongues(),
            writers=templates("maths", "For the archive, no. {number}: {task} Record every consideration in order, verdict last."),
        ),
    ]  # fmt: skip


def grid_campaign(split: str, grid: Grid) -> Band:
    """Return the split's hydra with another mix, size and rate."""
    hydra = (development() if split == "dev" else held_out())[1]
    name = f"grid mix {grid.mix:g} accounts {grid.accounts} rate {grid.rate:g}"
    own = hydra.cards and max(1, grid.accounts // 14)
    return replace(
        hydra, campaign=name, accounts=grid.accounts, per_day=grid.rate, chat=1 - grid.mix, cards=own, places=max(2, grid.accounts * 2 // 3)
    )
