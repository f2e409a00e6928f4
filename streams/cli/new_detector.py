"""`hydrometer new-detector`: the two files of a new detector, with a test that fails until it is completed.

A detector is found by itself: the contract suite (`streams/testing/detector_contract.py`) examines it,
and its `shadow_role` runs it in shadow.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final

from streams.cli.checkout import refuse_taken
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT

_DETECTOR: Final = '''"""Detector `{name}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from river import base

from models.detectors.baseline import Baseline
from models.learning.feature_bounds import Limits
from models.learning.shadow import ShadowRole


class {cls}(base.AnomalyDetector):
    """What this detects, in one line.

    Rises on: the behaviour that raises it. Blind to: what it cannot see.
    `limits`: declared range of each feature; others are ignored, values beyond are clipped.
    """

    shadow_role: ClassVar = ShadowRole("{name}", "{name}", frozenset({{"accounts", "groups"}}))

    def __init__(self, limits: Limits) -> None:
        """Start without observations."""
        self.limits = limits
        self._past = Baseline(limits)  # replace this: it scores each value against the mean of what was learned

    @property
    def window(self) -> int:
        """How many observations count as one window in the contract checks."""
        return self._past.window

    def ready_one(self, x: Mapping[Any, Any]) -> bool:
        """Return whether enough was learned to score `x`."""
        return self._past.ready_one(x)

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how rare `x` is, in nats; 0 while too little was learned."""
        return self._past.score_one(x)

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn `x`. The contract asks that a burst does not become normal."""
        self._past.learn_one(x)

    @classmethod
    def for_shadow(cls, limits: Limits) -> Self:
        """Return a fresh detector."""
        return cls(limits)

    def score_entities(self, ids: NDArray[np.uint64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each entity, nats, (entities,), NaN for "not enough". values: (entities, features), NaN where unknown."""
        del ids
        return np.array([self.score_one(x) if self.ready_one(x) else np.nan for x in self._named(values)], np.float64)

    def learn_entities(self, ids: NDArray[np.uint64], values: NDArray[np.float64], may_teach: NDArray[np.bool_]) -> None:
        """Learn the entities that nothing suspects. ids, may_teach: (entities,). values: (entities, features)."""
        del ids
        for x in self._named(values[may_teach]):
            self.learn_one(x)

    def _named(self, values: NDArray[np.float64]) -> list[dict[str, float]]:
        return [dict(zip(self.limits, row, strict=True)) for row in values.tolist()]

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, object]]:
        yield {{"limits": {{f"f{{i}}": (0.0, 1.0) for i in range(6)}}}}
'''

_TEST: Final = """from __future__ import annotations

from models.detectors.{name} import {cls}


def test_one_sentence_that_says_what_holds() -> None:
    detector = {cls}({{"speed": (0.0, 1.0)}})
    for _ in range(100):
        detector.learn_one({{"speed": 0.2}})
    assert detector.score_one({{"speed": 0.9}}) == -1, "say here what {name} scores for numbers a reader can do in the head"
"""


def new_detector(name: str, root: Path = ROOT) -> list[Path]:
    """Write a detector and its failing test below `root`, a checkout.

    Args:
        name: Of the detector and its module: lower-case words joined by underscores.
        root: The checkout.

    Returns:
        The paths of the two files.

    Raises:
        HydrometerError: Before anything is written, for a name of another form or one that exists, and outside of a checkout.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*", name) or keyword.iskeyword(name):
        raise HydrometerError(f"{name!r} is not a name for a detector: use lower-case words joined by underscores, as in night_shift")
    paths = [root / "models" / "detectors" / f"{name}.py", root / "tests" / "models" / "detectors" / f"test_{name}.py"]
    refuse_taken(paths)
    words = {"name": name, "cls": class_of(name)}
    for path, text in zip(paths, (_DETECTOR, _TEST), strict=True):
        path.write_text(text.format(**words), encoding="utf-8")
    return paths


def class_of(name: str) -> str:
    """Return the class of a detector's file: `night_shift` has `NightShift`."""
    return "".join(part.capitalize() for part in name.split("_"))
