"""Words, sentences and habits of answers: shared by the measures of written answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from streams.forensics.errors import AnswersError
from streams.forensics.panel import Cube, Integers, Panel

LENGTH_BANDS_WORDS: Final = (5, 10, 20, 40, 80, 160)
"""Where bands of length begin: each is twice as long as the one before."""
FULL_CELL_PAIRS: Final = 30
"""A cell with this number of pairs counts half."""
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


def lengths(panel: Panel, most: int | None = None) -> Integers:
    """Return the words of each answer, (models, items), of at most `most` words.

    A measure that compares the first `most` words takes the length within them, so that later words do not change it.
    """
    words = np.array([[len(answer.split()) for answer in row] for row in answers(panel)], dtype=np.int64)
    return words if most is None else np.minimum(words, most)


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


def less_length(cube: Cube, words: Integers) -> Cube:
    """Return likeness in `cube` (items, models, models) less what pairs of answers as long and as short usually have.

    Compared are pairs of one cell: the band of the shorter and that of the longer answer's length, in `words` (models, items). The usual
    likeness of a cell is the mean over pairs of controls, after each item's own mean, pulled to 0 where a cell has few pairs: a suspect
    that copies our answers copies their lengths too, and must not set what is usual. No slope is assumed: two brief answers can be equal,
    and two long ones never are, so that a straight line would take off too much from brief pairs.
    """
    size, count = cube.shape[1], len(LENGTH_BANDS_WORDS) + 1
    band = np.searchsorted(LENGTH_BANDS_WORDS, words.T, side="right")
    cells = np.minimum(band[:, :, None], band[:, None, :]) * count + np.maximum(band[:, :, None], band[:, None, :])
    one, other = np.triu_indices(size, 1)
    inside = one >= 2  # noqa: PLR2004 - the first two are suspect and our model
    controls = cube[:, one[inside], other[inside]].astype(np.float64)
    controls -= controls.mean(axis=1, keepdims=True)
    drawn = cells[:, one[inside], other[inside]].ravel()
    pairs = np.bincount(drawn, minlength=count * count)
    usual = np.bincount(drawn, controls.ravel(), minlength=count * count) / (pairs + FULL_CELL_PAIRS)
    cube -= usual.astype(np.float32)[cells]
    return cube
