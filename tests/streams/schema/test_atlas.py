from __future__ import annotations

from streams.cases import explanation
from streams.schema import atlas


def test_every_technique_that_a_case_may_name_has_a_name() -> None:
    named = {*(name for names in explanation.ATLAS.values() for name in names), explanation._ATLAS_GROUP, explanation._ATLAS_ROUTED}
    assert named == set(atlas.NAMES)
