"""How many served answers a canary needs: a simulated student, trained on a share of them, is checked against a panel of real models.

The student is a model of word pairs (a Markov chain), so it repeats the wordings that it was trained on as often as they stood there. Its
training answers are one model's that was served with a case's canaries, for 1, 5 or 20 % of them, and other models' for the rest. The
other canary, green words, is served by a sampler: of two words that may follow, it takes the one that is green.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import TypedDict

from streams.forensics import canary
from streams.forensics.errors import AnswersError

SHARES = (0.0, 0.01, 0.05, 0.2, 1.0)
CASES = 8
ACCUSED = 0.01
ACCUSED_Z = 2.326
"""The same chance, in standard deviations."""
STUDENT_ANSWERS = 400
ANSWER_WORDS = 150
TRAINING_ANSWERS = 800
"""Answers that a student is trained on, served and others."""

_WORD = re.compile(r"\n*\S+")
"""A word with the lines that begin before it: where a list's marks stand is a habit too."""

Follow = Mapping[str, Sequence[str]]


class Row(TypedDict):
    """What was found at one share of served answers: shares of cases, and the median of agreeing wordings and of z."""

    share: float
    found: dict[str, float]
    agree: float
    green: dict[str, float]
    green_z: dict[str, float]


class Power(TypedDict):
    """What `power` returns."""

    cases: int
    student_answers: int
    training_answers: int
    controls: int
    rows: list[Row]


def following(answers: Iterable[str]) -> dict[str, list[str]]:
    """Return for each word the words that followed it, as often as they did; an empty word starts an answer."""
    found: dict[str, list[str]] = {}
    for answer in answers:
        for before, word in pairwise(["", *_WORD.findall(answer)]):
            found.setdefault(before, []).append(word)
    return found


def written(draw: random.Random, follow: Follow, green: Callable[[str, str], bool] | None = None) -> str:
    """Return an answer of a chain of words. With `green` it draws two words at each step, and prefers one that is green."""
    words = [""]
    while len(words) <= ANSWER_WORDS and words[-1] in follow:
        first, second = draw.choice(follow[words[-1]]), draw.choice(follow[words[-1]])
        prefers = green is not None and not green(words[-1], first) and green(words[-1], second)
        words.append(second if prefers else first)
    return " ".join(words[1:])


def reworded(draw: random.Random, forms: Sequence[tuple[str, str]], answer: str, share: float) -> str:
    """Return an answer of which a paraphraser chose this share of the wordings anew, by a coin and without the key."""
    other = {one: two for pair in forms for one, two in (pair, pair[::-1])}
    return canary.replace(answer, other, lambda: draw.random() < share / 2)


def thinned(answer: str) -> str:
    """Return the answer without every third word."""
    return " ".join(word for place, word in enumerate(answer.split()) if place % 3 != 2)


def power(answers: Mapping[str, Sequence[str]], teacher: str, rest: Sequence[str], panel: Sequence[str]) -> Power:
    """Return how often a case's canaries are found in a student, by the share of its training answers that was served.

    Args:
        answers: Real answers of each model.
        teacher: The model whose answers are served.
        rest: Models whose answers make up the rest of a student's training.
        panel: The controls of the check, which are none of these.
    """
    forms = tuple(form for pair in canary.wordings() for form in pair)
    controls = [canary.uses(forms, answers[model]) for model in panel]
    ours, others = list(answers[teacher]), [answer for model in rest for answer in answers[model]]
    source = following(ours)
    rows: list[Row] = []
    for share in SHARES:
        found: dict[str, list[float]] = {"as it is": [], "half reworded": [], "all reworded": []}
        zs: dict[str, list[float]] = {"as it is": [], "every third word left out": []}
        agreed = []
        for case in range(CASES):
            draw = random.Random(f"{share} {case}")
            case_id = f"case-{case}"
            key = canary.key(b"a secret for a simulation", case_id, 1)
            policy = canary.policy(key, case_id, 1, ["member"], ("simulation", ""))
            served, unserved = round(share * TRAINING_ANSWERS), TRAINING_ANSWERS - round(share * TRAINING_ANSWERS)
            plain = draw.sample(others, min(unserved, len(others)))
            said = student(draw, [canary.apply(policy, answer) for answer in draws(draw, ours, served)] + plain)
            check = _checked(policy, canary.uses(forms, said), controls)
            agreed.append(check[1])
            found["as it is"].append(check[0])
            for title, part in (("half reworded", 0.5), ("all reworded", 1.0)):
                changed = canary.uses(forms, [reworded(draw, canary.wordings(), answer, part) for answer in said])
                found[title].append(_checked(policy, changed, controls)[0])
            sampled = [written(draw, source, lambda before, word, key=key: canary.is_green(key, before, word)) for _ in range(served)]  # type: ignore[misc]
            green = student(draw, sampled + plain)
            zs["as it is"].append(canary.green_z(key, green)[0])
            zs["every third word left out"].append(canary.green_z(key, map(thinned, green))[0])
        rows.append(
            {
                "share": share,
                "found": {title: sum(p < ACCUSED for p in values) / CASES for title, values in found.items()},
                "agree": median(agreed),
                "green": {title: sum(z > ACCUSED_Z for z in values) / CASES for title, values in zs.items()},
                "green_z": {title: median(values) for title, values in zs.items()},
            }
        )
    return {"cases": CASES, "student_answers": STUDENT_ANSWERS, "training_answers": TRAINING_ANSWERS, "controls": len(panel), "rows": rows}


def draws(draw: random.Random, answers: Sequence[str], count: int) -> list[str]:
    """Return `count` answers: each is drawn once before any is drawn again."""
    whole, part = divmod(count, len(answers))
    return [*answers] * whole + draw.sample(answers, part)


def student(draw: random.Random, training: Iterable[str]) -> list[str]:
    """Return answers of a student that was trained on these."""
    follow = following(training)
    return [written(draw, follow) for _ in range(STUDENT_ANSWERS)]


def _checked(policy: canary.CanaryPolicy, own: Mapping[str, int], controls: Sequence[Mapping[str, int]]) -> tuple[float, float]:
    """Return p-value and share of agreeing wordings; 1 and 0 where no wording occurs often enough."""
    try:
        found = canary.check_uses(policy, own, controls)
    except AnswersError:
        return 1.0, 0.0
    return found.p, found.agree / found.pairs
