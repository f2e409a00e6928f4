"""Words, sentences and habits of answers: shared by the measures of written answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from streams.forensics.errors import AnswersError
from streams.forensics.panel import Cube, Floats, Panel

_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_LIST_LINE: Final = re.compile(r"^\s*(?:[-*\u2022]|\d+[.)])\s", re.MULTILINE)
_HASH_COLUMNS: Final = 2**20


def tokens(answer: str, most: int) -> list[str]:
    """Return the first `most` words and marks, in lower case.

    >>> tokens("Sure! Kickball is", 3)
    ['sure', '!', 'kickball']
    """
    words = []
    for match in _TOKEN.finditer(answer):
        words.append(match.group().lower())
        if len(words) == most:
            break
    return words


def list_lines(answer: str) -> int:
    r"""Return how many lines are items of a list.

    >>> list_lines("Here:\n- one\n2. two")
    2
    """
    return len(_LIST_LINE.findall(answer))


def log_lengths(panel: Panel, most: int | None = None) -> Floats:
    """Return log(1 + words) of each answer, (models, items), of at most `most` words."""
    lengths = np.array([[len(answer.split()) for answer in row] for row in answers(panel)], dtype=np.float64)
    return np.log1p(lengths if most is None else np.minimum(lengths, most))


def style(panel: Panel, most: int | None = None) -> list[Floats]:
    """Return the traits that any two models may share by habit, each (models, items): log length, and lines of lists (at most 3).

    A measure that compares the first `most` words takes the length within them, so that later words do not change it.
    """
    lists = np.array([[min(list_lines(answer), 3) for answer in row] for row in answers(panel)], dtype=np.float64)
    return [log_lengths(panel, most), lists]


def answers(panel: Panel) -> tuple[tuple[str, ...], ...]:
    """Return the answers of a panel that has them."""
    if panel.texts is None:
        raise ValueError("needs answers")
    return panel.texts


def hashed_counts(documents: Sequence[Sequence[str]]) -> Any:
    """Return a sparse matrix (documents, hash columns) of how often each term occurs. Raises AnswersError without scikit-learn."""
    try:
        from sklearn.feature_extraction import FeatureHasher  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise AnswersError("scikit-learn is not installed: pip install 'hydrometer[forensics]'") from error
    return FeatureHasher(_HASH_COLUMNS, input_type="string", alternate_sign=False, dtype=np.float32).transform(documents).tocsr()


def controlled(cube: Cube, traits: Sequence[Floats]) -> Cube:
    """Return likeness in `cube` (items, models, models) without the part that likeness in some traits explains.

    A trait is (models, items): two models' likeness in it is the product of their deviations from the panel's mean on an item. The slopes
    come from a regression over pairs of controls, after each model's own mean: a suspect that copies our answers copies their lengths too,
    and must not set the slopes.
    """
    deviations = [(trait - trait.mean(axis=0)).astype(np.float32) for trait in traits]
    deviations = [trait / max(float(trait.std()), 1e-6) for trait in deviations]
    upper = np.triu_indices(cube.shape[1] - 2, 1)
    likeness = np.stack([_centred((trait @ trait.T / trait.shape[1])[2:, 2:])[upper] for trait in deviations], axis=1)
    slopes = np.linalg.lstsq(likeness, _centred(cube.mean(axis=0)[2:, 2:])[upper], rcond=None)[0]
    for trait, slope in zip(deviations, slopes, strict=True):
        cube -= np.float32(slope) * np.einsum("ai,bi->iab", trait, trait)
    return cube


def _centred(matrix: Floats | Cube) -> Floats:
    """Subtract each model's own mean over the others, diagonal excluded."""
    size = len(matrix)
    clean = np.where(np.eye(size, dtype=bool), 0.0, matrix)
    normal = (size - 2) * np.eye(size) + 1.0
    own = np.linalg.solve(normal, clean.sum(axis=1))
    return np.asarray(clean - own[:, None] - own[None, :], dtype=np.float64)
