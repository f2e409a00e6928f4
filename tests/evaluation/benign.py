"""Who is innocent and works alone or as a business: ordinary people, API customers, developers, machines (groups: `crowds`).

`dev` is for building detectors; `held_out` words things differently. Sizes: about 7,900 accounts and 150,000 requests in four days.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import software
from bands import Band, Schedule
from wording import templates, tongues

CASUAL = ({"stream": True}, {"stream": True, "temperature": 0.7}, {"max_tokens": 1024}, {"stream": True, "max_tokens": 4096})
_AGENT = "You are Codewright, working in the user's own checkout. Read before you write, keep edits small, run the tests."
_HINTS = "Complete the code at the cursor. Return code only."
_WISHES = {
    "dev": ("Write a product page for", "Summarise for the next agent:", "Extract people and amounts as JSON:", "Answer politely:"),
    "held_out": (
        "Draft our letter to readers who asked",
        "Propose an answer and a department.",
        "Stay in the role of a host.",
        "Title, teaser, tags:",
    ),
}
_FRAMES = (
    "{wish} {{task}}",
    "{{task}}\n\n{wish} Shop no. {shop}.",
    "Context {{number}} of desk {shop}.\n{wish}\n{{task}}\n{{other}}",
    "[{shop}] {{task}} -- {wish}",
)


def _house_templates(split: str, count: int, first: int) -> tuple[str, ...]:
    """Return that many customers' own templates."""
    combined = list(product(_WISHES[split], _FRAMES))
    return tuple(
        frame.format(wish=wish, shop=first + index) for index in range(count) for wish, frame in [combined[(first + index) % len(combined)]]
    )


def ordinary(accounts: int, per_day: float) -> list[Band]:
    """Return ordinary people: most on the web; some with libraries or small scripts; a few ask for reasoning by habit."""
    talk, share = tongues(), accounts / 7400
    thinkers = templates(
        "chats", "{task} think step by step please", "{task} Explain your reasoning.", "Walk me through this slowly: {task}"
    )
    hobbies = tuple(
        f"{{task}} {wish} (script {number})" for number in range(45) for wish in ("in full", "as a table", "as a long essay", "short")
    )
    some = partial(Band, persona="ordinary", per_day=per_day, turns=2.6, calls=CASUAL)
    return [
        some(accounts=round(5000 * share), writers=talk, stacks=software.BROWSERS, mixed=True, web=True),
        some(accounts=round(1320 * share), writers=talk, stacks=software.LIBRARIES),
        some(accounts=round(450 * share), writers=thinkers, stacks=software.PEOPLE, models=(0.2, 0.1, 0.7)),
        some(accounts=round(250 * share), writers=talk, stacks=software.PEOPLE, network="vpn", answered=(600, 0.9), given=(120, 0.8)),
        some(accounts=round(200 * share), writers=talk, stacks=software.PEOPLE, age=(-3.9, 0.0)),
        some(
            accounts=round(180 * share), writers=templates("chats", *hobbies), stacks=software.LIBRARIES, loyal=True, turns=1, pause=5,
            answered=(420, 0.8), given=(150, 0.7), calls=({"max_tokens": 4096}, {"max_tokens": 8192, "temperature": 1.0}, {}),
        ),
    ]  # fmt: skip


def tenants(split: str) -> list[Band]:
    """Return API customers after real ones: own templates, some flat round the clock, a quarter with long answers."""
    kinds: tuple[tuple[Schedule, int, tuple[float, float], dict[str, float]], ...] = (
        ("tenants", 66, (110.0, 0.9), {"max_tokens": 512, "temperature": 0.2}),
        ("tenants", 12, (40.0, 0.0), {"max_tokens": 64, "temperature": 0.0}),
        ("bots", 12, (60.0, 0.3), {"max_tokens": 256, "temperature": 0.0}),
        ("tenants", 26, (520.0, 0.6), {"max_tokens": 4096, "temperature": 0.9}),
        ("bots", 4, (700.0, 0.4), {"max_tokens": 4096}),
    )
    return [
        Band(
            persona="api tenant", accounts=accounts, per_day=100, spread=1.2, schedule=schedule, network="hosting",
            stacks=software.LIBRARIES,
            writers=templates("chats", *_house_templates(split, accounts, 31 * index)), loyal=True, given=(600.0, 0.9), answered=answered,
            calls=tuple({**call, "system": f"House rules of desk {31 * index + number}: be brief, cite sources."} for number in range(9)),
            models=(0.6, 0.3, 0.1),
        )
        for index, (schedule, accounts, answered, call) in enumerate(kinds)
    ]  # fmt: skip


