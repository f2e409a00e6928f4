"""`hydrometer new-hypothesis`: the two files of a benign hypothesis, with a test that fails until it is completed."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final

from streams.cli.checkout import refuse_taken
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT

_HYPOTHESIS: Final = '''"""Benign hypothesis `{name}`: which ordinary customer would show the same evidence."""

from __future__ import annotations

from streams.cases.hypothesis import Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    return facts.organizations == 1, f"write here what was measured: {{facts.paying()}}"


hypothesis = BenignHypothesis(
    name="{title}",
    needs="say here what it would need",
    order={order},
    ask=_ask,
    example=Facts(alone=True, accounts=1, organizations=1, cards=1, families={{}}, features={{}}),
)
'''
_TEST: Final = """from __future__ import annotations

from streams.cases.benign_hypotheses.{name} import hypothesis


def test_one_sentence_that_says_what_holds() -> None:
    assert hypothesis.ask(hypothesis.example) == (None, ""), "say here what {name} answers for numbers a reader can do in the head"
"""
_ORDER_STEPS: Final = 10
"""Distance of two hypotheses' `order`, so that another fits in between."""


def new_hypothesis(name: str, root: Path = ROOT) -> list[Path]:
    """Write a hypothesis and its failing test below `root`, a checkout, and return the two paths.

    Raises HydrometerError, before anything is written, for a name that is not plain lower-case words or exists, and outside a checkout.
    """
    code, tests = root / "streams" / "cases" / "benign_hypotheses", root / "tests" / "streams" / "cases" / "benign_hypotheses"
    paths = [code / f"{name}.py", tests / f"test_{name}.py"]
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise HydrometerError(f"{name!r} is not a name for a hypothesis: use lower-case words joined by underscores, as in batch_job")
    refuse_taken(paths)
    order = _ORDER_STEPS * len(list(code.glob("*.py")))  # the package's own file makes it one more than there are hypotheses
    for path, text in zip(paths, (_HYPOTHESIS, _TEST), strict=True):
        path.write_text(text.format(name=name, title=name.replace("_", " "), order=order), encoding="utf-8")
    return paths
