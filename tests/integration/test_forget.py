"""Workers with RocksDB, Apache Kafka, ClickHouse's engine: who looks everywhere after `hydrometer forget` finds nothing of the account.

Who looks is independent of what erases: every table as text, every record of every topic as compaction leaves it, every file of the state
folder. All ids have a backslash, quotes and a letter beyond ASCII, and a core that stays the same however it is escaped.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from rocksdict import AccessType, Options, Rdict

from streams.backup.manifest import FORMAT_VERSION, BackupManifest, LedgerMark, fingerprints
from streams.cases.audit_chain import HistoryCheck
from streams.cases.views import terminal, verifying
from streams.cases.views.terminal import CaseRow
from streams.clickhouse import migrate
from streams.clickhouse.client import ClickHouse, connected
from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.desk import acting
from streams.desk.acting import KafkaOutbox
from streams.desk.sessions import Person
from streams.devserver.kafka import ApacheKafka
from streams.devserver.process import local_server
from streams.enforcement.decided import decisions
from streams.exports.erasure import ErasureOrder, erase
from streams.exports.erasure_ledger import ErasureLedger
from streams.intake.collector import read_files
from streams.schema import topics
from streams.schema.erasures import Receipt
from streams.testing.processes import hydrometer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
EVENTS = 6_000
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


KEYS = {name: f"the {name} of these tests, and long" for name in ("signing_key", "seal_key", "sketch_key", "pseudonym_key")}
TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() AND NOT endsWith(engine, 'View')"


def hostile(account: str) -> str:
    return f"CORP\\x{account}x'\"\u00e9; -- "


def core(account: str) -> bytes:
    """Return the part of a hostile id that no escaping changes."""
    return f"x{account.partition('x')[2].rpartition('x')[0]}x".encode()


@dataclass
class System:
    """Running workers that have read a morning of traffic."""

    settings: Settings
    clickhouse: ClickHouse
    state: Path
    variables: dict[str, str]

    def forget(self, account: str) -> Receipt:
        return erase(self.settings, self.clickhouse, ErasureOrder(account, "ada", "request 1"), wait_seconds=200)

    def newest_case(self) -> CaseRow:
        return max(terminal.newest(self.clickhouse, with_resolved=True), key=lambda case: len(case.payload.members))

    def in_tables(self, needle: bytes) -> dict[str, int]:
        """Return how many rows of each table contain some bytes."""
        found: dict[str, int] = {}
        for (table,) in self.clickhouse.query(TABLES):
            has = "position(toString(tuple(*)), %(needle)s) > 0"
            ((count,),) = self.clickhouse.query(f"SELECT count() FROM `{table}` WHERE {has}", {"needle": needle.decode()})  # noqa: S608
            found |= {table: count} if count else {}
        return found

    def in_topics(self, needle: bytes) -> set[str]:
        """Return the topics of which a record contains some bytes: of compacted ones the last record of a key."""
        compacted = {topic.name for topic in topics.TOPICS if topic.compacted}
        options = topics.client_options(self.settings)
        found: dict[str, dict[object, bool]] = {}
        with closing(KafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")) as consumer:
            names = [name for name in consumer.topics() if not name.startswith("__")]
            tps = [TopicPartition(name, number) for name in names for number in sorted(consumer.partitions_for_topic(name) or ())]
            consumer.assign(tps)
            consumer.seek_to_beginning(*tps)
            ends = consumer.end_offsets(tps)
            while any(consumer.position(tp) < ends[tp] for tp in tps):
                for tp, records in consumer.poll(timeout_ms=1000).items():
                    for record in records:
                        last = tp.topic in compacted or tp.topic.endswith("changelog")
                        key = (tp.partition, record.key if last else record.offset)
                        headers = [value for _, value in record.headers]
                        found.setdefault(tp.topic, {})[key] = contains(needle, record.key, record.value, *headers)
        return {topic for topic, keys in found.items() if any(keys.values())}

    def in_state(self, needle: bytes) -> set[str]:
        """Return the files of the state folder that contain some bytes as they are, and the RocksDB folders that return them.

        What RocksDB replaced stays in its files, packed, until it compacts them: the receipt says so.
        """
        files = {path.name for path in self.state.rglob("*") if path.is_file() and needle in path.read_bytes()}
        for folder in {path.parent for path in self.state.rglob("CURRENT")}:
            with closing(Rdict(str(folder), access_type=AccessType.read_only(), options=Options(raw_mode=True))) as table:
                files |= {folder.name for key, value in table.items() if contains(needle, key, value)}
        return files


def contains(needle: bytes, *pieces: Any) -> bool:
    """Return whether bytes are in one of these pieces, as they are or in what zstd has packed in them."""
    for piece in pieces:
        if not piece:
            continue
        if needle in piece:
            return True
        starts = [match.start() for match in re.finditer(re.escape(ZSTD_MAGIC), piece)]
        if any(needle in unpacked(piece[start:]) for start in starts):
            return True
    return False


def unpacked(frame: bytes) -> bytes:
    """Return what a frame holds, as far as it can be read: what looks like the start of one may be none."""
    held, reader = b"", zstandard.ZstdDecompressor().stream_reader(frame)
    with suppress(zstandard.ZstdError):
        while piece := reader.read(1 << 16):
            held += piece
    return held


def wait_for(done: Callable[[], Any], seconds: float = 240) -> Any:
    give_up = time.monotonic() + seconds
    while not (result := done()):
        assert time.monotonic() < give_up, "nothing happened in time"
        time.sleep(1)
    return result


def wait_until_gone(left: Callable[[], set[str]]) -> None:
    """Wait a minute until there is nothing left; what is left is in the message else."""
    give_up = time.monotonic() + 60
    while still := left():
        assert time.monotonic() < give_up, f"still in {sorted(still)}"
        time.sleep(1)


def shifted(path: Path) -> Path:
    """Write a morning of the demonstration that ends now: ClickHouse drops what has expired as it comes in."""
    events = [orjson.loads(line) for line in islice(demo_traffic(accounts=600, events=20_000).lines(), EVENTS)]
    by = time.time() - 60 - max(event["timestamp"] for event in events)
    own = [{**event, "timestamp": event["timestamp"] + by, "account.id": hostile(event["account.id"])} for event in events]
    path.write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in own))
    return path


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder: Path = tmp_path_factory.mktemp("forget")
    with (
        ApacheKafka(folder / "kafka") as kafka,
        local_server(folder / "clickhouse", user="h", password="a password of these tests") as server,
    ):
        where = {"kafka": kafka.bootstrap, "partitions": 2, "clickhouse_host": server.host, "clickhouse_port": server.port}
        login = {"clickhouse_user": server.user, "clickhouse_password": server.password}
        given = {**where, **login, **KEYS, "replication": 1, "checkpoint_seconds": 2, "state_dir": folder / "state", "mode": "production"}
        settings = Settings.load({f"HYDROMETER_{name.upper()}": str(value) for name, value in given.items()}, role="worker")
        topics.ensure(settings)
        migrate.run(settings)
        with closing(KafkaProducer(**topics.client_options(settings))) as producer:
            for block in read_files([shifted(folder / "events.jsonl")], settings):
                producer.send(topics.REQUESTS, block.data, partition=block.partition)
            producer.flush()
        variables = {name.upper(): str(value) for name, value in given.items()}
        with hydrometer("worker", log=folder / "worker.log", **variables), connected(settings) as clickhouse:
            wait_for(lambda: clickhouse.query("SELECT count() FROM requests")[0][0] >= EVENTS * 0.9)
            wait_for(lambda: clickhouse.query("SELECT max(accounts) FROM cases")[0][0] >= 3)
            yield System(settings, clickhouse, folder / "state", variables)


def work(system: System, case: CaseRow, account: str, other: str) -> None:
    """Do at the desk what people do about an account and about another of its case; return when all of it is stored."""
    outbox, ada, bob = KafkaOutbox(system.settings), Person("ada", "analyst"), Person("bob", "approver")
    wanted = {"days": 3, "clause": "4.2", "reason": "a trial"}
    decision = acting.proposal(ada, case.case_id, "suspend_key", {account: [], other: []}, wanted)
    outbox.send([
        acting.label(ada, ("account", account), "distilling", "a note"),
        acting.label(ada, ("member", f"{case.case_id}/account:{account}"), "exclude", "another"),
        acting.action(ada, "comment", case.case_id, note="a comment", account=account),
        decision,
        acting.approved(bob, decision),
        acting.label(ada, ("account", other), "distilling", "a note"),
    ])  # fmt: skip
    wait_for(lambda: system.clickhouse.query("SELECT count() FROM labels")[0][0] >= 3)
    wait_for(lambda: system.clickhouse.query("SELECT count() FROM enforcement")[0][0] >= 2)
    wait_for(lambda: system.clickhouse.query("SELECT count() FROM actions")[0][0] >= 1)


def test_an_independent_reader_finds_nothing_of_an_account_that_was_forgotten(system: System) -> None:
    case = system.newest_case()
    account, other, *_ = sorted(case.payload.members)
    work(system, case, account, other)
    assert set(system.in_tables(core(account))) >= {"requests", "scores", "cases", "labels", "actions", "enforcement"}
    assert system.in_topics(core(account)) >= {topics.CASES, topics.LABELS, topics.ACTIONS, topics.ENFORCEMENT}
    wait_for(lambda: system.in_state(core(account)), 60)
    receipt = system.forget(account)
    assert receipt.rows["requests"] > 0
    assert receipt.state["accounts"] == {"accounts": 1}
    assert receipt.state["cases"]["cases changed"] >= 1
    assert system.in_tables(core(account)) == {}
    kept = {kept.what.rpartition(" ")[2] for kept in receipt.kept if kept.what.startswith("records of before")}
    wait_until_gone(lambda: system.in_topics(core(account)) - kept)
    wait_until_gone(lambda: system.in_state(core(account)))
    history = HistoryCheck.of(system.settings)
    assert "versions are signed" in verifying.check(system.clickhouse, terminal.find(system.clickhouse, case.case_id), history)


def test_after_a_restore_only_who_was_forgotten_since_the_backup_is_forgotten_again(system: System, tmp_path: Path) -> None:
    """Beside running workers, by the command; the tables hold both accounts, as a restored backup does."""
    wanted = "SELECT account_id FROM requests GROUP BY account_id ORDER BY count() DESC, account_id LIMIT 2"
    before, after = (str(name) for (name,) in system.clickhouse.query(wanted))
    ledger = ErasureLedger(system.settings)
    ledger.add(before)
    keys = {name: marks[0] for name, marks in fingerprints(system.settings).items()}
    mark = LedgerMark(*ledger.mark())
    BackupManifest(FORMAT_VERSION, "test", "2026-11-30T00:00:00+00:00", 2, {}, keys, mark, [], [], []).write(tmp_path, system.settings)
    ledger.add(after)
    with hydrometer("forget", "--after", str(tmp_path), "--wait", "200", log=tmp_path / "log", **system.variables) as forget:
        assert forget.process.wait(400) == 0, forget.log.read_text()
    assert "1 of 1 accounts are erased" in forget.log.read_text()
    assert system.in_tables(core(after)) == {}
    wait_until_gone(lambda: system.in_state(core(after)))
    assert system.in_tables(core(before))["requests"] > 0


def test_what_was_decided_about_others_outlives_who_was_forgotten_beside_them(system: System) -> None:
    case = system.newest_case()
    account, other = "CORP\\xnobody-7x", min(case.payload.members)
    ada, bob = Person("ada", "analyst"), Person("bob", "approver")
    decision = acting.proposal(ada, case.case_id, "ban", {account: ["k"], other: ["k'\\"]}, {"days": 3, "clause": "4", "reason": "a trial"})
    KafkaOutbox(system.settings).send([decision, acting.approved(bob, decision)])
    wait_for(lambda: [found for found in decisions(system.clickhouse) if found.decision_id == decision.decision_id and found.approver])
    assert system.forget(account).rows == {"enforcement": 2}
    [left] = [found for found in decisions(system.clickhouse) if found.decision_id == decision.decision_id]
    assert (left.state, left.payload.members) == ("approved", {other: ["k'\\"]})
    assert "enforcement" not in system.in_tables(core(account))


def test_a_case_under_legal_hold_keeps_its_members_and_the_receipt_says_so(system: System) -> None:
    case = system.newest_case()
    account = max(case.payload.members)
    KafkaOutbox(system.settings).send([acting.label(Person("ada", "analyst"), ("hold", case.case_id), "hold", "proceedings")])
    wait_for(lambda: system.clickhouse.query("SELECT count() FROM labels WHERE verdict = 'hold'")[0][0])
    receipt = system.forget(account)
    assert [kept.what for kept in receipt.kept if kept.what.startswith("case ")] == [f"case {case.case_id}"]
    assert account in terminal.find(system.clickhouse, case.case_id).payload.members
    assert {"case_items"} <= set(system.in_tables(core(account))) <= {"case_items", "cases", "alerts", "actions", "enforcement"}


def test_an_account_that_nobody_knows_has_a_receipt_of_nothing(system: System) -> None:
    receipt = system.forget("nobody")
    assert (receipt.rows, receipt.tombstones) == ({}, {})
    assert not any(count for counts in receipt.state.values() for count in counts.values())
    assert {topic.name for topic in topics.TOPICS if topic.names_accounts and not topic.compacted} == {
        kept.what.rpartition(" ")[2] for kept in receipt.kept if kept.what.startswith("records of before")
    }
