from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import stix2
from stix2patterns.validator import run_validator

from streams.cases.views.terminal import CaseRow
from streams.exports import stix
from streams.exports.bundle import Indicators, Share
from streams.exports.stix import MARKINGS
from streams.schema.cases import TLPS, CaseMember, CasePayload, Tlp

NOON, EVENING = datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 18, tzinfo=UTC)
OBSERVED = {"tls_ja4": [Share("t13d_x", 0.75)], "user_agent": [Share("it's a \\ client/1.0", 0.5)]}
SHOWN = Indicators("TLP:AMBER", "case-1", "extraction", "", "", 2, ["AML.T0040", "AML.CS0056"], OBSERVED)
CASE = CaseRow(
    case_id="case-1", version=3, opened_at=NOON, updated_at=EVENING, state="open", behaviour="extraction", title="t", accounts=2,
    requests=90.0, output_tokens=9.0, extraction=12.0, routing=0.0, muted=False,
    payload=CasePayload(members={"acct-secret": CaseMember(0.0, None)}),
)  # fmt: skip


def written(case: CaseRow = CASE, tlp: Tlp = "AMBER") -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = json.loads(stix.document(case, SHOWN, tlp))["objects"]
    return objects


@pytest.mark.parametrize("tlp", TLPS)
def test_the_bundle_is_read_by_the_reference_library_and_every_object_is_marked(tlp: Tlp) -> None:
    stix2.parse(stix.document(CASE, SHOWN, tlp))
    marking, _identity, *others = written(tlp=tlp)
    assert marking["id"] == MARKINGS[tlp]
    assert all(other["object_marking_refs"] == [MARKINGS[tlp]] for other in others)


def test_every_pattern_is_valid_and_a_value_cannot_end_its_string() -> None:
    patterns = [found["pattern"] for found in written() if found["type"] == "indicator"]
    assert len(patterns) == 2
    for pattern in patterns:
        assert run_validator(pattern, stix_version="2.1") == []


def test_it_holds_the_campaign_its_techniques_and_no_account() -> None:
    kinds = [found["type"] for found in written()]
    assert [kinds.count(kind) for kind in ("campaign", "attack-pattern", "indicator", "relationship")] == [1, 1, 2, 3]
    assert "acct-secret" not in stix.document(CASE, SHOWN, "AMBER")


def test_a_later_version_of_a_case_replaces_the_objects_of_the_earlier() -> None:
    before, after = written(), written(replace(CASE, version=4, updated_at=datetime(2026, 11, 23, tzinfo=UTC)))
    assert [found["id"] for found in before] == [found["id"] for found in after]
    campaign, later = (next(found for found in objects if found["type"] == "campaign") for objects in (before, after))
    assert campaign["created"] == later["created"]
    assert campaign["modified"] < later["modified"]
