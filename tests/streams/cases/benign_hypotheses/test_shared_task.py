from __future__ import annotations

import math

import pytest

from streams.cases.benign_hypotheses.shared_task import hypothesis
from streams.cases.hypothesis import Facts


@pytest.mark.parametrize(("evenness", "fits"), [(-7.0, True), (-2.0, True), (-1.9, False), (0.0, False), (4.0, False)])
def test_only_a_load_that_is_known_to_be_peoples_fits(evenness: float, fits: bool) -> None:  # noqa: FBT001
    families = {"content": 7.0, "cohort": 6.0, "evenness": evenness}
    assert hypothesis.ask(Facts(alone=False, accounts=20, organizations=20, cards=20, families=families, features={}))[0] is fits


def test_an_unknown_load_fits_nothing() -> None:
    families = {"content": 7.0, "evenness": math.nan}
    assert hypothesis.ask(Facts(alone=False, accounts=20, organizations=20, cards=20, families=families, features={}))[0] is False
