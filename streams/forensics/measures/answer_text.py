"""How alike two models word the opening of their answers to the same prompt.

Source: TF-IDF (Sparck Jones 1972) over 1- to 3-grams of words, cosine, with rarity judged among the answers to the same prompt: what most
models say there weighs little. Compared are the first 40 words and marks only, so that long answers have no advantage; what two
answers of such lengths have in common whoever wrote them is taken off, since models that answer briefly look alike to each other.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import sparse

from streams.forensics import text
from streams.forensics.measure import Measure
from streams.forensics.panel import Cube, Panel

OPENING_TOKENS = 40


def similarity(panel: Panel) -> Cube:
    """Return cosines of rarity-weighted n-grams, less what their lengths explain."""
    answers = text.answers(panel)
    cube: Cube = np.zeros((len(panel.items), panel.size, panel.size), dtype=np.float32)
    for place in range(len(panel.items)):
        cube[place] = _cosines([_grams(text.tokens(row[place], OPENING_TOKENS)) for row in answers])
    return text.less_length(cube, text.lengths(panel, OPENING_TOKENS))


def _grams(words: list[str]) -> list[str]:
    pairs = map(" ".join, pairwise(words))
    triples = map(" ".join, zip(words, words[1:], words[2:], strict=False))
    return [*words, *pairs, *triples]


def _cosines(documents: list[list[str]]) -> Cube:
    """Return cosines (documents, documents); an empty document is like none."""
    counts = text.hashed_counts(documents)
    columns, inverse = np.unique(counts.indices, return_inverse=True)
    rarity = np.log((len(documents) + 1) / np.bincount(inverse, minlength=len(columns)))
    weights = (np.log1p(counts.data) * rarity[inverse]).astype(np.float32)
    counts = sparse.csr_matrix((weights, inverse, counts.indptr), (len(documents), len(columns)))  # a product takes time for each column
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1))).ravel()
    products: Cube = (counts @ counts.T).toarray()
    products /= np.maximum(np.outer(lengths, lengths), 1e-9).astype(np.float32)
    return products


MEASURE = Measure(
    title="Wording of answers",
    needs="answers",
    similarity=similarity,
    shows="Both models open their answers to the same prompts with the same unusual words more often than unrelated models do.",
    cannot_show="Two students of one teacher look alike too, and so do students of public answers that our model wrote.",
)
