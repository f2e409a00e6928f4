"""What the page of a case says of people's decisions."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

import msgspec

from streams.cases import labels
from streams.cases.views.page import DECISION_WORDS, page
from streams.cases.views.terminal import CaseRow
from streams.schema.cases import Case, HeldRule
from streams.schema.labels import LINK, MEMBER, VERDICTS_OF
from streams.testing.case_desk import CaseDesk, a_group, an_account

ROUTER = "00000000000000aa"


def shown(case: Case) -> str:
    fields = {name: getattr(case, name) for name in CaseRow.__dataclass_fields__ if name not in {"opened_at", "updated_at", "stored"}}
    opened, updated = (datetime.fromtimestamp(time, UTC) for time in (case.opened_at, case.updated_at))
    return page(CaseRow(**fields, opened_at=opened, updated_at=updated, stored=msgspec.json.encode(case.payload)))


def test_every_decision_about_a_part_of_a_case_has_its_words() -> None:
    assert DECISION_WORDS.keys() == {*VERDICTS_OF[LINK], *VERDICTS_OF[MEMBER]}


def test_an_excluded_account_is_not_called_split() -> None:
    desk = CaseDesk()
    desk.apply(*a_group("router", ROUTER, ["ada", "bob", "eve", "kim"]), an_account("ada", extraction=20.0))
    desk.learn(labels.make(MEMBER, f"{desk.open[0].case_id}/account:ada", "exclude", "eve", "a school", at=2.0, reason="education"))
    text = shown(desk.open[0])
    assert escape(f"excluded {desk.open[0].case_id}/account:ada, eve") in text
    assert "split off" not in text


def test_the_page_of_a_question_calls_it_no_alert() -> None:
    desk = CaseDesk()
    desk.apply(*a_group("router", ROUTER, ["ada", "bob", "eve"], extraction=10.0))
    (case,) = desk.open
    ruled = msgspec.structs.replace(case.payload, rules=[HeldRule("even load", "requests are dealt out evenly", 3)])
    pages = [shown(msgspec.structs.replace(case, payload=msgspec.structs.replace(ruled, tier=tier))) for tier in ("ask", "alert")]
    assert ["Why it is an alert" in text for text in pages] == [False, True]
    assert ["though it is a question" in text for text in pages] == [True, False]
