from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any, Final

import pytest
from rich.console import Console

from streams.cases import labels
from streams.cases.views import live
from streams.cases.views.terminal import CaseRow
from streams.core.errors import StoreUnavailableError
from streams.schema.cases import CasePayload

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def case(**other: Any) -> CaseRow:
    row: dict[str, Any] = {"case_id": "case-1", "version": 1, "state": "open", "behaviour": "extraction", "title": "3 accounts look alike."}
    row |= {"opened_at": NOON - timedelta(hours=3), "updated_at": NOON - timedelta(minutes=12), "accounts": 3, "requests": 1234.0}
    row |= {"output_tokens": 5e6, "extraction": 12.34, "routing": 1.0, "muted": False, "payload": CasePayload()}
    return CaseRow(**{**row, **other})


def printed(*cases: CaseRow, problem: str = "") -> str:
    paper = StringIO()
    Console(width=160, file=paper).print(live.screen(cases, NOON, problem))
    return paper.getvalue()


def test_a_case_is_one_line_with_its_size_its_evidence_and_its_age() -> None:
    text = printed(case())
    for part in ("case-1", "extraction", "1,234", "5,000,000", "12.3", "3 h", "12 min", "3 accounts look alike."):
        assert part in text
    assert "1 of extraction, 0 of routing, 3 accounts" in text


def test_what_is_decided_or_permitted_says_so() -> None:
    text = printed(case(payload=CasePayload(label=labels.make("case", "case-1", "reseller", "ada"))), case(case_id="case-2", muted=True))
    assert "reseller" in text
    assert "permitted" in text


def test_a_terminal_of_80_characters_still_shows_whole_ids_and_reasons() -> None:
    paper = StringIO()
    Console(width=80, file=paper).print(live.screen([case(case_id="case-0fbfa5df00f4")], NOON, width=80))
    assert "case-0fbfa5df00f4" in paper.getvalue()
    assert "look alike" in " ".join(paper.getvalue().split())
    assert "requests" not in paper.getvalue()


def test_no_case_is_said() -> None:
    assert "no open case" in printed()


def test_markup_in_a_title_is_text() -> None:
    assert "[bold red]now[/]" in printed(case(title="[bold red]now[/]"))


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (720, "12 min"), (10800, "3 h"), (200_000, "2 d"), (-5, "0 s")])
def test_ages_read_as_people_say_them(seconds: float, text: str) -> None:
    assert live.age(seconds) == text


def test_one_look_stays_on_the_screen_and_ends_its_line() -> None:
    stop, paper = threading.Event(), StringIO()
    stop.set()
    asked = Failing(stop)
    live.watch(asked, Console(width=160, file=paper, force_terminal=True), stop, interval_seconds=5.0, now=lambda: NOON)
    assert asked.asked == QUERIES
    assert "case-1" in paper.getvalue()
    assert "\x1b[?1049h" not in paper.getvalue(), "a screen that vanishes at the end"
    assert paper.getvalue().endswith("\n")


QUERIES: Final = 2
"""Of one look: the cases, and what their lists have."""


class Failing:
    """Answers with a case and with what its lists have, and is then away."""

    def __init__(self, stop: threading.Event) -> None:
        self.asked = 0
        self.stop = stop

    def query(self, _: str, __: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        self.asked += 1
        if self.asked <= QUERIES:
            return [tuple(vars(case(payload="{}")).values())[:-1]] if self.asked == 1 else []
        self.stop.set()
        raise StoreUnavailableError("ClickHouse is away")


def test_while_clickhouse_is_away_the_last_cases_stay_and_it_is_said() -> None:
    stop, paper = threading.Event(), StringIO()
    live.watch(Failing(stop), Console(width=160, file=paper), stop, interval_seconds=0.01, now=lambda: NOON)
    last = paper.getvalue()
    assert "ClickHouse is away" in last
    assert "case-1" in last
