"""How alike two models build their answers: which kind of step follows which, with which markers, and how long.

Source: chains of step types as in studies of reasoning traces (plan, verify, backtrack, conclude; sentence-level provenance in arXiv
2512.20908), as a first-order Markov chain over sentences. A model's chain on an item is compared with the panel's on the same item, so a
prompt that asks for a list makes nobody alike; that answers grow with difficulty in both models counts through the length on the same
item, less each model's own mean. What two answers of such lengths have in common whoever wrote
them is taken off.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from streams.forensics import text
from streams.forensics.measure import Measure
from streams.forensics.panel import Cube, Panel

MAX_SENTENCES = 60
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")
_STEPS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\s*(?:[-*\u2022]|\d+[.)]|step \d)",  # an item of a list
        r".*\b(?:wait|alternatively|actually|on second thought|however|on the other hand|but)\b",  # turns back
        r".*\b(?:let's check|to check|verify|double-check|make sure|confirm)\b",  # verifies
        r".*\b(?:therefore|thus|hence|in conclusion|in summary|overall|as a result|so,)\b",  # concludes
        r".*\b(?:first|next|then|finally|let's|we need to|to solve|i will|i'll|here (?:is|are))\b",  # plans
        r".*\b(?:for example|for instance|such as|e\.g\.)",  # gives an example
        r".*\b(?:because|since|due to|which means|this means)\b",  # gives a reason
        r".*\b(?:sorry|as an ai|i cannot|i can't|unable to|i don't have)\b",  # declines
        r".*\b(?:hope this helps|let me know|feel free|happy to help|good luck)\b",  # closes politely
        r".*\?\s*$",  # asks
        r"\s*(?:#|\*\*)",  # a heading
    )
)
_SENTENCE_KINDS = len(_STEPS) + 2
_PLAIN, _EDGE = len(_STEPS), len(_STEPS) + 1


def similarity(panel: Panel) -> Cube:
    """Return products of two models' deviations from the panel, averaged over transitions and length, item by item."""
    features = np.array([[_chain(answer) for answer in row] for row in text.answers(panel)], dtype=np.float32)
    lengths = np.log1p(text.lengths(panel)).astype(np.float32)[:, :, None]
    lengths -= lengths.mean(axis=1, keepdims=True)  # how length follows difficulty; being brief throughout is style
    features = features[:, :, features.any(axis=(0, 1))]
    deviations = np.concatenate([features - features.mean(axis=0), lengths - lengths.mean(axis=0)], axis=2)
    deviations /= np.maximum(deviations.std(axis=(0, 1)), 1e-6)
    norms = np.sqrt((deviations**2).sum(axis=2, keepdims=True))
    deviations /= np.maximum(norms, 1e-6)
    cube: Cube = np.einsum("aif,bif->iab", deviations, deviations, optimize=True)
    return text.less_length(cube, text.lengths(panel))


def steps(answer: str) -> list[int]:
    """Return the kind of each sentence, at most 60 of them."""
    sentences = [sentence for sentence in _SENTENCE.split(answer) if sentence.strip()][:MAX_SENTENCES]
    return [next((kind for kind, pattern in enumerate(_STEPS) if pattern.match(sentence[:300])), _PLAIN) for sentence in sentences]


def _chain(answer: str) -> Cube:
    """Return square roots of the shares of transitions, begin and end included; (kinds * kinds,)."""
    path = [_EDGE, *steps(answer), _EDGE]
    counts = np.bincount([_SENTENCE_KINDS * one + other for one, other in pairwise(path)], minlength=_SENTENCE_KINDS * _SENTENCE_KINDS)
    chain: Cube = np.sqrt(counts / counts.sum()).astype(np.float32)
    return chain


MEASURE = Measure(
    title="Structure of reasoning",
    needs="answers",
    similarity=similarity,
    shows="Both models go through the same kinds of steps, in the same order and length, more than unrelated models do.",
    cannot_show="Structure is a matter of style: instruction sets in public use teach it to many models alike.",
)
