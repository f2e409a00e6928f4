"""The columns of `evidence` that the stages fill in are those that travel, in their order."""

from __future__ import annotations

from dataclasses import fields

from models.evidence.links import CASE_LINKS
from streams.schema import layouts
from streams.stages.evidence_rows import EvidenceRows
from streams.testing.block_rows import evidence_of


def test_every_column_of_the_layout_is_a_field_or_a_link_and_no_other_is() -> None:
    named = [item.name for item in fields(EvidenceRows) if item.name != "links"]
    assert [*named, *CASE_LINKS] == list(layouts.EVIDENCE.columns)


def test_links_travel_as_columns_beside_the_others() -> None:
    columns = evidence_of(["ada", "bob"]).columns()
    assert list(columns) == list(layouts.EVIDENCE.columns)
    assert list(columns["account_id"]) == ["ada", "bob"]
    assert list(columns[CASE_LINKS[0]]) == [0, 1]