def developers(split: str) -> list[Band]:
    """Return people who code: a terminal agent's users and an editor plugin of one fleet in three versions."""
    agent = ("{task}", "{name} fails: {task}", "tool result src/{name}.py:{number}\n{task}", "now the tests for {name}: {task}")
    hints = {"dev": ("{task}", "<before>{task}<cursor>", "# {name}\n{task}"), "held_out": ("<|file {name}.py|>\n{task}<|here|>",)}[split]
    tools = {"stream": True, "max_tokens": 32000, "tools": 14, "tool_hash": f"tools-{split}", "system": _AGENT}
    return [
        Band(
            persona="coding tool", accounts=300, per_day=12, writers=templates("code", *agent), stacks=software.TERMINAL_AGENT, turns=14,
            pause=25, given=(5000, 0.6), answered=(150, 1.0), cached=0.85, calls=(tools,), models=(0.8, 0.1, 0.1),
        ),
        Band(
            persona="IDE plugin", accounts=160, per_day=13, writers=templates("functions", *hints), stacks=software.EDITOR_PLUGIN,
            given=(1500, 0.8), answered=(14, 0.7), models=(0, 1, 0), adopts=0.0,
            calls=({"max_tokens": 128, "temperature": 0.1, "system": _HINTS},),
        ),
    ]  # fmt: skip


_QUESTIONS = {
    "dev": ("Question: {task}\nLet's think step by step.\nAnswer:", "Q: {task}\nA:"),
    "held_out": ("{task}\nPut your final number after ####.", "Solve. Finish with ANSWER: <number>\n\n{task}"),
}
_ROWS = {
    "dev": "Is this message a complaint? yes/no\n{task}",
    "held_out": "Language, sentiment (-1..1), topic as CSV, row {number}: {task}",
}
_TUTORING = {
    "dev": (
        "Write a worked solution with every intermediate step for our tutoring app.\n{task}",
        "Give three harder variants of this exercise with solutions: {task}",
    ),
    "held_out": ("{task}\nCompose a model answer in full, with the thinking that a careful student would write down.",),
}


def machines(split: str) -> list[Band]:
    """Return what runs by itself: evaluation harnesses, batch jobs, permitted synthetic data, an authorised aggregator."""
    alone = partial(Band, network="hosting", spread=0.2)
    harness = partial(Band, persona="evaluation harness", schedule="tenants", in_order=True)
    return [
        harness(
            accounts=3, organizations=2, cards=2, per_day=420, writers=templates("exams", *_QUESTIONS[split]),
            stacks=software.LIBRARIES[:3],
            given=(180, 0.3), answered=(130, 0.5), models=(1, 1, 1), network="education", age=(90, 700),
            calls=({"temperature": 0.0, "max_tokens": 512, "seed": 1234},),
        ),
        harness(
            accounts=1, per_day=330, writers=templates("functions", "{task}"), stacks=software.LIBRARIES[:1], given=(160, 0.3),
            answered=(70, 0.5), calls=({"temperature": 0.2, "max_tokens": 512, "choices": 5},), network="hosting", age=(20, 300),
        ),
        alone(
            persona="batch job", accounts=6, per_day=330, writers=templates("chats", _ROWS[split]), stacks=software.LIBRARIES[3:],
            schedule="nightly", given=(220, 0.5), answered=(3 if split == "dev" else 16, 0.3), models=(0, 1, 0),
            calls=({"temperature": 0.0, "max_tokens": 32},),
        ),
        alone(
            persona="permitted synthetic data", accounts=2, permitted=True, organizations=1, cards=1, per_day=600, age=(60, 400),
            writers=templates("maths", *_TUTORING[split]), stacks=software.LIBRARIES[:2], schedule="bots", given=(150, 0.4),
            answered=(900, 0.4), models=(0.2, 0, 0.8),
        ),
        alone(
            persona="authorised aggregator", accounts=3, permitted=True, organizations=1, cards=1, per_day=480, writers=tongues(),
            stacks=software.AGGREGATOR, turns=2.5, places=4, end_users=900, wires=24, calls=CASUAL, age=(200, 600),
        ),
    ]  # fmt: skip
