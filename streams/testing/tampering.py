"""Records that differ from a good one in one thing: what a hostile or a broken sender may put onto a topic.

Each column of a layout and each value of a JSON record is changed by itself, so that a new one is attacked from the day it exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.schema import blocks, layouts
from streams.schema.actions import Action, EnforcementDecision
from streams.schema.arrow_columns import to_numpy_column
from streams.schema.blocks import Layout
from streams.schema.cases import Alert, Case
from streams.schema.erasures import ErasureReport
from streams.schema.labels import Label, label_id
from streams.schema.record import Record

SAMPLE_TIME_SECONDS: Final = 1_790_000_000.0
"""Time of a sample's rows, epoch seconds."""
SAMPLE_ROWS: Final = 3
"""Rows of a sample."""
LAYOUTS: Final = [value for value in vars(layouts).values() if isinstance(value, Layout)]
"""Every layout of the schema."""
WORDS: Final = ("account", "router:00000000000000aa", "word")
"""The first of these that a text column takes stands in a sample's rows."""
KINDS: Final[Mapping[type[Record], Mapping[str, object]]] = {
    Alert: {},
    Case: {},
    Label: {"label_id": label_id("account", "account", "ada"), "entity_kind": "account", "entity_id": "account", "verdict": "benign",
            "author": "ada", "signer": "analyst", "reason": ""},
    Action: {"action_id": "0" * 32, "author": "ada", "signer": "analyst"},
    EnforcementDecision: {"decision_id": "0" * 16, "state": "proposed", "measure": "step_up", "step": "L1", "rate": 0.0, "author": "ada",
                          "starts": SAMPLE_TIME_SECONDS, "expires": SAMPLE_TIME_SECONDS + 60.0, "signer": "analyst"},
    ErasureReport: {},
}  # fmt: skip
"""Every record that travels as JSON, and what its types do not say of a good one."""
WRONG: Final[tuple[Any, ...]] = (
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
"""What stands in for a value of a JSON record."""
NO_RECORDS: Final = (b"", b"null", b"[]", b"{}", b"NaN", b"[" * 100_000, b'{"a": ' * 100_000, b"\xff" * 100, bytes(1 << 20))
"""Values that are nothing of ours at all."""
_NOT_NAMES: Final = (
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
)
_NOT_FOLDS: Final = (
    *_NOT_NAMES,
    b"{}",
    b'{"number": "requests"}',
    b'{"number": []}',
    b'{"number": [1]}',
    b'{"number": ["one", "one"]}',
    b'{"vector": ["own"]}',
    b'{"other": ["one"]}',
)
_CUT_EVERY_BYTES: Final = 197
_NOISY_BLOCKS: Final = 100


ArrowArray = Any
"""An array of Arrow: its stubs do not know that one may be taken with another."""


class Sample(NamedTuple):
    """A block of a layout, open for tampering."""

    layout: Layout
    arrays: dict[str, ArrowArray]
    names: Mapping[bytes, bytes]

    def encoded(self, **changed: Any) -> bytes:
        """Return the block as bytes, with these columns in place of its own."""
        arrays = {**self.arrays, **changed}
        metadata: dict[bytes | str, bytes | str] = {b"layout": self.layout.tag}
        metadata.update(self.names.items())
        schema = pa.schema([pa.field(name, array.type) for name, array in arrays.items()], metadata=metadata)
        return blocks.encode(pa.RecordBatch.from_arrays(list(arrays.values()), schema=schema))

    def folded(self) -> pa.RecordBatch:
        """Return the block as a folded batch (`streams.schema.folded`)."""
        fold, kinds = self.layout.fold, self.layout.columns
        columns = {name: to_numpy_column(array, kinds[name]) for name, array in self.arrays.items() if kinds[name] != "vector"}
        return fold.fold(columns, self.arrays, {b"layout": self.layout.tag, **self.names})

    def without_rows(self) -> Sample:
        """Return the same block, with no row."""
        return self._replace(arrays={name: array[:0] for name, array in self.arrays.items()})


def sample(layout: Layout) -> Sample:
    """Return a good block of a layout."""
    plain: Mapping[str, NDArray[Any]] = {
        "number": np.zeros(SAMPLE_ROWS, np.float32),
        "time": np.full(SAMPLE_ROWS, SAMPLE_TIME_SECONDS),
        "offset": np.zeros(SAMPLE_ROWS),
        "hash": np.full(SAMPLE_ROWS, 0xAA, np.uint64),
        "shingles": np.ones((SAMPLE_ROWS, 8), np.uint64),
    }
    columns: dict[str, object] = {name: plain.get(kind) for name, kind in layout.columns.items()}
    for name, kind in layout.columns.items():
        if kind == "text":
            pattern = layout.words.get(name)
            columns[name] = [next(word for word in WORDS if pattern is None or pattern.fullmatch(word))] * SAMPLE_ROWS
        if kind == "vector":
            width = layout.widths[name]
            columns[name] = np.zeros((SAMPLE_ROWS, width if isinstance(width, int) else 2), np.float32)
    names = {str(width).encode(): b'["one", "two"]' for width in layout.widths.values() if isinstance(width, str)}
    batch = layout.batch(columns)
    return Sample(layout, dict(zip(layout.columns, batch.columns, strict=True)), names)


def tampered(layout: Layout) -> Iterator[tuple[str, bytes]]:
    """Yield every block that differs from a layout's sample in one thing, each with what that is: `<column> <word>` for a column."""
    whole = sample(layout)
    for name, kind in layout.columns.items():
        for word, array in _mutations(whole.arrays[name], kind):
            yield f"{name} {word}", whole.encoded(**{name: array})
        rest = {key: array for key, array in whole.arrays.items() if key != name}
        yield f"{name} missing", Sample(layout, rest, whole.names).encoded()
        renamed = {("other" if key == name else key): array for key, array in whole.arrays.items()}
        yield f"{name} renamed", Sample(layout, renamed, whole.names).encoded()
    yield "a column more", whole.encoded(more=pa.array([1.0] * SAMPLE_ROWS))
    yield "in another order", Sample(layout, dict(reversed(whole.arrays.items())), whole.names).encoded()
    for key in whole.names:
        for value in _NOT_NAMES:
            wrong = Sample(layout, whole.arrays, {**whole.names, key: value})
            yield f"names {key!r} {value[:12]!r}", wrong.encoded()
            yield f"names {key!r} {value[:12]!r} without rows", wrong.without_rows().encoded()
        yield f"no names {key!r}", Sample(layout, whole.arrays, {}).encoded()
    yield "no rows", whole.without_rows().encoded()
    yield from tampered_folds(layout)
    yield from _noisy(whole.encoded())


def tampered_folds(layout: Layout) -> Iterator[tuple[str, bytes]]:
    """Yield every folded block that differs from a layout's sample in one thing, each with what that is."""
    batch = sample(layout).folded()
    for position, kind in enumerate(layout.fold.names):
        for word, array in _fold_mutations(batch.column(position), kind):
            changed = [array if place == position else batch.column(place) for place in range(batch.num_columns)]
            fields = [pa.field(name, column.type) for name, column in zip(batch.schema.names, changed, strict=True)]
            schema = pa.schema(fields).with_metadata(batch.schema.metadata)
            yield f"fold of {kind}: {word}", blocks.encode(pa.RecordBatch.from_arrays(changed, schema=schema))
    for value in _NOT_FOLDS:
        yield f"fold {value[:12]!r}", blocks.encode(batch.replace_schema_metadata({**batch.schema.metadata, b"folded": value}))
    yield from ((f"fold, {what}", value) for what, value in _noisy(blocks.encode(batch)))


def _fold_mutations(lists: Any, kind: str) -> Iterator[tuple[str, Any]]:
    """Yield what may be wrong with all columns of a kind."""
    width, values = lists.type.list_size, lists.values
    flat = values.to_pylist()
    yield "null", pa.array([None, *lists.to_pylist()[1:]], lists.type)
    yield "one column more", pa.FixedSizeListArray.from_arrays(pa.concat_arrays([values, values[:SAMPLE_ROWS]]), width + 1)
    if kind == "text":
        codes, words = values.indices, values.dictionary
        yield "null among the words", _lists(codes, pa.array([None, *words.to_pylist()[1:]], pa.string()), width)
        yield "no words", _lists(codes, pa.array([], pa.string()), width)
        yield "not UTF-8", _lists(codes, pa.array([b"\xff"] * len(words), pa.binary()).view(pa.string()), width)
        if width > 1:
            everywhere = pa.array([0] * width + [len(words) - 1] * (len(codes) - width), pa.int32())
            yield "all words in each column", _lists(everywhere, words, width)
        yield "all null", _lists(pa.array([None] * len(codes), pa.int32()), words, width)
        yield "out of the dictionary", _lists(pa.array([99] * len(codes), pa.int32()), words, width)
        yield "below the dictionary", _lists(pa.array([-7] * len(codes), pa.int32()), words, width)
        return
    yield "null within", pa.FixedSizeListArray.from_arrays(pa.array([None, *flat[1:]], values.type), width)
    yield "of another type", pa.FixedSizeListArray.from_arrays(pa.array(list(map(str, flat))), width)
    if pa.types.is_floating(values.type):
        for word, value in (("infinite", np.inf), ("below", -np.inf), ("huge", 3e38)):
            yield word, pa.FixedSizeListArray.from_arrays(pa.array([value, *flat[1:]], values.type), width)


def _lists(codes: Any, words: Any, width: int) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.DictionaryArray.from_arrays(codes, words, safe=False), width)


