"""A backup is of one moment; what it brings back is what was there, and nothing that was forgotten since."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from streams.backup import logs, run, tables
from streams.backup.manifest import MANIFEST_FILE, BackupError, read_parquet
from streams.clickhouse.client import connected
from streams.core.settings import Settings
from streams.exports.erasure_ledger import ErasureLedger, LedgerError
from streams.schema import blocks, layouts, topics
from streams.stages import erasures

pytestmark = pytest.mark.slow
REQUEST, LABEL, SECRET = b"a block of requests", b'{"verdict": "benign"}', b"a prompt of somebody"
SIGNED = [("signature", b"1;2;3"), ("source", b"")]


def ignore_step(_line: str) -> None:
    """Ignore a line of progress."""


def send(settings: Settings, topic: str, *values: bytes | None, partition: int = 0, key: bytes | None = None) -> None:
    with closing(KafkaProducer(acks="all", **topics.client_options(settings))) as producer:
        for value in values:  # one by one: the embedded broker gives the start of its last batch as the end
            producer.send(topic, value, key, SIGNED, partition, 1_700_000_000_000).get(timeout=20)


def commit(settings: Settings, agent: str, topic: str, offset: int, partition: int = 0) -> None:
    with topics.administration(settings) as admin:
        admin.alter_group_offsets(topics.group_of(agent), {TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)})


def records(settings: Settings) -> dict[tuple[str, int, int], tuple[Any, ...]]:
    """Return key, value and headers of every record with a value, by topic, partition and offset."""
    found: dict[tuple[str, int, int], tuple[Any, ...]] = {}
    position = logs.TopicPosition.of(settings)
    with closing(KafkaConsumer(**topics.client_options(settings), enable_auto_commit=False, auto_offset_reset="earliest")) as consumer:
        tps = list(position.ends)
        consumer.assign(tps)
        consumer.seek_to_beginning()
        while any(consumer.position(tp) < position.ends[tp] for tp in tps):
            for tp, polled in consumer.poll(timeout_ms=500).items():
                found |= {
                    (tp.topic, tp.partition, one.offset): (one.key, one.value, one.headers) for one in polled if one.key != logs.FILLER
                }
    return found


def contents(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table, as ClickHouse prints them."""
    with connected(settings) as clickhouse:
        return {table.name: sorted(clickhouse.query(printed(table))) for table in tables.tables(clickhouse)}


def printed(table: tables.Table) -> str:
    columns = [f"hex(`{name}`)" if name in table.aggregates else f"toString(`{name}`)" for name in table.columns]
    return f"SELECT {', '.join(columns)} FROM {table.name}"  # noqa: S608 (names of our own schema)


@pytest.fixture
def before(deployment: Callable[..., Settings], kafkas: tuple[str, str]) -> Settings:
    """Return a stopped deployment: five requests, of which accounts has read four and the store two; a label; state; rows."""
    settings = deployment("before", kafka=kafkas[0])
    logs.make(settings)
    send(settings, topics.REQUESTS, *[b"%s %d" % (REQUEST, number) for number in range(5)], partition=1)
    send(settings, topics.LABELS, LABEL, None, LABEL, key=b"l1")
    send(settings, topics.changelog(topics.ACCOUNTS_AGENT), b"chunk 1", b"chunk 2", key=b"1/c", partition=1)
    send(settings, topics.REQUESTS_RAW, SECRET)
    commit(settings, topics.ACCOUNTS_AGENT, topics.REQUESTS, 4, 1)
    commit(settings, topics.STORE_AGENT, topics.REQUESTS, 2, 1)
    commit(settings, topics.CASES_AGENT, topics.LABELS, 3)
    with connected(settings) as clickhouse:
        clickhouse.query(
            "INSERT INTO requests (time, event_id, account_id) SELECT now() - number, toString(number), 'acct-1' FROM numbers(5)"
        )
        clickhouse.query(
            "INSERT INTO scores (time, entity_kind, entity_id, families) SELECT now(), 'account', 'acct-2', map('a', nan, 'b', 0.1)"
        )
        clickhouse.query(
            "INSERT INTO labels (label_id, time, entity_kind, entity_id, verdict) VALUES ('l1', now(), 'account', 'acct-1', 'benign')"
        )
    return settings


@pytest.fixture
def empty(deployment: Callable[..., Settings], kafkas: tuple[str, str]) -> Settings:
    """Return where to restore to: neither topics nor tables, another machine."""
    return deployment("after", tables=False, kafka=kafkas[1])


def save(settings: Settings, folder: Path, *others: Path) -> None:
    with connected(settings) as clickhouse:
        run.backup(settings, clickhouse, folder, others, 0.0, ignore_step)


def bring_back_ledger(before: Settings, after: Settings) -> None:
    after.state_dir.mkdir(exist_ok=True)
    ErasureLedger(after).path.write_bytes(ErasureLedger(before).path.read_bytes())


