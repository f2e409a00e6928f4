"""A record is data: whatever lies on a topic, a stage counts it or refuses it before anything changed. No layout or column is named here.

Every layout of `streams.schema.layouts` is found by itself, and so is every reader of it; a new column is mutated from the day it exists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pytest
import zstandard
from numpy.typing import NDArray

from models.state.columns import Columns
from streams.cases.stage import Cases
from streams.clickhouse import rows
from streams.core.errors import BlockLayoutError, MalformedEventError
from streams.schema import blocks, layouts, topics
from streams.schema.blocks import Layout, decode
from streams.schema.cases import Alert, Case
from streams.schema.labels import Label
from streams.schema.layout_check import ANY_NUMBER
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.stage import Groups

KEY = b"the seal key of these tests"
START = 1_790_000_000.0
ROWS = 3
LAYOUTS = [value for value in vars(layouts).values() if isinstance(value, Layout)]
WORDS = ("account", "router:00000000000000aa", "word")
"""The first of these that a text column takes stands in its rows."""


def accounts() -> Accounts:
    return Accounts(0, 2, KEY, {}, shingle_cells=1 << 10)


def stored(topic: str) -> Callable[[bytes], list[rows.TableRows]]:
    def store(value: bytes) -> list[rows.TableRows]:
        found = rows.inserts(topic, [rows.KafkaRecord(topic, 0, 0, START, value)])
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
    "groups": lambda: _first(lambda: Groups(0, 2, KEY)),
    "cases": lambda: _first(Cases),
    "cases, feedback": lambda: _feedback(Cases),
} | {f"store, {topic}": partial(lambda topic: (None, stored(topic)), topic) for topic in rows.STORED}
"""Makes every reader of records anew: its stage, if it has state, and what it does with a record."""


class Sample(NamedTuple):
    """A block of a layout, open for tampering."""

    layout: Layout
    arrays: dict[str, Any]  # of Arrow
    names: Mapping[bytes, bytes]

    def encoded(self, **changed: Any) -> bytes:
        arrays = {**self.arrays, **changed}
        metadata: dict[bytes | str, bytes | str] = {b"layout": self.layout.tag}
        metadata.update(self.names.items())
        schema = pa.schema([pa.field(name, array.type) for name, array in arrays.items()], metadata=metadata)
        return blocks.encode(pa.RecordBatch.from_arrays(list(arrays.values()), schema=schema))


def sample(layout: Layout) -> Sample:
    plain: Mapping[str, NDArray[Any]] = {
        "number": np.zeros(ROWS, np.float32),
        "time": np.full(ROWS, START),
        "offset": np.zeros(ROWS),
        "hash": np.full(ROWS, 0xAA, np.uint64),
        "shingles": np.ones((ROWS, 8), np.uint64),
    }
    columns: dict[str, object] = {name: plain.get(kind) for name, kind in layout.columns.items()}
    for name, kind in layout.columns.items():
        if kind == "text":
            pattern = layout.words.get(name)
            columns[name] = [next(word for word in WORDS if pattern is None or pattern.fullmatch(word))] * ROWS
        if kind == "vector":
            width = layout.widths[name]
            columns[name] = np.zeros((ROWS, width if isinstance(width, int) else 2), np.float32)
    names = {str(width).encode(): b'["one", "two"]' for width in layout.widths.values() if isinstance(width, str)}
    batch = layout.batch(columns)
    return Sample(layout, dict(zip(layout.columns, batch.columns, strict=True)), names)


def plain_mutations(array: Any) -> Iterator[tuple[str, Any]]:
    """Yield what may be wrong with a column of numbers, times or hashes."""
    values = array.to_pylist()
    yield "null", pa.array([None, *values[1:]], array.type)
    if pa.types.is_floating(array.type):
        for word, value in (("infinite", np.inf), ("below", -np.inf), ("huge", 3e38), ("less than all", -3e38), ("unknown", np.nan)):
            yield word, pa.array([value, *values[1:]], array.type)
    yield "of another type", pa.array(["a", "b", "c"])


def text_mutations(array: Any) -> Iterator[tuple[str, Any]]:
    indices, words = array.indices, array.dictionary.to_pylist()
    yield "null", pa.DictionaryArray.from_arrays(pa.array([None, 0, 0], pa.int32()), array.dictionary)
    yield "all null", pa.DictionaryArray.from_arrays(pa.array([None] * ROWS, pa.int32()), array.dictionary)
    yield "null in the dictionary", pa.DictionaryArray.from_arrays(indices, pa.array([None, *words][:1], pa.string()))
    for text in ("", "x" * 100_000, "router:zz", "no colon", "\u202e", "a|b", "\x00", "account"):
        yield text[:10], pa.DictionaryArray.from_arrays(indices, pa.array([text], pa.string()))
    yield "not UTF-8", pa.DictionaryArray.from_arrays(indices, pa.array([b"\xff"], pa.binary()).view(pa.string()), safe=False)
    yield "out of the dictionary", pa.DictionaryArray.from_arrays(pa.array([99] * ROWS, pa.int32()), array.dictionary, safe=False)
    yield "of another type", array.dictionary_decode()


def list_mutations(array: Any, kind: str) -> Iterator[tuple[str, Any]]:
    values = array.to_pylist()
    yield "null", pa.array([None, *values[1:]], array.type)
    yield "null within", pa.array([[None, *values[0][1:]], *values[1:]], array.type)
    yield "of another type", pa.array([[str(value) for value in row] for row in values])
    if kind == "vector":
        yield "ragged", pa.array([values[0][1:], *values[1:]], array.type)
        yield "empty", pa.array([[]] * ROWS, array.type)
        yield "wide", pa.array([[*row, 0.0] for row in values], array.type)
        for word, value in (("infinite", np.inf), ("huge", 3e38), ("unknown", np.nan)):
            yield word, pa.array([[value, *values[0][1:]], *values[1:]], array.type)


def mutations(array: Any, kind: str) -> Iterator[tuple[str, Any]]:
    if kind == "text":
        yield from text_mutations(array)
    elif kind in {"vector", "shingles"}:
        yield from list_mutations(array, kind)
    else:
        yield from plain_mutations(array)


def tampered(layout: Layout) -> Iterator[tuple[str, bytes]]:
    """Yield every block that differs from the sample in one thing."""
    whole = sample(layout)
    for name, kind in layout.columns.items():
        for word, array in mutations(whole.arrays[name], kind):
            yield f"{name} {word}", whole.encoded(**{name: array})
        rest = {key: array for key, array in whole.arrays.items() if key != name}
        yield f"{name} missing", Sample(layout, rest, whole.names).encoded()
        renamed = {("other" if key == name else key): array for key, array in whole.arrays.items()}
        yield f"{name} renamed", Sample(layout, renamed, whole.names).encoded()
    yield "a column more", whole.encoded(more=pa.array([1.0] * ROWS))
    yield "in another order", Sample(layout, dict(reversed(whole.arrays.items())), whole.names).encoded()
    for key in whole.names:
        for value in (
            b"",
            b"[",
            b"null",
            b'"one"',
            b"[1, 2]",
            b'["one"]',
            b'["one", "one"]',
            b'["\\ud800", "two"]',
            b"[" * 100_000,
            b"\xff",
        ):
            yield f"names {key!r} {value[:12]!r}", Sample(layout, whole.arrays, {**whole.names, key: value}).encoded()
        yield f"no names {key!r}", Sample(layout, whole.arrays, {}).encoded()
    good = whole.encoded()
    yield from ((f"cut to {size}", good[:size]) for size in range(0, len(good), 197))
    yield "twice", good[:-8] + good
    rng = np.random.default_rng(1)
    for turn in range(100):
        noise = bytearray(good)
        for place in rng.integers(0, len(noise), int(rng.integers(1, 4))):
            noise[place] = rng.integers(0, 256)
        yield f"noise {turn}", bytes(noise)


def may_be_unknown(what: str, layout: Layout) -> bool:
    name, _, word = what.partition(" ")
    return word in {"unknown", "null", "all null"} and name in layout.columns and name not in layout.known


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
        text, absent = layout.columns.get(name) == "text", word in {"missing", "renamed"} and name not in layout.known
        if name not in layout.columns or not word.startswith(wrong) or (text and may_be_unknown(what, layout)) or absent:
            continue
        assert refused(lambda block: decode(block, layout), value), f"{what} was read"


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_a_column_that_the_writer_did_not_know_is_unknown_and_one_that_the_reader_does_not_know_is_ignored(layout: Layout) -> None:
    whole = sample(layout)
    for name in layout.columns.keys() - layout.known:
        older = Sample(layout, {key: array for key, array in whole.arrays.items() if key != name}, whole.names).encoded()
        block = decode(older, layout)
        assert block.batch.schema.equals(layout.schema)
        kind = layout.columns[name]
        if kind == "text":
            assert block.texts(name) == [None] * ROWS
        elif kind in {"hash", "shingles"}:
            assert not block.hashes(name).any()
        else:
            assert np.isnan(block.vectors(name) if kind == "vector" else block.numbers(name)).all()
    newer = decode(whole.encoded(more=pa.array(["text"] * ROWS).dictionary_encode()), layout)
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
        assert layout.known <= layout.columns.keys()
        assert layout.limits.keys() <= {name for name, kind in layout.columns.items() if kind in {"number", "time", "offset"}}
        assert layout.words.keys() <= {name for name, kind in layout.columns.items() if kind == "text"}
        assert layout.widths.keys() == {name for name, kind in layout.columns.items() if kind == "vector"}
        assert all(low >= ANY_NUMBER[0] for low, _ in layout.limits.values())


# --- labels, and all that is JSON

LABEL = {
    "label_id": "0123",
    "time": START,
    "entity_kind": "case",
    "entity_id": "case-1",
    "verdict": "benign",
    "author": "ada",
    "note": "",
}
MESSAGES = {topics.ALERTS: rows.columns_of(Alert), topics.CASES: rows.columns_of(Case)}
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e18,
    -1e18,
    1e300,
    10**30,
    "",
    "x" * 5_000,
    "\x00",
    [],
    {},
    [[]],
    "2026-11-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
)


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
    for value in (None, b"", b"null", b"[]", b"{}", b"[" * 100_000, b"\xff", orjson.dumps(dict.fromkeys(LABEL, 1e18))):
        for headers in ({}, {"source": None, "reason": None}, {"source": b"\xff" * 500, "reason": b""}):
            for timestamp in (0.0, -1.0, 1e18, START):
                for insert in rows.inserts(topic, [rows.KafkaRecord(topic, 0, 0, timestamp, value, headers)]):
                    assert insert.rows
                    minutes = insert.columns.get("minute", np.zeros(1))
                    assert ((minutes >= 0) & (minutes <= 4_102_444_800)).all()


@pytest.mark.parametrize(("topic", "field"), [(topic, field) for topic in MESSAGES for field in MESSAGES[topic]])
def test_a_field_of_an_alert_or_a_case_with_anything_in_it_is_stored_or_set_aside(topic: str, field: str) -> None:
    for wrong in WRONG:
        value = json.dumps({**dict.fromkeys(MESSAGES[topic], 1), field: wrong}).encode()
        for insert in rows.inserts(topic, [rows.KafkaRecord(topic, 0, 0, START, value)]):
            assert insert.rows == 1


# --- chunks of state


def chunks_of_every_stage() -> dict[str, tuple[Callable[[], Any], dict[str, bytes]]]:
    """Return each stage with state, and its chunks once it has read a block."""
    found: dict[str, tuple[Callable[[], Any], dict[str, bytes]]] = {}
    for name, make, layout in (("accounts", accounts, layouts.REQUESTS), ("groups", lambda: Groups(0, 2, KEY), layouts.GROUPS)):
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