def _noisy(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a good block that is cut, doubled, or changed in some bytes."""
    yield from ((f"cut to {size}", good[:size]) for size in range(0, len(good), _CUT_EVERY_BYTES))
    yield "twice", good[:-8] + good
    rng = np.random.default_rng(1)
    for turn in range(_NOISY_BLOCKS):
        noise = bytearray(good)
        for place in rng.integers(0, len(noise), int(rng.integers(1, 4))):
            noise[place] = rng.integers(0, 256)
        yield f"noise {turn}", bytes(noise)


def json_sample(kind: type[Record]) -> bytes:
    """Return a good record of one of KINDS, in which every field, list and mapping has something."""
    return json.dumps({**_good(msgspec.inspect.type_info(kind)), **KINDS[kind]}).encode()


_PLAIN: Final[Mapping[type[msgspec.inspect.Type], Any]] = {
    msgspec.inspect.BoolType: True,
    msgspec.inspect.IntType: 1,
    msgspec.inspect.FloatType: 1,
}


def _fields(kind: msgspec.inspect.StructType) -> list[msgspec.inspect.Field]:
    """Return the fields that are written today."""
    none = msgspec.NODEFAULT
    return [field for field in kind.fields if field.required or (field.default, field.default_factory) != (none, none)]


def _good(kind: msgspec.inspect.Type) -> Any:
    inspect = msgspec.inspect
    match kind:
        case inspect.Metadata():
            return SAMPLE_TIME_SECONDS if (kind.extra or {}).get("moment") else _good(kind.type)
        case inspect.UnionType():
            return _good(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.StructType():
            return {field.name: _good(field.type) for field in _fields(kind)}
        case inspect.ListType():
            return [_good(kind.item_type)]
        case inspect.DictType():
            return {"account": _good(kind.value_type)}
    return kind.values[0] if isinstance(kind, inspect.LiteralType) else _PLAIN.get(type(kind), "account")


def tampered_json(record: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every JSON record in which one value, at any depth, is another or missing, each with its path and what stands there.

    >>> [what for what, _ in tampered_json(b'{"a": [1]}')][:2]
    ['a None', 'a True']
    """
    whole = json.loads(record)
    for path in _paths(whole):
        name = "/".join(map(str, path))
        for wrong in WRONG:
            yield f"{name} {str(wrong)[:20]}", json.dumps(_with(whole, path, wrong)).encode()
        yield f"{name} missing", json.dumps(_without(whole, path)).encode()
    yield from ((f"cut to {size}", record[:size]) for size in range(0, len(record), _CUT_EVERY_BYTES))


Path = tuple[str | int, ...]


def _paths(value: Any, before: Path = ()) -> Iterator[Path]:
    """Yield where each value stands, the first item of each list for all of it."""
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value[:1]))
    for key, part in inside:
        yield (*before, key)
        yield from _paths(part, (*before, key))


