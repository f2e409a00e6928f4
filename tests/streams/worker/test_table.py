"""The table of chunks: what is recovered, what is refused, and whose it is."""

from __future__ import annotations

import hmac
import shutil
from pathlib import Path
from typing import Any

import pytest

from streams.core.errors import DiskFullError
from streams.core.settings import SECRETS, Settings
from streams.kafka.log_range import LogRecord
from streams.telemetry.metrics import METRICS, Metric
from streams.worker import table as table_module
from streams.worker.app import make_app
from streams.worker.app import make_table as make_worker_table
from streams.worker.engine import Inputs
from streams.worker.stored import NO_OFFSET, Seal, Stamp
from streams.worker.table import ARCHIVE, CHUNK, ChunkTable, FencedError, StoredArchive
from tests.streams.worker.conftest import KEY, LogTable, MakeTable, as_event


def recovered(partition: int, name: str, data: bytes, complete_to: int, seal_key: bytes = KEY, epoch: int = 0) -> Any:
    """Return a changelog event as Faust's recovery hands it over."""
    key = f"{partition}/{name}".encode()
    return event(partition, key, Seal(seal_key).packed(key, Stamp(epoch, complete_to, 0), data))


def event(partition: int, key: bytes | None, value: bytes | None) -> Any:
    return as_event(LogRecord(0, key, value), partition)


def test_a_partition_sees_its_own_chunks_only(table: ChunkTable) -> None:
    table.apply_changelog_batch([recovered(1, f"{CHUNK}a", b"one", 3), recovered(11, f"{CHUNK}a", b"eleven", 4)])
    assert list(table.records(1, CHUNK)) == [("a", b"one", 3)]
    assert list(table.records(11, CHUNK)) == [("a", b"eleven", 4)]


def test_the_archive_is_not_among_the_chunks(table: ChunkTable) -> None:
    table.apply_changelog_batch([recovered(0, f"{CHUNK}a", b"chunk", 3), recovered(0, f"{ARCHIVE}a", b"entity", 3)])
    assert list(table.records(0, CHUNK)) == [("a", b"chunk", 3)]
    assert dict(StoredArchive(table, 0)) == {"a": b"entity"}


@pytest.mark.parametrize("together", [True, False])
def test_a_chunk_sent_late_by_a_worker_thought_dead_does_not_win(table: ChunkTable, together: bool) -> None:  # noqa: FBT001
    events = [recovered(0, f"{CHUNK}a", b"successor", 50), recovered(0, f"{CHUNK}a", b"dead", 40)]
    for batch in [events] if together else [[event] for event in events]:
        table.apply_changelog_batch(batch)
    assert list(table.records(0, CHUNK)) == [("a", b"successor", 50)]


def test_a_record_that_is_not_ours_is_set_aside_whatever_its_key_and_offset(table: ChunkTable) -> None:
    whole = recovered(0, f"{CHUNK}a", b"whole", 0)
    key, value = whole.key, whole.value
    damaged = [event(0, key, bytes([*value[:place], value[place] ^ 1, *value[place + 1 :]])) for place in range(len(value))]
    strange = [
        event(0, key, None),
        event(0, key, b""),
        event(0, key, b"123"),
        event(0, None, value),
        event(0, b"\xff/\xff", value),
        event(0, f"1/{CHUNK}a".encode(), value),
        recovered(0, f"{CHUNK}a", b"forged", 1 << 62, b"the key of somebody else"),
    ]
    before = METRICS.value(Metric.CHUNKS_REFUSED, agent="accounts")
    table.apply_changelog_batch([*damaged, whole, *strange])
    assert list(table.records(0, CHUNK)) == [("a", b"whole", 0)]
    assert METRICS.value(Metric.CHUNKS_REFUSED, agent="accounts") - before == len(damaged) + len(strange)


def test_an_archived_entity_is_found_at_once_and_a_deleted_one_never(table: ChunkTable) -> None:
    archive = StoredArchive(table, 0)
    table.apply_changelog_batch([recovered(0, f"{ARCHIVE}old", b"entity", 3)])
    archive["new"] = b"fresh"
    del archive["old"]
    assert archive["new"] == b"fresh"
    assert "old" not in archive
    assert list(archive) == ["new"]


