"""The chain of evidence: what happened when, whoever recorded it, and in the order in which it happened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from streams.cases.timeline import has_exhibits, timeline
from streams.cases.views import page, terminal
from streams.cases.views.terminal import CaseRow
from streams.core.output import console
from streams.schema.actions import Action
from streams.schema.cases import CaseMember, CasePayload, Version
from streams.schema.exhibits import Exhibit

NOON, HOUR = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp(), 3600.0
MEMBERS = {"a": CaseMember(NOON, None, first=NOON - HOUR), "b": CaseMember(NOON - HOUR / 2, None)}


def case() -> CaseRow:
    opened, updated = (datetime.fromtimestamp(at, UTC) for at in (NOON, NOON + HOUR))
    payload = CasePayload(members=MEMBERS, history=[Version(1, NOON, "open", 2, 30.0, 20.0)])
    return CaseRow("case-1", 1, opened, updated, "open", "extraction", "two accounts", 2, 30.0, 900.0, 20.0, 0.0, False, payload)  # noqa: FBT003 (a column)


def action(kind: Any, at: float, value: str = "", note: str = "") -> Action:
    return Action(f"{int(at):032x}", at, "case-1", kind, "ada", "analyst", value, note)


def test_a_timeline_is_ordered_by_when_things_happened_and_not_by_when_they_were_recorded() -> None:
    served = Exhibit("served", NOON + 60, NOON + 120, "a" * 64).encode().decode()
    release = Exhibit("release", NOON + 7 * HOUR, NOON + 7 * HOUR).encode().decode()
    chain = timeline(
        case(),
        [
            action("exhibit", NOON + 9 * HOUR, release, "m was released."),
            action("exhibit", NOON + 10 * HOUR, served, "9 answers."),
            action("export", NOON + 11 * HOUR, "b" * 64, "a partner"),
            action("exhibit", NOON + 12 * HOUR, "{}", "cannot be read"),
            action("comment", NOON),
        ],
    )
    assert [(moment.what, moment.began - NOON, moment.by) for moment in chain] == [
        ("harvest", -HOUR, ""),
        ("alert", 0.0, ""),
        ("served", 60.0, "ada"),
        ("release", 7 * HOUR, "ada"),
        ("export", 11 * HOUR, "ada"),
    ]
    assert chain[0].sentence == "2 accounts sent 30 requests and were served 900 output tokens."
    assert chain[0].ended == NOON + HOUR


def test_page_and_terminal_show_a_chain_only_once_people_recorded_something() -> None:
    bare = timeline(case(), [])
    assert not has_exhibits(bare)
    assert "Chain of evidence" not in page.page(case(), bare)
    release = Exhibit("release", NOON, NOON).encode().decode()
    chain = timeline(case(), [action("exhibit", NOON, release, "<b>m</b> was released.")])
    shown = page.page(case(), chain)
    assert "Chain of evidence" in shown
    assert "&lt;b&gt;m&lt;/b&gt; was released." in shown
    screen = console(width=200)
    with screen.capture() as captured:
        screen.print(terminal.file(case(), chain))
    assert "2026-11-22 12:00 release: <b>m</b> was released." in captured.get()