def _with(value: Any, path: Path, wrong: Any) -> Any:
    if not path:
        return wrong
    changed = value.copy()
    changed[path[0]] = _with(value[path[0]], path[1:], wrong)
    return changed


def _without(value: Any, path: Path) -> Any:
    changed = value.copy()
    if len(path) > 1:
        changed[path[0]] = _without(value[path[0]], path[1:])
    else:
        del changed[path[0]]
    return changed


def _mutations(array: Any, kind: str) -> Iterator[tuple[str, Any]]:
    if kind == "text":
        yield from _text_mutations(array)
    elif kind in {"vector", "shingles"}:
        yield from _list_mutations(array, kind)
    else:
        yield from _plain_mutations(array)


def _plain_mutations(array: Any) -> Iterator[tuple[str, Any]]:
    """Yield what may be wrong with a column of numbers, times or hashes."""
    values = array.to_pylist()
    yield "null", pa.array([None, *values[1:]], array.type)
    if pa.types.is_floating(array.type):
        for word, value in (("infinite", np.inf), ("below", -np.inf), ("huge", 3e38), ("less than all", -3e38), ("unknown", np.nan)):
            yield word, pa.array([value, *values[1:]], array.type)
    yield "of another type", pa.array(["a", "b", "c"])


def _text_mutations(array: Any) -> Iterator[tuple[str, Any]]:
    indices, words = array.indices, array.dictionary.to_pylist()
    yield "null", pa.DictionaryArray.from_arrays(pa.array([None, 0, 0], pa.int32()), array.dictionary)
    yield "all null", pa.DictionaryArray.from_arrays(pa.array([None] * SAMPLE_ROWS, pa.int32()), array.dictionary)
    yield "null in the dictionary", pa.DictionaryArray.from_arrays(indices, pa.array([None, *words][:1], pa.string()))
    for text in ("", "x" * 100_000, "router:zz", "no colon", "\u202e", "a|b", "\x00", "account"):
        yield text[:10], pa.DictionaryArray.from_arrays(indices, pa.array([text], pa.string()))
    yield "not UTF-8", pa.DictionaryArray.from_arrays(indices, pa.array([b"\xff"], pa.binary()).view(pa.string()), safe=False)
    yield "out of the dictionary", pa.DictionaryArray.from_arrays(pa.array([99] * SAMPLE_ROWS, pa.int32()), array.dictionary, safe=False)
    yield "of another type", array.dictionary_decode()


def _list_mutations(array: Any, kind: str) -> Iterator[tuple[str, Any]]:
    values = array.to_pylist()
    yield "null", pa.array([None, *values[1:]], array.type)
    yield "null within", pa.array([[None, *values[0][1:]], *values[1:]], array.type)
    yield "of another type", pa.array([[str(value) for value in row] for row in values])
    if kind == "vector":
        yield "ragged", pa.array([values[0][1:], *values[1:]], array.type)
        yield "empty", pa.array([[]] * SAMPLE_ROWS, array.type)
        yield "wide", pa.array([[*row, 0.0] for row in values], array.type)
        for word, value in (("infinite", np.inf), ("huge", 3e38), ("unknown", np.nan)):
            yield word, pa.array([[value, *values[0][1:]], *values[1:]], array.type)
