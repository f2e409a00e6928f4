"""How the evaluation's prompts are worded: ordinary talk, tasks from real corpora, and templates around them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from corpora import corpora

from streams.demo import prompts
from streams.demo.log import Writer
from streams.demo.words import LANGUAGES, Language

_LONGEST = 1500


def talk(seed: int, turn: int) -> str:
    """Say what people say: real conversations, each person putting things a little differently."""
    chats = corpora().chats
    turns = chats[seed % len(chats)]
    text = turns[min(turn, len(turns) - 1)] if turn < len(turns) else chats[(seed + 7 * turn) % len(chats)][-1]
    return _own_way(text[:_LONGEST], seed + turn)


def _own_way(text: str, seed: int) -> str:
    """Let one person in three drop a word, and one in three add something of their own."""
    words = text.split(" ")
    style = (seed >> 11) % 3
    if style == 1 and len(words) > 3:
        del words[(seed >> 17) % len(words)]
        return " ".join(words)
    if style == 2:
        return f"{text} ({prompts.name(seed)}, {seed % 97})"
    return text


@cache
def tongues() -> tuple[Writer, ...]:
    """Return writers of ordinary talk: real English twice, our grammar in each of its languages."""
    return (talk, talk, talk, talk, *(prompts.chat(language) for language in LANGUAGES.values()))


def spoken(language: Language) -> Writer:
    """Return a writer of ordinary talk in one language."""
    return prompts.chat(language)


def task(source: str, seed: int) -> str:
    """Return a task of a corpus (`maths`, `code`, `exams`, `seeds`, `functions`, `jailbreaks`, `chats`), or of our grammar (`own`)."""
    if source == "own":
        return prompts.task(seed)
    if source == "chats":
        return talk(seed, 0)
    listed: Sequence[str] = getattr(corpora(), source)
    return listed[seed % len(listed)][:_LONGEST]


def filled(template: str, source: str) -> Writer:
    """Return a writer that puts a corpus's tasks into a template's `{task}`; `{other}`, `{name}` and `{number}` are slots too."""

    def compose(seed: int, turn: int) -> str:
        return template.format(
            task=task(source, seed + turn),
            other=task(source, seed * 31 + 17),
            name=prompts.name(seed),
            number=seed % 9973,
            turn=turn,
        )

    return compose


def templates(source: str, *texts: str) -> tuple[Writer, ...]:
    """Return a writer for each template over one corpus."""
    return tuple(filled(text, source) for text in texts)


def swapped(template: str, source: str) -> Writer:
    """Return a writer of pairwise comparisons that asks every pair twice, the order turned round."""
    compose = filled(template, source)

    def turned(seed: int, turn: int) -> str:
        pair = seed >> 1
        text = compose(pair, turn)
        if seed % 2 == 0:
            return text
        first, second = task(source, pair + turn), task(source, pair * 31 + 17)
        return text.replace(first, "\0").replace(second, first).replace("\0", second)

    return turned


def fixed(texts: Sequence[str]) -> Writer:
    """Return a writer of a few standing prompts, as a class's exercise sheet or a shared onboarding list."""
    return lambda seed, turn: texts[(seed + turn) % len(texts)]


def personal(texts: Sequence[str]) -> Writer:
    """Return a writer of standing prompts that people word for themselves before and after."""

    def compose(seed: int, turn: int) -> str:
        said = _own_way(texts[(seed + turn) % len(texts)], seed)
        return said if seed % 3 else f"{talk(seed, 1)} {said}"

    return compose