def test_an_entity_archived_again_while_its_record_is_written_stays_fresh(table: ChunkTable) -> None:
    archive = StoredArchive(table, 0)
    archive["a"] = b"one"
    taken = archive.pending()
    archive["a"] = b"two"
    archive.written(taken)
    assert archive.pending() == [(f"{ARCHIVE}a", b"two")]


# --- one owner at a time


def chunks(table: LogTable) -> dict[str, bytes]:
    return {name: data for name, data, _ in table.records(0, CHUNK)}


async def owner(make_table: MakeTable) -> LogTable:
    """Return the table of a worker that has just taken over partition 0."""
    table = make_table()
    table.catch_up()
    await table.claim(0)
    return table


async def test_a_worker_that_was_succeeded_while_it_was_frozen_is_told_at_its_first_write(make_table: MakeTable) -> None:
    frozen = await owner(make_table)
    await frozen.write(0, [(f"{CHUNK}a", b"one")], 10, 0)
    successor = await owner(make_table)
    await successor.write(0, [(f"{CHUNK}a", b"two")], 20, 0)
    with pytest.raises(FencedError):
        await frozen.write(0, [(f"{CHUNK}a", b"late")], 90, 0)
    assert chunks(frozen) == {"a": b"one"}


async def test_what_the_key_before_sealed_is_read_and_sealed_anew_so_that_the_key_can_go(make_table: MakeTable) -> None:
    before = await owner(make_table)
    await before.write(0, [(f"{CHUNK}a", b"one"), (f"{ARCHIVE}idle", b"entity")], 10, 7)
    await before.note_acknowledged(0, 10, 7)
    during, afterwards = make_table(), make_table()
    during._seal, afterwards._seal = Seal(b"the key of next year", KEY), Seal(b"the key of next year")
    for table in (during, afterwards):
        table.catch_up()
        assert await table.claim(0) == 7
        assert chunks(table) == {"a": b"one"}
        assert dict(StoredArchive(table, 0)) == {"idle": b"entity"}


async def test_without_the_key_before_state_starts_cold(make_table: MakeTable) -> None:
    before = await owner(make_table)
    await before.write(0, [(f"{CHUNK}a", b"one")], 10, 7)
    table = make_table()
    table._seal = Seal(b"the key of next year")
    table.catch_up()
    await table.claim(0)
    assert chunks(table) == {}


async def test_what_it_wrote_late_counts_for_no_owner_after_it_though_it_stands_later_and_claims_more(make_table: MakeTable) -> None:
    frozen = await owner(make_table)
    successor = await owner(make_table)
    await successor.write(0, [(f"{CHUNK}a", b"two")], 20, 0)
    with pytest.raises(FencedError):
        await frozen.write(0, [(f"{CHUNK}a", b"late"), (f"{CHUNK}b", b"late")], 90, 0)
    assert chunks(await owner(make_table)) == {"a": b"two"}


async def test_the_frozen_workers_own_disk_does_not_jump_over_what_its_successor_wrote(make_table: MakeTable) -> None:
    frozen = await owner(make_table)
    frozen.recovered = frozen._ends[0]
    successor = await owner(make_table)
    await successor.write(0, [(f"{CHUNK}a", b"two")], 20, 0)
    with pytest.raises(FencedError):
        await frozen.write(0, [(f"{CHUNK}a", b"late")], 90, 0)
    frozen.catch_up()
    await frozen.claim(0)
    assert chunks(frozen) == {"a": b"two"}


async def test_the_successor_restores_in_the_log_what_was_written_over(make_table: MakeTable) -> None:
    frozen = await owner(make_table)
    successor = await owner(make_table)
    await successor.write(0, [(f"{CHUNK}a", b"two")], 20, 0)
    with pytest.raises(FencedError):
        await frozen.write(0, [(f"{CHUNK}a", b"late"), (f"{CHUNK}b", b"late")], 90, 0)
    await successor.write(0, [(f"{CHUNK}c", b"three")], 30, 0)
    last = {record.key: record for record in successor.history}  # what compaction leaves
    alone = make_table()
    alone.apply_changelog_batch([as_event(record) for record in sorted(last.values())])
    assert chunks(alone) == {"a": b"two", "c": b"three"}


