from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console

from streams.clickhouse.client import ClickHouse
from streams.desk import account_view
from streams.desk.account_view import AccountCase, AccountScore, AccountView
from streams.desk.queries import DeskQueries, StoredFacts

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS = StoredFacts(1200, 1, NOON, NOON, 90_000.0, "", [], ["00000000000000aa"], [], ["ind-000000000001"], None, [])
VIEW = AccountView("ada", FACTS, [AccountScore(NOON, 4.25, 0.5)], [AccountCase("case-1", "open", "extraction", "Two accounts")], [], [])


def shown(view: AccountView) -> str:
    console = Console(width=120)
    with console.capture() as output:
        console.print(account_view.table(view))
    return output.get()


def test_what_the_log_did_not_have_is_named_so() -> None:
    text = shown(VIEW)
    assert "1,200 stored, 90,000 output tokens" in text
    assert "case-1 open, extraction: Two accounts" in text
    assert [line.split()[0] for line in text.splitlines() if line.rstrip().endswith("not in the log")] == [
        "created", "organisation", "cards", "programs",
    ]  # fmt: skip


def test_a_name_cannot_write_markup_on_the_terminal() -> None:
    assert "[bold]x" in shown(AccountView("[bold]x", None, [], [], [], []))


def test_the_data_is_the_same_facts(clickhouse: ClickHouse, make_case: Any) -> None:
    case = make_case("only-in-this-case")
    view = account_view.read(DeskQueries(clickhouse), "only-in-this-case")
    assert view is not None
    assert [member_of.case_id for member_of in view.cases] == [case.case_id]
    assert msgspec.json.decode(msgspec.json.encode(view))["cases"][0]["state"] == "open"
    assert account_view.read(DeskQueries(clickhouse), "nobody") is None
