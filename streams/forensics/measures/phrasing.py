"""Whether a classifier that learned to tell models apart takes the suspect's answers for our model's.

Source: authorship attribution by function words and n-grams (Mosteller and Wallace 1964); linear discriminant analysis with a shrunken
covariance (Friedman 1989, "Regularized discriminant analysis") over openings, 1- and 2-grams that occur on many prompts, punctuation and
list habits, less the panel's mean on the same prompt. Probabilities are of prompts that the classifier was not fitted on, and exclude the
answer's own author. What two answers of such lengths have in
common whoever wrote them is taken off.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import sparse

from streams.forensics import text
from streams.forensics.measure import Measure
from streams.forensics.panel import Cube, Floats, Integers, Panel

MAX_TOKENS = 60
CROSS_VALIDATION_FOLDS = 3
MOST_COMPONENTS = 150
SHRINKAGE_WEIGHT = 0.1
MIN_VARIANCE_SHARE = 1e-6
LEAST_COLUMNS = 3
LEAST_PROBABILITY = 0.01
"""Smaller probabilities count as this one: one answer in a strange manner must not outweigh a hundred ordinary ones."""
MAX_HABIT_DEVIATIONS = 2.0
"""Features are cut at this many standard deviations, so that no single rare habit (a question at the end, say) names an author."""
_COMMON_SHARE = 0.025
_OPENING_WORDS = 4


def similarity(panel: Panel) -> Cube:
    """Return the log of the probability that one wrote the other's answer, averaged over both directions, less what length explains."""
    features = _features(panel)
    cube: Cube = np.zeros((len(panel.items), panel.size, panel.size), dtype=np.float32)
    fold = panel.groups % CROSS_VALIDATION_FOLDS  # near copies of a prompt fall into one fold
    for held in range(CROSS_VALIDATION_FOLDS):
        inside, outside = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        if len(outside):
            cube[outside] = _log_probabilities(features[:, inside], features[:, outside])
    return text.less_length(np.asarray((cube + cube.transpose(0, 2, 1)) / 2, dtype=np.float32), text.lengths(panel))


def _log_probabilities(known: Floats, new: Floats) -> Cube:
    """Return (items, models, models): the log-probability of each other model having written what a model wrote."""
    means = known.mean(axis=1)
    within = (known - means[:, None]).reshape(-1, known.shape[2])
    covariance = within.T @ within / len(within)
    covariance = (1 - SHRINKAGE_WEIGHT) * covariance + SHRINKAGE_WEIGHT * np.eye(len(covariance)) * (
        np.trace(covariance) / len(covariance) + MIN_VARIANCE_SHARE
    )
    slopes = np.linalg.solve(covariance, means.T)
    scores = np.einsum("aif,ft->iat", new, slopes, optimize=True) - 0.5 * np.einsum("tf,ft->t", means, slopes)
    own = np.arange(scores.shape[1])
    scores[:, own, own] = -np.inf
    scores -= scores.max(axis=2, keepdims=True)
    likely = np.exp(scores)
    likely /= likely.sum(axis=2, keepdims=True)
    logs: Cube = np.log(np.maximum(likely, LEAST_PROBABILITY)).astype(np.float32)
    return logs


def _features(panel: Panel) -> Floats:
    """Return (models, items, features), each item's mean over models taken off, each feature of unit variance."""
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415 - of an extra

    rows = text.answers(panel)
    items = len(panel.items)
    counts = text.hashed_counts([_terms(answer) for row in rows for answer in row])
    counts.data = np.log1p(counts.data)
    columns = _common(counts, items)
    habits = np.array([[_habits(answer) for answer in row] for row in rows])
    features = habits - habits.mean(axis=0)
    if len(columns) >= LEAST_COLUMNS:
        kept = counts[:, columns]
        rarity = np.log(kept.shape[0] / np.maximum(kept.getnnz(axis=0), 1)).astype(np.float32)
        most = min(MOST_COMPONENTS, len(columns) - 1, max(2, items // 3))
        words = TruncatedSVD(most, n_iter=3, random_state=0).fit_transform(kept @ sparse.diags(rarity)).reshape(len(rows), items, -1)
        features = np.concatenate([features, words - words.mean(axis=0)], axis=2)
    scaled: Floats = np.clip(features / np.maximum(features.std(axis=(0, 1)), 1e-6), -MAX_HABIT_DEVIATIONS, MAX_HABIT_DEVIATIONS)
    return scaled


def _common(counts: sparse.csr_matrix, items: int) -> Integers:
    """Return the columns that occur on at least 2.5 % of the prompts (at least 3): those are style, the others content."""
    entries = counts.tocoo()
    cells = np.unique((entries.row % items).astype(np.int64) * counts.shape[1] + entries.col)
    prompts = np.bincount(cells % counts.shape[1], minlength=counts.shape[1])
    return np.flatnonzero(prompts >= max(3, _COMMON_SHARE * items))


def _terms(answer: str) -> list[str]:
    words = text.tokens(answer, MAX_TOKENS)
    pairs = [f"{one} {other}" for one, other in pairwise(words)]
    return [*words, *pairs, *("^" + " ".join(words[:count]) for count in range(1, _OPENING_WORDS + 1))]


def _habits(answer: str) -> list[float]:
    lines = answer.split("\n")
    words = answer.split()
    marks = ("\n\n", "**", "```", "!", ":", '"', "'", ";", "(")
    return [
        np.log1p(len(words)),
        np.log1p(len(lines)),
        np.log1p(text.list_lines(answer)),
        float(np.mean([len(word) for word in words])) if words else 0.0,
        float(answer[-1:] == "?"),
        *(float(mark in answer) for mark in marks),
    ]


MEASURE = Measure(
    title="Phrasing fingerprint",
    needs="answers",
    similarity=similarity,
    shows="A classifier that learned to tell the models apart takes the suspect's answers for our model's more than unrelated models'.",
    cannot_show="A paraphrase of all answers removes it; students of one teacher share it.",
)