async def test_what_the_owner_before_wrote_between_recovery_and_claim_is_taken_over(make_table: MakeTable) -> None:
    before = await owner(make_table)
    successor = make_table()
    successor.catch_up()
    await before.write(0, [(f"{CHUNK}a", b"just in time")], 10, 0)
    await successor.claim(0)
    assert chunks(successor) == {"a": b"just in time"}


async def test_a_claim_that_follows_one_of_our_own_is_unbroken_and_one_that_follows_anothers_is_not(make_table: MakeTable) -> None:
    ours, theirs = make_table(), make_table()
    unbroken = []
    for table in (ours, ours, theirs, ours):
        table.catch_up()
        await table.claim(0)
        unbroken.append(table.is_unbroken(0))
        await table.write(0, [("chunk/a", b"1")], 1, 2)
        table.recovered = len(table.history) - 1
    assert unbroken == [False, True, False, False]


async def test_of_two_that_claim_at_once_the_one_whose_claim_stands_later_owns_the_partition(make_table: MakeTable) -> None:
    first, second = make_table(), make_table()
    await first.claim(0)
    await second.claim(0)
    with pytest.raises(FencedError):
        await first.write(0, [(f"{CHUNK}a", b"first")], 10, 0)
    await second.write(0, [(f"{CHUNK}a", b"second")], 10, 0)
    assert chunks(await owner(make_table)) == {"a": b"second"}


async def test_a_record_that_a_retry_sent_twice_fences_nobody(make_table: MakeTable) -> None:
    table = await owner(make_table)
    await table.write(0, [(f"{CHUNK}a", b"one")], 10, 0)
    table.history.append(table.history[-1]._replace(offset=len(table.history)))
    await table.write(0, [(f"{CHUNK}b", b"two")], 20, 0)
    assert chunks(table) == {"a": b"one", "b": b"two"}


async def test_the_state_tells_from_where_input_must_be_read(make_table: MakeTable) -> None:
    table = make_table()
    assert await table.claim(0) == 0
    await table.write(0, [(f"{CHUNK}a", b"one")], 10, 7)
    await table.note_acknowledged(0, 10, 8)
    again = make_table()
    again.catch_up()
    assert await again.claim(0) == 8


async def test_what_the_owner_before_acknowledged_between_recovery_and_claim_counts_too(make_table: MakeTable) -> None:
    before = await owner(make_table)
    successor = make_table()
    successor.catch_up()
    await before.note_acknowledged(0, 10, 11)
    assert await successor.claim(0) == 11


async def test_state_from_before_there_were_epochs_does_not_say_from_where(make_table: MakeTable) -> None:
    key, body = f"0/{CHUNK}a".encode(), (50).to_bytes(8, "big", signed=True) + b"counts of many accounts"
    table = make_table()
    table.history.append(LogRecord(0, key, body + hmac.digest(KEY, key + body, "sha256")[:16]))
    table.catch_up()
    assert await table.claim(0) == NO_OFFSET
    assert chunks(table) == {"a": b"counts of many accounts"}


# --- damaged records


def damaged(value: bytes | None) -> bytes:
    assert value is not None
    return value[:-1] + bytes([value[-1] ^ 1])


async def test_a_record_that_the_disk_damaged_is_restored_from_the_changelog_and_nothing_is_read_again(make_table: MakeTable) -> None:
    table = await owner(make_table)
    await table.write(0, [(f"{CHUNK}a", b"one"), (f"{CHUNK}b", b"two")], 10, 0)
    await table.note_acknowledged(0, 10, 11)
    key = f"0/{CHUNK}a".encode()
    table._keep(0, key, damaged(table._get(0, key)))
    table.recovered = table._ends[0]
    assert await table.claim(0) == 11
    assert chunks(table) == {"a": b"one", "b": b"two"}


async def test_a_record_that_is_damaged_in_the_changelog_goes_back_to_its_value_before_and_its_input_is_read_again(
    make_table: MakeTable,
) -> None:
    table = await owner(make_table)
    await table.write(0, [(f"{CHUNK}a", b"old"), (f"{CHUNK}b", b"two")], 10, 7)
    await table.write(0, [(f"{CHUNK}a", b"new")], 20, 11)
    await table.note_acknowledged(0, 20, 21)
    table.history[-2] = table.history[-2]._replace(value=damaged(table.history[-2].value))
    successor = make_table()
    successor.catch_up()
    assert await successor.claim(0) == 7
    assert chunks(successor) == {"a": b"old", "b": b"two"}
    assert (await again(make_table)) == 7, "until it is acknowledged again"


