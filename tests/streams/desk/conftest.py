from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer, unused_port

from streams.clickhouse import rows
from streams.clickhouse.client import ClickHouse
from streams.desk.app import COOKIE, Desk
from streams.desk.queries import DeskQueries
from streams.desk.sessions import Person, Sessions
from streams.intake import bodies
from streams.schema import topics
from streams.schema.actions import Action, EnforcementDecision
from streams.schema.cases import Case, CaseMember, CasePayload, Hypothesis, Leak, Link, ResponseStep, Score, Term, Threshold, Version
from streams.schema.labels import Label
from streams.schema.record import Record
from streams.testing.builders import migrated_clickhouse

TOPICS: dict[type[Any], str] = {
    Case: topics.CASES,
    Label: topics.LABELS,
    Action: topics.ACTIONS,
    EnforcementDecision: topics.ENFORCEMENT,
}
NUMBERS = itertools.count()
START = time.time() // 60 * 60 - 3600.0
"""Within the days that ClickHouse keeps cases."""


def put(clickhouse: ClickHouse, record: Record) -> None:
    topic, number = TOPICS[type(record)], next(NUMBERS)
    for insert in rows.inserts(topic, [rows.KafkaRecord(topic, 0, number, START, record.encode(), {})]):
        clickhouse.insert(insert.table, insert.columns, f"desk-{number}")


class Store:
    """An outbox that writes where the store stage would, and keeps what was sent."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self.clickhouse = clickhouse
        self.sent: list[Any] = []

    def send(self, records: Iterable[Record]) -> list[Record]:
        sent = list(records)
        for record in sent:
            put(self.clickhouse, record)
        self.sent += sent
        return sent


def case_of(name: str = "0" * 12, *accounts: str, **other: Any) -> Case:
    """A case of these accounts behind one router, with everything that a page shows."""
    members = {
        account: CaseMember(START + place, None, requests=10.0, extraction=20.0, router="00000000000000aa")
        for place, account in enumerate(accounts)
    }
    payload = CasePayload(
        score=Score("account:ada", 20.0, [], "high", None, "How many ordinary groups look like this is not known yet."),
        counter_evidence=[
            Hypothesis(hypothesis="university class", fits=False, because="Would need: a school; found: none; so it does not fit.")
        ],
        links=[Link("extraction:router:00000000000000aa", START, "", None), Link("extraction:payment:00000000000000cc", START, "", None)],
        members=members,
        leak=Leak(30.0, 0.0, 0.0, 0.0, ""),
        if_wrong="1 organisation would be limited.",
        ladder=ResponseStep("L1", "", "", [], ""),
        next_step="L1: cap them.",
        terms=[Term("competing-models", "3", "2026-01-01", "No training of competing models.")],
        threshold=Threshold("extraction", 13.0, "2026-01-01", "detection", "operations", ""),
        history=[Version(1, START, "open", 3, 30.0, 20.0)],
    )
    row: dict[str, Any] = {
        "case_id": f"case-{name}",
        "version": 1,
        "opened_at": START,
        "updated_at": START,
        "state": "open",
        "behaviour": "extraction",
        "title": "Three accounts look like distillation.",
        "accounts": len(accounts),
        "requests": 30.0,
        "output_tokens": 0.0,
        "extraction": 20.0,
        "routing": 0.0,
        "muted": False,
        "payload": payload,
    }
    return Case(**{**row, **other})


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with migrated_clickhouse(tmp_path_factory.mktemp("desk")) as settings:
        gateway = ClickHouse(settings)
        yield gateway
        gateway.close()


@pytest.fixture
def make_case(clickhouse: ClickHouse) -> Callable[..., Case]:
    """Store a case of its own: `make_case("ada", "bob")`."""

    def made(*accounts: str, **other: Any) -> Case:
        case = case_of(f"{next(NUMBERS):012x}", *(accounts or ("ada", "bob", "eve")), **other)
        put(clickhouse, case)
        return case

    return made


@pytest.fixture
def store(clickhouse: ClickHouse) -> Store:
    return Store(clickhouse)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
async def desk(clickhouse: ClickHouse, store: Store, sessions: Sessions) -> AsyncIterator[TestClient[Any, Any]]:
    """The desk on a port of this machine, and a client that sends forms from its pages."""
    port = unused_port()
    origin = f"http://127.0.0.1:{port}"
    app = Desk(DeskQueries(clickhouse), store, sessions, frozenset({origin})).app()
    client: TestClient[Any, Any] = TestClient(TestServer(app, port=port), headers={"Origin": origin}, cookie_jar=DummyCookieJar())
    await client.server.start_server(**bodies.SERVER)
    await client.start_server()
    yield client
    await client.close()


@pytest.fixture
def log_in(sessions: Sessions) -> Callable[[str], tuple[dict[str, str], str]]:
    """Log a person in, `name:role`; return the cookie and the form token."""

    def logged_in(text: str) -> tuple[dict[str, str], str]:
        name = sessions.log_in(sessions.invite(Person.parse(text)))
        assert name
        session = sessions.of(name)
        assert session
        return {COOKIE: name}, session.form_token

    return logged_in