def test_what_was_destroyed_is_as_it_was(before: Settings, empty: Settings, tmp_path: Path) -> None:
    save(before, tmp_path / "backup")
    bring_back_ledger(before, empty)
    run.restore(empty, tmp_path / "backup", ledger_is_lost=False, progress=ignore_step)
    read_already = {(topics.REQUESTS, 1, 0), (topics.REQUESTS, 1, 1), (topics.REQUESTS_RAW, 0, 0)}
    assert records(empty) == {at: record for at, record in records(before).items() if at not in read_already}
    first, second = logs.TopicPosition.of(before), logs.TopicPosition.of(empty)
    assert second.committed == first.committed
    assert second.settled() == first.settled()
    assert contents(empty) == contents(before)


def everything(folder: Path) -> bytes:
    """Return all that a backup holds, unpacked."""
    pieces = [str(piece).encode() for path in folder.rglob("*.parquet") for piece in read_parquet(path)]
    return b"".join([*pieces, *(path.read_bytes() for path in folder.rglob("*") if path.is_file())])


def test_no_prompt_and_no_key_is_in_a_backup(before: Settings, tmp_path: Path) -> None:
    save(before, tmp_path / "backup")
    held = everything(tmp_path / "backup")
    assert REQUEST in held
    assert SECRET not in held
    for name in ("seal_key", "sketch_key", "pseudonym_key", "signing_key"):
        assert getattr(before, name).get_secret_value().encode() not in held
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "backup").rglob("*") if path.is_file()} == {0}
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0


def test_a_backup_is_refused_while_something_runs_and_after_a_kill(before: Settings, tmp_path: Path) -> None:
    with connected(before) as clickhouse:
        clickhouse.query("INSERT INTO batches (topic, partition, first, last) VALUES ('requests', 1, 2, 3)")
        with pytest.raises(BackupError, match="the store was killed within a batch of requests/1: start `hydrometer worker store`"):
            save(before, tmp_path / "backup")
        clickhouse.query("INSERT INTO health (time, process, instance, metric, value) VALUES (now(), 'worker', 'm-1', 'started', 1)")
        with pytest.raises(BackupError, match="worker m-1 still runs, or ended less than 25 s ago: stop collect and workers first"):
            save(before, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_what_changes_while_it_is_saved_makes_it_no_backup(before: Settings, tmp_path: Path) -> None:
    def write_meanwhile(line: str) -> None:
        if "labels" in line:
            send(before, topics.LABELS, LABEL, key=b"l2")

    with connected(before) as clickhouse, pytest.raises(BackupError, match=r"something ran while .* was written, so it is no backup"):
        run.backup(before, clickhouse, tmp_path / "backup", (), 0.0, write_meanwhile)
    with pytest.raises(BackupError, match=f"is no whole backup, since {MANIFEST_FILE} is missing"):
        run.check(before, tmp_path / "backup", ignore_step)
    with pytest.raises(BackupError, match="is not empty: name a new folder for each backup"):
        save(before, tmp_path / "backup")


def test_a_restore_goes_only_into_empty_places(before: Settings, empty: Settings, tmp_path: Path) -> None:
    save(before, tmp_path / "backup")

    def refusal(settings: Settings) -> str:
        with pytest.raises((BackupError, LedgerError)) as refused:
            run.restore(settings, tmp_path / "backup", ledger_is_lost=False, progress=ignore_step)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    assert "is missing: bring back its newest copy" in refusal(empty)
    bring_back_ledger(before, empty)
    assert re.match("the topic .* is not empty: stop everything, and delete our topics", refusal(before))
    other = empty.model_copy(update={"clickhouse_database": before.clickhouse_database})
    assert re.match("the table (labels|requests|scores) is not empty: restore into a new database", refusal(other))
    assert "set HYDROMETER_PARTITIONS" in refusal(empty.model_copy(update={"partitions": 3}))
    (empty.state_dir / topics.CASES_AGENT / "tables").mkdir(parents=True)
    (empty.state_dir / topics.CASES_AGENT / "tables" / "CURRENT").touch()
    assert "holds the tables of a worker: stop it, and delete that folder first" in refusal(empty)
    assert not logs.TopicPosition.of(empty).ends, "a refused restore made a topic"


def test_an_account_that_was_forgotten_after_a_backup_does_not_come_back(before: Settings, empty: Settings, tmp_path: Path) -> None:
    ledger = ErasureLedger(before)
    ledger.add("acct-2")
    save(before, tmp_path / "backup")
    ledger.add("acct-1")
    bring_back_ledger(before, empty)
    assert run.restore(empty, tmp_path / "backup", ledger_is_lost=False, progress=ignore_step).erased == ["acct-1"]
    assert run.forgotten_after(empty, tmp_path / "backup") == ["acct-1"]
    rows = contents(empty)
    assert rows["requests"] == rows["labels"] == []
    assert len(rows["scores"]) == 1, "acct-2 was forgotten before the backup, and seen again"
    home = topics.partition_of("acct-1", 2)
    [(_, value, _)] = [record for (topic, number, _), record in records(empty).items() if (topic, number) == (topics.FEEDBACK, home)]
    assert [erasure.account for erasure in erasures.read(blocks.decode(value, layouts.ERASURES))] == ["acct-1"]
