"""Words, sentences and habits of answers: what the measures of written answers have in common."""

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
    found = []
    for match in _TOKEN.finditer(answer):
        found.append(match.group().lower())
        if len(found) == most:
            break
    return found


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

    A measure that compares the first `most` words takes the length within them: what comes later does not change what it sees.
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
    """Take off what likeness in some traits explains of likeness in `cube` (items, models, models).

    A trait is (models, items): two models' likeness in it is the product of their deviations from the panel's mean on an item. The slopes
    come from a regression over pairs of controls, after each model's own mean: a suspect that copies our answers copies their lengths too,
    and must not set the slopes.
    """
    deviations = [(trait - trait.mean(axis=0)).astype(np.float32) for trait in traits]
    deviations = [each / max(float(each.std()), 1e-6) for each in deviations]
    upper = np.triu_indices(cube.shape[1] - 2, 1)
    likeness = np.stack([_centred((each @ each.T / each.shape[1])[2:, 2:])[upper] for each in deviations], axis=1)
    slopes = np.linalg.lstsq(likeness, _centred(cube.mean(axis=0)[2:, 2:])[upper], rcond=None)[0]
    for each, slope in zip(deviations, slopes, strict=True):
        cube -= np.float32(slope) * np.einsum("ai,bi->iab", each, each)
    return cube


def _centred(matrix: Floats | Cube) -> Floats:
    """Take each model's own mean over the others off, diagonal excluded."""
    size = len(matrix)
    clean = np.where(np.eye(size, dtype=bool), 0.0, matrix)
    normal = (size - 2) * np.eye(size) + 1.0
    own = np.linalg.solve(normal, clean.sum(axis=1))
    return np.asarray(clean - own[:, None] - own[None, :], dtype=np.float64)
