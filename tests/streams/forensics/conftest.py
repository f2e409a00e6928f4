"""Made-up models whose relations are known."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from streams.forensics.answers import Answers, Options
from streams.forensics.panel import Panel, Prompts, options_panel, text_panel

WORDS = [f"w{number}" for number in range(60)]
OPENERS = ["First,", "However,", "For example,", "Therefore,", "Because", "Sorry,", "Note"]


def written(seed: int, items: int, *, style: bool) -> dict[str, str]:
    """Return a model's answers of three sentences. With a style a model prefers ten words and two ways to begin a sentence."""
    draw = random.Random(seed)
    words, openers = (draw.sample(WORDS, 10), draw.sample(OPENERS, 2)) if style else (WORDS, OPENERS)

    def sentence() -> str:
        chosen = (draw.choice(words if draw.random() < 0.5 else WORDS) for _ in range(5))
        return " ".join([draw.choice(openers if draw.random() < 0.5 else OPENERS), "the", *chosen, "of a."])

    return {str(item): " ".join(sentence() for _ in range(draw.randint(2, 4))) for item in range(items)}


def names(controls: int) -> list[str]:
    return ["suspect", "ours", *(f"control-{number}" for number in range(controls))]


@pytest.fixture
def writers() -> Callable[..., Panel]:
    """A panel of unrelated writers, of whose suspect `copied` of 100 answers are our model's."""

    def make(
        *,
        copied: int = 0,
        items: int = 100,
        controls: int = 8,
        seed: int = 0,
        order: int = 0,
        style: bool = True,
        prompts: Prompts | None = None,
    ) -> Panel:
        ours = written(1000 * seed + 1, items, style=style)
        own = written(1000 * seed + 2, items, style=style)
        suspect = {item: ours[item] if int(item) % 100 < copied else answer for item, answer in own.items()}
        others = [written(1000 * seed + 10 + number, items, style=style) for number in range(controls)]
        shuffled = [dict(random.Random(order).sample(list(answers.items()), items)) for answers in (suspect, ours, *others)]
        models = [Answers(name, answers, "") for name, answers in zip(names(controls), shuffled, strict=True)]
        return text_panel(models[0], models[1], models[2:], prompts)

    return make


@pytest.fixture
def choosers() -> Callable[..., Panel]:
    """A panel of models that are right on half of the questions; `copied` of 100 choices of the suspect are our model's."""

    def make(*, copied: int = 0, items: int = 400, controls: int = 8, seed: int = 0, order: int = 0, style: bool = True) -> Panel:
        del style
        rng = np.random.default_rng(seed)
        chosen = {name: rng.choice(4, size=items, p=[0.55, 0.15, 0.15, 0.15]) for name in names(controls)}
        chosen["suspect"] = np.where(np.arange(items) % 100 < copied, chosen["ours"], chosen["suspect"])
        letters = {name: {str(item): "ABCD"[choice] for item, choice in enumerate(row)} for name, row in chosen.items()}
        every = [str(item) for item in random.Random(order).sample(range(items), items)]
        return options_panel(
            Options(dict.fromkeys(every, "A"), dict.fromkeys(every, 4), dict.fromkeys(every, ""), letters, ""), "suspect", "ours"
        )

    return make