async def test_of_a_record_without_any_readable_value_all_input_is_read_again(make_table: MakeTable) -> None:
    table = await owner(make_table)
    await table.write(0, [(f"{CHUNK}a", b"one"), (f"{CHUNK}b", b"two")], 10, 7)
    await table.note_acknowledged(0, 10, 11)
    table.history[1] = table.history[1]._replace(value=b"rubbish")
    successor = make_table()
    successor.catch_up()
    assert await successor.claim(0) == 0
    assert chunks(successor) == {"b": b"two"}


async def again(make_table: MakeTable) -> int:
    table = make_table()
    table.catch_up()
    return await table.claim(0)


async def test_a_full_disk_is_named_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {name: f"only-for-this-test-{name}" for name in SECRETS}
    settings = Settings.model_validate({"state_dir": tmp_path, **secrets})
    table = make_worker_table(make_app(settings, "accounts"), settings, Inputs("accounts", "requests"))
    monkeypatch.setattr(table_module, "MIN_FREE_BYTES", shutil.disk_usage(tmp_path).total << 1)
    table._epochs[0] = 1
    with pytest.raises(DiskFullError, match=f"the disk of {tmp_path}/accounts is full"):
        await table.write(0, [("chunk/a", b"1")], complete_to=5, read_from=0)


# --- deletions


def keys(table: LogTable) -> set[bytes | None]:
    """Return the keys that compaction leaves in the log, a day after it has seen the tombstones."""
    last = {record.key: record.value for record in table.history}
    return {key for key, value in last.items() if value is not None}


async def test_a_deleted_entity_leaves_no_key_on_disk_in_the_log_or_after_a_recovery(make_table: MakeTable) -> None:
    table = await owner(make_table)
    await table.write(0, [(f"{ARCHIVE}ada", b"row"), (f"{CHUNK}a", b"one")], 10, 0)
    await table.write(0, [(f"{ARCHIVE}ada", b""), (f"{CHUNK}a", b"two")], 20, 0)
    other = make_table()
    other.catch_up()
    for each in (table, other):
        assert {key for key, _ in each._all(0)} == {b"0/owner", b"0/chunk/a"}
        assert chunks(each) == {"a": b"two"}
    assert keys(table) == {b"0/owner", b"0/chunk/a"}


async def test_a_tombstone_alone_deletes_nothing_and_the_owner_writes_the_record_again(make_table: MakeTable) -> None:
    table = await owner(make_table)
    await table.write(0, [(f"{ARCHIVE}ada", b"row"), (f"{CHUNK}a", b"one")], 10, 0)
    strange = [f"0/{name}".encode() for name in (f"{ARCHIVE}ada", f"{CHUNK}a", "owner")]
    table.history += [LogRecord(len(table.history) + turn, key, None) for turn, key in enumerate(strange)]
    other = make_table()
    other.catch_up()
    assert other.get_record(0, f"{ARCHIVE}ada") == b"row"
    await other.claim(0)
    assert set(strange) <= keys(other), "written again, before compaction could remove them"
    assert chunks(other) == {"a": b"one"}


async def test_an_entity_that_returned_and_left_again_outlives_its_tombstone(make_table: MakeTable) -> None:
    table = await owner(make_table)
    for row in (b"one", b"", b"two"):
        await table.write(0, [(f"{ARCHIVE}ada", row)], 10, 0)
    other = make_table()
    other.catch_up()
    assert table.get_record(0, f"{ARCHIVE}ada") == other.get_record(0, f"{ARCHIVE}ada") == b"two"


async def test_pages_of_an_archive_go_through_it_in_order_without_what_is_deleted(make_table: MakeTable) -> None:
    table = await owner(make_table)
    await table.write(0, [(f"{ARCHIVE}{name}", b"row") for name in "edcba"], 10, 0)
    archive = StoredArchive(table, 0)
    del archive["c"]
    assert archive.page("", 2) == [("a", b"row"), ("b", b"row")]
    assert [name for name, _ in archive.page("b", 2)] == ["d", "e"]
    assert archive.page("e", 2) == []
