"""The table of chunks: what is recovered, what is refused, and whose it is."""

from __future__ import annotations

import hmac
from types import SimpleNamespace
from typing import Any

import pytest

from streams.telemetry.metrics import METRICS, Metric
from streams.worker.table import ARCHIVE, CHUNK, Archive, ChunkTable

KEY = b"the seal key of these tests"


def recovered(partition: int, name: str, data: bytes, offset: int, seal_key: bytes = KEY) -> Any:
    """Return a changelog event as Faust's recovery hands it over."""
    key = f"{partition}/{name}".encode()
    value = offset.to_bytes(8, "big", signed=True) + data
    return event(partition, key, value + hmac.digest(seal_key, key + value, "sha256")[:16])


def event(partition: int, key: bytes | None, value: bytes | None) -> Any:
    return SimpleNamespace(key=key, value=value, message=SimpleNamespace(partition=partition, key=key, value=value))


def test_a_partition_sees_its_own_chunks_only(table: ChunkTable) -> None:
    table.apply_changelog_batch([recovered(1, f"{CHUNK}a", b"one", 3), recovered(11, f"{CHUNK}a", b"eleven", 4)])
    assert list(table.records(1, CHUNK)) == [("a", b"one", 3)]
    assert list(table.records(11, CHUNK)) == [("a", b"eleven", 4)]


def test_the_archive_is_not_among_the_chunks(table: ChunkTable) -> None:
    table.apply_changelog_batch([recovered(0, f"{CHUNK}a", b"chunk", 3), recovered(0, f"{ARCHIVE}a", b"entity", 3)])
    assert list(table.records(0, CHUNK)) == [("a", b"chunk", 3)]
    assert dict(Archive(table, 0)) == {"a": b"entity"}


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
    archive = Archive(table, 0)
    table.apply_changelog_batch([recovered(0, f"{ARCHIVE}old", b"entity", 3)])
    archive["new"] = b"fresh"
    del archive["old"]
    assert archive["new"] == b"fresh"
    assert "old" not in archive
    assert list(archive) == ["new"]


def test_an_entity_archived_again_while_its_record_is_written_stays_fresh(table: ChunkTable) -> None:
    archive = Archive(table, 0)
    archive["a"] = b"one"
    taken = archive.take()
    archive["a"] = b"two"
    archive.written(taken)
    assert archive.take() == [(f"{ARCHIVE}a", b"two")]
