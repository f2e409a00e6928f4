from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from streams.cases.views.listed import Filter, lines
from streams.cases.views.terminal import CaseRow
from streams.schema.cases import CaseMember, CasePayload, Score

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAYLOAD = CasePayload(members={"acct-7": CaseMember(0.0, None)}, score=Score(severity="medium"))
CASE = CaseRow(
    case_id="case-0f", version=3, opened_at=NOON, updated_at=NOON, state="open", behaviour="extraction", title="t", accounts=2,
    requests=90.0, output_tokens=9.0, extraction=12.0, routing=1.0, muted=False, payload=PAYLOAD, stored=msgspec.json.encode(PAYLOAD),
)  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (Filter(), True),
        (Filter(behaviour="extraction"), True),
        (Filter(behaviour="routing"), False),
        (Filter(severity="low"), True),
        (Filter(severity="medium"), True),
        (Filter(severity="high"), False),
        (Filter(text="case-0"), True),
        (Filter(text="0f"), True),
        (Filter(text="acct-7"), True),
        (Filter(text="acct-8"), False),
    ],
)
def test_a_list_shows_what_is_asked_for(asked: Filter, *, wanted: bool) -> None:
    assert asked.wants(CASE) is wanted


def test_a_case_without_a_severity_is_not_hidden_by_one() -> None:
    assert Filter(severity="critical").wants(replace(CASE, payload=CasePayload()))


def test_a_line_has_the_evidence_of_the_cases_own_behaviour() -> None:
    (extraction,), (routing,) = lines([CASE]), lines([replace(CASE, behaviour="routing")])
    assert (extraction.nats, routing.nats) == (12.0, 1.0)
    assert (extraction.severity, extraction.tier, extraction.verdict) == ("medium", "alert", "")
