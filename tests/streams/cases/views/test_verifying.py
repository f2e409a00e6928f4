"""A case that is stored as changes is read as it is, and verified whole. (Columns, payloads and histories: `test_terminal.py`.)"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from streams.cases import labels
from streams.cases.audit_chain import HistoryCheck, HistoryKey
from streams.cases.stage import Cases
from streams.cases.views import terminal, verifying
from streams.cases.views.terminal import CaseRow
from streams.cases.views.verifying import BrokenHistoryError
from streams.clickhouse import rows
from streams.clickhouse.client import ClickHouse
from streams.core.queries import Parameters
from streams.schema import topics
from streams.schema.cases import Case
from streams.testing.builders import migrated_clickhouse
from streams.testing.case_desk import CaseDesk, hydra

KEY = HistoryKey(b"the workers' key")
CHECK = HistoryCheck([KEY.public], [KEY])


class Stored(NamedTuple):
    """A case of 60 members that is stored as its worker wrote it: whole, and then what changed."""

    clickhouse: ClickHouse
    messages: list[bytes]
    whole: list[Case]

    def store(self) -> None:
        """Write all records again, as the store stage does."""
        self.clickhouse.query("TRUNCATE TABLE case_items")
        for offset, message in enumerate(self.messages):
            for insert in rows.inserts(topics.CASES, [rows.KafkaRecord(topics.CASES, 0, offset, 1.7e9, message, {})]):
                self.clickhouse.insert(insert.table, insert.columns, f"{insert.table}-{offset}-{time.monotonic_ns()}")

    def newest(self) -> CaseRow:
        return terminal.find(self.clickhouse, self.whole[-1].case_id)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    desk = CaseDesk()
    desk.stage = Cases(history_key=KEY)
    names, now = [f"acct-{number:03d}" for number in range(60)], time.time()  # what is old is removed by its table
    desk.apply(*hydra("00000000000000ab", names, now, 1))
    for account in names[5:8]:
        desk.learn(labels.make("member", f"{next(iter(desk.newest))}/account:{account}", "exclude", "eve", "a school", at=now))
    with migrated_clickhouse(tmp_path_factory.mktemp("changes")) as settings:
        gateway = ClickHouse(settings)
        kept = Stored(gateway, [message.value for message in desk.sent if message.topic == topics.CASES], desk.versions)
        kept.store()
        yield kept
        gateway.close()


def test_a_case_that_is_stored_as_changes_is_read_as_it_is(stored: Stored) -> None:
    newest = Case.decode(stored.messages[-1])
    assert (newest.is_whole, newest.payload.members) == (False, {})
    case = stored.newest()
    assert case.payload == stored.whole[-1].payload
    assert len(case.payload.members) == 57
    assert [case] == terminal.newest(stored.clickhouse)
    assert re.search(
        r"4 versions are signed, (\d) of \1 stored rows were signed and agree", verifying.check(stored.clickhouse, case, CHECK)
    )


@pytest.mark.parametrize(
    "change",
    [
        "DELETE WHERE part = 'members' AND name = 'acct-011'",
        """UPDATE value = replaceOne(value, '"requests":10', '"requests":11') WHERE part = 'members' AND name = 'acct-011'""",
        "DELETE WHERE part = 'members' AND name = 'acct-006' AND value = ''",
        "DELETE WHERE part = 'links'",
    ],
    ids=["a member is gone", "a figure of a member", "an excluded member is back", "no link is left"],
)
def test_an_item_that_was_changed_after_it_was_stored_is_found(stored: Stored, change: str) -> None:
    stored.store()
    assert verifying.check(stored.clickhouse, stored.newest(), CHECK)
    stored.clickhouse.query(f"ALTER TABLE case_items {change} SETTINGS mutations_sync = 1")
    with pytest.raises(BrokenHistoryError, match="members, links or merges differ"):
        verifying.check(stored.clickhouse, stored.newest(), CHECK)


@pytest.mark.parametrize("missing", ["acct-011", "4"], ids=["a member", "its own entry in the history"])
def test_a_version_that_is_being_stored_is_read_again(stored: Stored, missing: str) -> None:
    """Its items come before its head; whoever reads between them sees items of another moment."""
    stored.store()
    case, reads = stored.newest(), list[str]()

    class Between:
        """The first look comes too early."""

        def query(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
            reads.append(sql)
            answer = stored.clickhouse.query(sql, parameters)
            return [row for row in answer if len(reads) != 2 or row[2] != missing]

    assert terminal.find(Between(), case.case_id) == case
    assert len(reads) == 4
