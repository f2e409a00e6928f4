"""What the trained judgement is given of each member: declared rows, cut to their limits, in the order that the stored trees know."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import Floats
from models.evidence.families import FAMILIES
from models.evidence.weighing import MAX_FAMILY_NATS
from streams.features.registry import features
from streams.stages.groups.model_inputs import INPUT_NAMES, MODEL_INPUTS, RULED, GroupFacts, by_family, read
from streams.testing.feature_trial import members_of


def facts(**columns: object) -> GroupFacts:
    members = members_of(**columns)  # type: ignore[arg-type]
    values = np.array([feature.value(members) for feature in features("group")], np.float64)
    families = np.full(len(FAMILIES), np.nan)
    return GroupFacts.of(members, features("group"), values, np.zeros(len(values)), families, np.zeros(len(members)), power_nats=0.0)


def column(matrix: np.ndarray, name: str) -> list[float]:
    return matrix[:, INPUT_NAMES.index(name)].tolist()  # type: ignore[no-any-return]


def test_an_input_is_cut_to_its_limits() -> None:
    matrix = read(facts(timing=[9.0, 1.5], content=[0.0, 0.0], first=0.0))
    assert column(matrix, "member_timing_raw") == [MAX_FAMILY_NATS, 1.5]


def test_what_is_unknown_stays_unknown() -> None:
    assert np.isnan(column(read(facts(first=[0.0, 0.0])), "group_cohort")).all()


def test_a_group_in_which_two_payers_have_four_accounts_has_half_a_payer_a_member() -> None:
    matrix = read(facts(organization=[1, 1, 2, 2], payment=[1, 1, 2, 2], first=0.0))
    assert column(matrix, "payers_per_member") == [0.5] * 4
    assert column(matrix, "payers") == pytest.approx([np.log(2.0)] * 4)


def measured(**families: float) -> Floats:
    return np.array([[families.get(name, np.nan) for name in FAMILIES]])


def test_contributions_add_up_by_family_and_a_family_without_an_input_is_unknown() -> None:
    sums = by_family(np.ones((1, len(MODEL_INPUTS))), measured())[0]
    assert sums[FAMILIES.index("volume")] == sum(item.family == "volume" for item in MODEL_INPUTS) > 0
    assert np.isnan(sums[FAMILIES.index("indicator")])


def test_what_the_rules_add_is_shared_by_the_families_that_they_count() -> None:
    ruled = np.zeros((1, len(MODEL_INPUTS)))
    ruled[0, INPUT_NAMES.index(RULED)] = 4.0
    shared = by_family(ruled, measured(content=6.0, evenness=2.0, network=-1.0, client=7.0))[0]
    assert shared[[FAMILIES.index(name) for name in ("content", "evenness", "network", "client")]].tolist() == [3.0, 1.0, 0.0, 0.0]
    assert by_family(ruled, measured())[0][FAMILIES.index("content")] == 4.0


def test_every_input_has_a_name_of_its_own_words_and_ordered_limits() -> None:
    assert len(set(INPUT_NAMES)) == len(MODEL_INPUTS)
    assert all(item.doc and item.low < item.high and item.family in FAMILIES for item in MODEL_INPUTS)
