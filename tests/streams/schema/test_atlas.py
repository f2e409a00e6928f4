from __future__ import annotations

from streams.cases import case_file
from streams.schema import atlas


def test_every_technique_that_a_case_may_name_has_a_name() -> None:
    named = {*(name for names in case_file.ATLAS.values() for name in names), case_file._ATLAS_GROUP, case_file._ATLAS_ROUTED}
    assert named == set(atlas.NAMES)
