"""A record is data: whatever lies on a topic, a stage counts it or refuses it before anything changed. No layout or column is named here.

Every layout of `streams.schema.layouts` is found by itself, and so is every reader of it; a new column is mutated from the day it exists.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
import zstandard

from models.state.columns import Columns
from streams.cases.stage import Cases
from streams.clickhouse import rows
from streams.core.errors import BlockLayoutError, MalformedEventError
from streams.schema import layouts, topics
from streams.schema.blocks import Layout, decode
from streams.schema.labels import Label
from streams.schema.layout_check import ANY_NUMBER
from streams.schema.record import Record
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.stage import Groups
from streams.testing.tampering import (
    KINDS,
    LAYOUTS,
    NO_RECORDS,
    SAMPLE_ROWS,
    SAMPLE_TIME_SECONDS,
    WRONG,
    Sample,
    json_sample,
    sample,
    tampered,
    tampered_json,
)

KEY = b"the seal key of these tests"


def accounts() -> Accounts:
    return Accounts(0, 2, KEY, {}, shingle_cells=1 << 10)


def stored(topic: str) -> Callable[[bytes], list[rows.TableRows]]:
    def store(value: bytes) -> list[rows.TableRows]:
        found = rows.inserts(topic, [rows.KafkaRecord(topic, 0, 0, SAMPLE_TIME_SECONDS, value)])
        for column in (column for insert in found for column in insert.columns.values() if column.dtype == object):
            "".join(text for text in column if isinstance(text, str)).encode()  # as a client writes it
        if topic != topics.DEAD_LETTERS and any(insert.table == "dead_letters" for insert in found):
            raise BlockLayoutError("set aside")
        return found

    return store


Door = Callable[[bytes], Any]


def _of_stage(stage: Any, door: Callable[[bytes, int], Any]) -> tuple[Any, Door]:
    return stage, lambda value: door(value, 0)


def _first(make: Callable[[], Any]) -> tuple[Any, Door]:
    stage = make()
    return _of_stage(stage, stage.apply)


def _feedback(make: Callable[[], Any]) -> tuple[Any, Door]:
    stage = make()
    return _of_stage(stage, stage.apply_feedback)


DOORS: dict[str, Callable[[], tuple[Any, Door]]] = {
    "accounts": lambda: _first(accounts),
    "accounts, feedback": lambda: _feedback(accounts),
    "groups": lambda: _first(lambda: Groups(0, 1, KEY)),
    "cases": lambda: _first(Cases),
    "cases, feedback": lambda: _feedback(Cases),
} | {f"store, {topic}": partial(lambda topic: (None, stored(topic)), topic) for topic in rows.STORED}
"""Makes every reader of records anew: its stage, if it has state, and what it does with a record."""


def may_be_unknown(what: str, layout: Layout) -> bool:
    name, _, word = what.partition(" ")
    return word in {"unknown", "null", "all null"} and name in layout.columns and name not in layout.required


def refused(door: Callable[[bytes], Any], value: bytes) -> str:
    """Return why a door refuses a record, nothing when it takes it."""
    try:
        door(value)
    except (BlockLayoutError, MalformedEventError) as error:
        return str(error)
    return ""


def readers(value: bytes) -> list[str]:
    """Return the names of the doors that take a record."""
    return [name for name, make in DOORS.items() if not refused(make()[1], value)]


def by_name(layout: Layout) -> str:
    return layout.name


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_every_layout_has_a_reader_that_takes_its_sample(layout: Layout) -> None:
    assert readers(sample(layout).encoded()), f"nothing reads {layout.name}, or its sample here is refused"


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_a_column_with_a_null_a_wrong_width_type_or_name_or_a_number_beyond_belief_is_refused(layout: Layout) -> None:
    wrong = (
        "null",
        "infinite",
        "below",
        "huge",
        "less",
        "ragged",
        "wide",
        "empty",
        "of another",
        "missing",
        "renamed",
        "not UTF-8",
        "out",
    )
    for what, value in tampered(layout):
        name, _, word = what.partition(" ")
        text, absent = layout.columns.get(name) == "text", word in {"missing", "renamed"} and name not in layout.required
        if name not in layout.columns or not word.startswith(wrong) or (text and may_be_unknown(what, layout)) or absent:
            continue
        assert refused(lambda block: decode(block, layout), value), f"{what} was read"


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_a_column_that_the_writer_did_not_know_is_unknown_and_one_that_the_reader_does_not_know_is_ignored(layout: Layout) -> None:
    whole = sample(layout)
    for name in layout.columns.keys() - layout.required:
        older = Sample(layout, {key: array for key, array in whole.arrays.items() if key != name}, whole.names).encoded()
        block = decode(older, layout)
        assert block.batch.schema.equals(layout.schema)
        kind = layout.columns[name]
        if kind == "text":
            assert block.texts(name) == [None] * SAMPLE_ROWS
        elif kind in {"hash", "shingles"}:
            assert not block.hashes(name).any()
        else:
            assert np.isnan(block.vectors(name) if kind == "vector" else block.numbers(name)).all()
    newer = decode(whole.encoded(more=pa.array(["text"] * SAMPLE_ROWS).dictionary_encode()), layout)
    assert newer.batch.schema.names == list(layout.columns)
    assert newer.batch.equals(decode(whole.encoded(), layout).batch)


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_whatever_is_wrong_with_a_block_no_reader_fails_and_none_changes_by_what_it_refuses(layout: Layout) -> None:
    good, damaged = sample(layout).encoded(), list(tampered(layout))
    for name in readers(good):
        stage, door = DOORS[name]()
        for what, value in damaged:
            if refusal := refused(door, value):
                assert stage is None or not stage.dirty(), f"{name} changed by what it refused: {what}"
                assert len(refusal) < 300
                assert "x" * 100 not in refusal
            else:
                goes_on(stage, door, good, f"{name}: {what}")
                stage, door = DOORS[name]()
        goes_on(stage, door, good, f"{name}: all that it refused")


def goes_on(stage: Any, door: Door, good: bytes, after: str) -> None:
    """Check that a reader takes a good block, and that a stage can write all that it changed."""
    door(good)
    assert stage is None or all(stage.dump(chunk) for chunk in list(stage.dirty())), after


def test_a_block_that_would_take_gigabytes_is_refused_before_anything_is_allocated() -> None:
    many = 1_000_000
    layout = layouts.REQUESTS
    small = sample(layout).arrays
    grown = {name: array.take(pa.array(np.zeros(many, np.int32))) for name, array in small.items() if layout.columns[name] != "shingles"}
    grown["shingles"] = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(8 * many, np.uint64)), 8)
    bomb = Sample(layout, {name: grown[name] for name in layout.columns}, {}).encoded()
    del grown
    assert len(bomb) < 4_000_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(BlockLayoutError, match="1000000 rows"):
        decode(bomb, layout)
    assert pa.default_memory_pool().max_memory() == before


def test_what_the_check_believes_is_what_a_layout_may_say() -> None:
    for layout in LAYOUTS:
        assert layout.required <= layout.columns.keys()
        assert layout.limits.keys() <= {name for name, kind in layout.columns.items() if kind in {"number", "time", "offset"}}
        assert layout.words.keys() <= {name for name, kind in layout.columns.items() if kind == "text"}
        assert layout.widths.keys() == {name for name, kind in layout.columns.items() if kind == "vector"}
        assert all(low >= ANY_NUMBER[0] for low, _ in layout.limits.values())


# --- labels, and all that is JSON

LABEL = {
    "label_id": "0123",
    "time": SAMPLE_TIME_SECONDS,
    "entity_kind": "case",
    "entity_id": "case-1",
    "verdict": "benign",
    "author": "ada",
    "note": "",
}


@pytest.mark.parametrize("field", LABEL)
def test_a_label_with_anything_in_a_field_is_a_label_or_a_dead_letter(field: str) -> None:
    for wrong in WRONG:
        value = json.dumps({**LABEL, field: wrong}).encode()
        with suppress(MalformedEventError):
            assert 0 <= Label.decode(value).time <= 4_102_444_800
        for make in DOORS.values():
            refused(make()[1], value)
    for value in (b"", b"[]", b"{}", b"null", b"NaN", b"[" * 100_000, b"\xff", json.dumps(LABEL).encode()[:-1]):
        with pytest.raises(MalformedEventError):
            Label.decode(value)


@pytest.mark.parametrize("topic", rows.STORED)
def test_the_store_sets_aside_whatever_is_no_message(topic: str) -> None:
    for value in (None, *NO_RECORDS, orjson.dumps(dict.fromkeys(LABEL, 1e18))):
        for headers in ({}, {"source": None, "reason": None}, {"source": b"\xff" * 500, "reason": b""}):
            for timestamp in (0.0, -1.0, 1e18, SAMPLE_TIME_SECONDS):
                for insert in rows.inserts(topic, [rows.KafkaRecord(topic, 0, 0, timestamp, value, headers)]):
                    assert insert.rows
                    minutes = insert.columns.get("minute", np.zeros(1))
                    assert ((minutes >= 0) & (minutes <= 4_102_444_800)).all()


@pytest.mark.parametrize("topic", rows.STORED)
def test_every_stored_topic_has_a_good_record_that_becomes_a_row_of_its_own(topic: str) -> None:
    every = [*(sample(layout).encoded() for layout in LAYOUTS), *map(json_sample, KINDS)]
    tables = {insert.table for value in every for insert in stored_rows(topic, value)}
    assert tables - {"dead_letters", "arrivals"} or topic == topics.DEAD_LETTERS, "name its record in streams/testing/tampering.py"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_json_record_with_anything_in_any_of_its_values_is_one_row_or_one_dead_letter(kind: type[Record]) -> None:
    kind.decode(json_sample(kind))
    for what, value in tampered_json(json_sample(kind)):
        with suppress(MalformedEventError):
            kind.decode(value)
        for topic in rows.STORED:
            inserts = stored_rows(topic, value)
            (insert,) = [each for each in inserts if each.table != "case_items"]  # of those a version has as many as changed
            assert insert.rows == 1, (topic, what)
            assert len(inserts) == 1 or insert.table == "cases", "what is refused leaves nothing behind"
            assert not [name for name, column in insert.columns.items() if column.dtype == np.float64 and abs(column[0]) > 3.5e38], what


def stored_rows(topic: str, value: bytes | None) -> list[rows.TableRows]:
    return rows.inserts(topic, [rows.KafkaRecord(topic, 0, 0, SAMPLE_TIME_SECONDS, value)])


# --- chunks of state


def chunks_of_every_stage() -> dict[str, tuple[Callable[[], Any], dict[str, bytes]]]:
    """Return each stage with state, and its chunks once it has read a block."""
    found: dict[str, tuple[Callable[[], Any], dict[str, bytes]]] = {}
    for name, make, layout in (("accounts", accounts, layouts.REQUESTS), ("groups", lambda: Groups(0, 1, KEY), layouts.GROUPS)):
        stage = make()
        stage.apply(sample(layout).encoded(), 0)
        found[name] = (make, {chunk: stage.dump(chunk) for chunk in list(stage.dirty())})
    cases = Cases()
    cases.apply(sample(layouts.EVIDENCE).encoded(), 0)
    found["cases"] = (Cases, {chunk: cases.dump(chunk) for chunk in list(cases.dirty())})
    return found


def header_and_body(data: bytes) -> tuple[dict[str, Any], bytes]:
    raw = zstandard.decompress(data)
    size = int.from_bytes(raw[:4], "little")
    return json.loads(raw[4 : 4 + size]), raw[4 + size :]


def packed(header: Any, body: bytes) -> bytes:
    head = json.dumps(header).encode()
    return zstandard.compress(len(head).to_bytes(4, "little") + head + body, 1)


CHUNK = Columns("some", {})
CHUNK_FIELDS = tuple(header_and_body(CHUNK.dump("some/0"))[0])
STRANGE: tuple[Any, ...] = (
    None,
    -1,
    1.5,
    True,
    1 << 40,
    1 << 70,
    "x",
    [],
    {},
    [None],
    [[1]],
    ["\ud800"],
    [["a", "O", 1, []]],
    [["a", "f8"]],
    [["a", ",4", 1, []]],
    [["a", "f1", 1, []]],
)


@pytest.mark.parametrize("field", CHUNK_FIELDS)
def test_a_chunk_of_state_with_anything_in_a_field_starts_cold_and_nothing_fails(field: str) -> None:
    for name, (make, chunks) in chunks_of_every_stage().items():
        for chunk, data in chunks.items():
            if not data.startswith(b"\x28\xb5\x2f\xfd") or name == "cases":
                continue
            header, body = header_and_body(data)
            strange = [packed({**header, field: value}, body) for value in STRANGE if value != header[field]]
            for value in (*strange, packed({key: header[key] for key in header if key != field}, body), packed(header, body[:-1])):
                loads_cold(make, chunk, value)


def test_a_chunk_whose_columns_have_another_type_or_shape_or_whose_number_is_absurd_starts_cold() -> None:
    for name, (make, chunks) in chunks_of_every_stage().items():
        for chunk, data in chunks.items():
            room = chunk.partition("/")[0]
            for absurd in (f"{room}/{1 << 40}", f"{room}/-1", f"{room}/x", f"{room}/", f"{room}/1000000"):
                if name != "cases" and data.startswith(b"\x28\xb5\x2f\xfd"):  # a case's chunks are named by side, a sealed model alone
                    loads_cold(make, absurd, data)
            for value in (b"", b"noise", data[:-1], data[: len(data) // 2], bytes(len(data)), zstandard.compress(b"[]"), bomb()):
                loads_cold(make, chunk, value)


@cache
def bomb() -> bytes:
    return zstandard.compress(bytes(1 << 30 >> 1), 1)


def loads_cold(make: Callable[[], Any], chunk: str, value: bytes) -> None:
    stage = make()
    stage.load([(chunk, value)])
    assert stage.counters()["cold_chunks"] >= 1, (chunk, value[:40])
