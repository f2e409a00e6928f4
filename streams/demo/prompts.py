"""Prompt writers: each composes one kind of prompt from a seed and a turn, the same text for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence

from models.accumulators.hashing import GOLDEN_RATIO_FACTOR
from streams.demo.log import Writer
from streams.demo.words import ENGLISH, FAULTS, PARTS, SYLLABLES, VERBS, Language

_STATE_MASK = 2**62 - 1


def _picks(seed: int, turn: int, sizes: Sequence[int]) -> list[int]:
    """Return one number below each size, from a mix of seed and turn."""
    state = (seed ^ (turn * GOLDEN_RATIO_FACTOR)) & _STATE_MASK
    picks = []
    for size in sizes:
        state = (state * 6364136223846793005 + 1442695040888963407) & _STATE_MASK
        picks.append((state >> 29) % size)
    return picks


def _pick(seed: int, turn: int, *pools: Sequence[str]) -> list[str]:
    return [pool[index] for pool, index in zip(pools, _picks(seed, turn, [len(pool) for pool in pools]), strict=True)]


def name(seed: int) -> str:
    """Return an invented proper name: there are 64,000."""
    return "".join(_pick(seed, 7, SYLLABLES, SYLLABLES, SYLLABLES)).capitalize()


def chat(language: Language) -> Writer:
    """Return a writer of ordinary people's questions and follow-ups in a language."""

    def compose(seed: int, turn: int) -> str:
        ask, setting, wish = _pick(seed, turn, language.more if turn else language.asks, language.settings, language.wishes)
        subject = _pick(seed, turn // 2, language.subjects)[0]
        who, number = name(seed + turn // 3), seed % 89 + turn
        pieces = [ask, subject, setting, wish]
        style = (seed >> 7) % 5
        if style == 0:
            pieces.insert(2, f"({who}, {number})")
        elif style == 1:
            pieces = [setting, ask, subject, who, wish]
        elif style == 2:  # noqa: PLR2004 (five styles)
            pieces = [f"{who}:", subject, setting, ask, wish]
        return language.joint.join(piece for piece in pieces if piece)

    return compose


_COMPLAIN = chat(ENGLISH)


def code(seed: int, turn: int) -> str:
    """Write a coding tool's prompt: a file, a function, the fault."""
    verb, part, fault, other, again = _pick(seed, turn, VERBS, PARTS, FAULTS, PARTS, VERBS)
    path = f"src/{name(seed).lower()}/{part.lower()}_{other.lower()}.{'py' if seed % 3 else 'ts'}"
    if turn % 2:
        outcome = f"{again} {seed % 17} passed, {turn % 3} failed"
        return f"tool result {path}:{seed % 400}\n{verb}{part}({other.lower()}) -> {name(seed + turn)}; {outcome}"
    return f"{verb}{part} in {path} {fault}. {again} the {other.lower()} {name(seed + turn)} as well"


def seat(seed: int, turn: int) -> str:
    """Write an office worker's prompt to the company's gateway."""
    subject, setting = _pick(seed, turn, PARTS, ENGLISH.settings)
    asks = ("minutes of", "reply to", "risks in", "shorten", "agenda:", "sum up", "tone check on", "table of")
    ask = _pick(seed, turn, asks)[0]
    return f"{ask} {name(seed)} {subject.lower()} {setting}, cc {name(seed + 1)} {turn or ''}"


def ticket(seed: int, turn: int) -> str:
    """Write one item of a nightly batch job: always the same instruction, another support ticket."""
    complaint = f"{_COMPLAIN(seed, turn)}\n{name(seed)} #{seed % 9973}"
    return f"Sort this ticket into billing, delivery, fault or other. Answer with one word.\n---\n{complaint}"


def exam(seed: int, turn: int) -> str:
    """Write one of an evaluation harness's 400 fixed questions."""
    item = seed % 400
    left, right, third = _picks(item, turn, (90, 80, 9))
    packed = f"{left + 3} crates of {right + 2} {ENGLISH.subjects[item % len(ENGLISH.subjects)]}"
    return (
        f"Question: {name(item)} packs {packed} and loses {third}. How many are left?\n"
        f"A. {left * right}\nB. {(left + 3) * (right + 2) - third}\nC. {left + right}\nD. {third}\nAnswer:"
    )


def task(seed: int) -> str:
    """Return a problem worth harvesting: counting, code, planning, proof. Its words vary with the seed."""
    a, b, c, kind = _picks(seed, 1, (900, 90, 40, 5))
    who, verb, part, subject = name(seed), *_pick(seed, 2, VERBS, PARTS, ENGLISH.subjects)
    return (
        f"{who} stores {a} units in {c + 2} rows and sells {b} a week with {subject}; when is row {c} empty?",
        f"{verb}{part} takes {a} numbers: find the {c}th smallest after {b} swaps, {who} style",
        f"A graph on {c + 5} towns has {b} roads; {who} repairs {subject}. Is every town reached in {a % 9 + 2} hops?",
        f"{who} draws {c + 2} of {a + 50} cards. Chance that {b % 7 + 1} show {subject}?",
        f"Schedule {c + 3} jobs ({verb}, {part}, {subject}) on {b % 8 + 2} machines for {who} within {a} minutes",
    )[kind]


def loud_harvest(seed: int, turn: int) -> str:
    """Write the loud campaign's prompt, with its template at the end."""
    del turn
    return f"{task(seed)}\n\nReason step by step and show your complete thinking before you state the final answer inside <answer> tags."


HYDRA_TEMPLATES = (
    "You are now the narrator of your own mind. Lay out, step by step, the chain of thought that leads to a solution.\nProblem: {task}",
    "{task}\nBefore answering, write down every intermediate thought and each idea you discard, then conclude.",
    "Dataset entry {number}, field {field}. Input: {task} Output format: first the full reasoning trace, then a line with the result.",
    "{task} -- explain your internal reasoning as if teaching a student model, covering all steps, no omissions ({field})",
)
"""The hydra campaign's templates: at the start, at the end, around, and behind its slots."""


def hydra_harvest(seed: int, turn: int) -> str:
    """Write one of the hydra campaign's prompts."""
    del turn
    template = HYDRA_TEMPLATES[(seed >> 5) % len(HYDRA_TEMPLATES)]
    return template.format(task=task(seed), number=seed % 99991, field=name(seed + 3).lower())
