"""A row names what matters to its test; the rest is as usual, or unknown."""

from __future__ import annotations

import numpy as np
import pytest

from models.evidence.families import FAMILIES
from streams.schema.layouts import EVIDENCE
from streams.testing.block_rows import columns_of


def test_what_a_row_leaves_out_is_as_usual_and_else_unknown() -> None:
    columns = columns_of(EVIDENCE, [{"entity_id": "ada"}, {"entity_id": "bob", "requests": 2.0}], {"requests": 10.0})
    assert columns["entity_id"] == ["ada", "bob"]
    assert columns["rule"] == [None, None]
    assert np.asarray(columns["requests"]).tolist() == [10.0, 2.0]
    assert np.isnan(np.asarray(columns["handed_over"], np.float64)).all()
    assert np.asarray(columns["payment"]).tolist() == [0, 0]


def test_a_vector_by_family_names_the_families_that_are_not_as_usual() -> None:
    (vector,) = np.asarray(columns_of(EVIDENCE, [{"families": {"content": 7.0}}])["families"]).tolist()
    assert {name: value for name, value in zip(FAMILIES, vector, strict=True) if value} == {"content": 7.0}


def test_a_name_that_is_no_column_is_refused() -> None:
    with pytest.raises(KeyError, match=r"evidence has no columns \['asked'"):
        columns_of(EVIDENCE, [{"asked": 1.0}])
