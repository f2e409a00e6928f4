"""Kafka records as ClickHouse columns: pure functions of decoded blocks and JSON.

Text columns become arrays of str ('' unknown), hashes uint64 (0 unknown), times int64 milliseconds. Numbers that may be unknown travel
as float32 with NaN in a column `sent_<name>`, which the table turns into NULL. No column could store a prompt.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, get_type_hints

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from streams.core.errors import BlockLayoutError, MalformedEventError
from streams.core.typed_json import read_json
from streams.schema import blocks, layouts, topics
from streams.schema.actions import Action, EnforcementDecision
from streams.schema.case_changes import taken_apart
from streams.schema.cases import Alert, Case
from streams.schema.dead_letters import DeadLetter
from streams.schema.event import MAX_TIME_SECONDS
from streams.schema.labels import Label
from streams.schema.record import Record
from streams.schema.reports import ArrivalCount, DeadLetterCount

Array = NDArray[Any]
Rows = Mapping[str, dict[str, Array]]
"""Columns by table."""
_MAX_FIGURE: Final = float(np.finfo(np.float32).max)
_MAX_CODE_BYTES: Final = 64  # reasons and sources are short words of ours


@dataclass(frozen=True)
class KafkaRecord:
    """One Kafka record, as the store stage reads it."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    """Seconds since 1970, from Kafka."""
    value: bytes | None
    """None is a tombstone: nothing is stored for it."""
    headers: Mapping[str, bytes | None] = field(default_factory=dict)
    refused: str = ""
    """Reason for which its signature was refused: the record becomes a dead letter."""
    requests: blocks.Block | None = None
    """The block of requests that `value` is, without rows that become none here (repetitions, unbelievable times); None: not read yet."""


@dataclass(frozen=True)
class TableRows:
    """Columns of one length for one table."""

    table: str
    columns: Mapping[str, Array]

    @property
    def rows(self) -> int:
        """Count the rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0


def inserts(topic: str, records: Sequence[KafkaRecord]) -> list[TableRows]:
    """Return the rows of these records of one topic; a refused or unreadable record becomes a dead letter.

    Requests are also counted by minute and feed. The same records give the same columns.
    """
    refused_records: Counter[tuple[int, str, str]] = Counter()
    arrived: Counter[tuple[int, str]] = Counter()
    convert = _TABLES[topic]
    parts: dict[str, list[dict[str, Array]]] = {}
    for record in records:
        if record.value is None:
            continue
        if record.refused:
            refused_records[_minute(record), topic, record.refused] += 1
            continue
        try:
            columns = convert(record)
        except BlockLayoutError:
            refused_records[_minute(record), topic, "layout"] += 1
            continue
        for table, rows in columns.items():
            parts.setdefault(table, []).extend([rows] if rows else [])
        if topic == topics.REQUESTS:
            arrived[_minute(record), _word(record, "source")] += len(columns["requests"]["time"])
    joined = [_joined(table, rows) for table, rows in parts.items()]
    return [insert for insert in (*joined, arrivals(arrived), dead_letters(refused_records)) if insert.rows]


def set_aside(record: KafkaRecord, reason: str) -> TableRows:
    """Return the dead letter of one record."""
    return dead_letters({(_minute(record), record.topic, reason): 1})


def own_dead_letters(insert: TableRows) -> int:
    """Return how many of the rows for `dead_letters` come from the store stage itself; `collect` counts its own."""
    if insert.table != "dead_letters":
        return 0
    ours = np.isin(insert.columns["source"].astype(str), STORED)
    return int(insert.columns["count"][ours].sum())


def dead_letters(counts: Mapping[tuple[int, str, str], int]) -> TableRows:
    """Return the rows of counted dead letters, by minute (epoch seconds), source and reason."""
    rows = [DeadLetterCount(minute, source, reason, counts[minute, source, reason]) for minute, source, reason in sorted(counts)]
    return insert_of("dead_letters", rows)


def arrivals(counts: Mapping[tuple[int, str], int]) -> TableRows:
    """Return the rows of counted events, by minute (epoch seconds) and feed."""
    return insert_of("arrivals", [ArrivalCount(minute, feed, events) for (minute, feed), events in sorted(counts.items()) if events])


def insert_of(table: str, rows: Sequence[Record]) -> TableRows:
    """Return records of one type as the columns of their table."""
    if not rows:
        return TableRows(table, {})
    columns = columns_of(type(rows[0]))
    return TableRows(
        table,
        {column.name: _array_of([column.convert(getattr(row, name)) for row in rows], column.dtype) for name, column in columns.items()},
    )


def _array_of(values: list[Any], dtype: type) -> Array:
    return _texts(values) if dtype is object else np.array(values, dtype)


def _joined(table: str, parts: Sequence[Mapping[str, Array]]) -> TableRows:
    if not parts:
        return TableRows(table, {})
    joined = TableRows(table, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    return _counted(joined) if table == "dead_letters" else joined


def _counted(refused_records: TableRows) -> TableRows:
    counts = Counter(zip(*(refused_records.columns[name].tolist() for name in ("minute", "source", "reason")), strict=True))
    return dead_letters(counts)


def _minute(record: KafkaRecord) -> int:
    """Return the minute of a record (epoch seconds). Its sender chooses the time: an impossible one becomes 1970."""
    return int(record.timestamp // 60) * 60 if 0 <= record.timestamp <= MAX_TIME_SECONDS else 0


def _word(record: KafkaRecord, header: str) -> str:
    return (record.headers.get(header) or b"unknown")[:_MAX_CODE_BYTES].decode("utf-8", "replace")


def _texts(values: Iterable[str]) -> Array:
    words = list(values)
    array = np.empty(len(words), object)
    array[:] = words
    return array


# --- blocks


def _request(record: KafkaRecord) -> dict[str, Array]:
    block = blocks.decode(record.value or b"", layouts.REQUESTS) if record.requests is None else record.requests
    return {sent_name(name, block.layout): _column(block, name) for name in block.layout.columns}


def _score(record: KafkaRecord) -> dict[str, Array]:
    block = blocks.decode(record.value or b"", layouts.SCORES)
    plain = {name: _column(block, name) for name, kind in block.layout.columns.items() if kind != "vector"}
    families, features = block.names("families"), block.names("features")
    return {
        **plain,
        "family_names": _texts([",".join(families)] * len(block)),
        "family_values": _packed(block, "families", len(families)),
        "feature_names": _texts([",".join(features)] * len(block)),
        "feature_values": _packed(block, "features", len(features)),
        "nat_values": _packed(block, "nats", len(features)),
    }


def _shadow(record: KafkaRecord) -> dict[str, Array]:
    block = blocks.decode(record.value or b"", layouts.SHADOW)
    return {name: _column(block, name) for name in block.layout.columns}


def _column(block: blocks.Block, name: str) -> Array:
    kind = block.layout.columns[name]
    if kind == "text":
        return _texts([*block.words(name), ""])[block.codes(name)]  # code -1, unknown, takes the last
    if kind == "hash":
        return block.hashes(name)
    if kind == "shingles":
        return _rows_as_bytes(block.hashes(name))
    if name == "time":
        return np.rint(np.nan_to_num(block.numbers(name)) * 1000).astype(np.int64)
    return block.numbers(name)


def _packed(block: blocks.Block, name: str, width: int) -> Array:
    if not len(block):
        return _texts([])
    matrix = block.vectors(name)
    if matrix.shape[1] != width:
        raise BlockLayoutError(f"a scores block has {matrix.shape[1]} {name} for {width} names")
    return _rows_as_bytes(matrix)


def _rows_as_bytes(matrix: Array) -> Array:
    data, width = matrix.tobytes(), matrix.shape[1] * matrix.itemsize
    rows = np.empty(len(matrix), object)
    rows[:] = [data[start : start + width] for start in range(0, len(data), width)] if width else [b""] * len(matrix)
    return rows


@cache
def sent_name(name: str, layout: blocks.Layout) -> str:
    """Return the column in which a column of `requests` is sent: `sent_<name>` where its table turns unknown into NULL."""
    kind = layout.columns[name]
    nullable = kind in {"number", "shingles"} or (kind == "time" and name not in layout.required)
    return f"sent_{name}" if nullable else name


# --- JSON: the columns of a record are its fields


@dataclass(frozen=True)
class RecordColumn:
    """How a field of a record becomes a column."""

    name: str
    """In the table's insert statement."""
    annotation: Any
    """Its type on the topic. A nested record is stored unchanged, so that a newer writer's fields are kept."""
    dtype: type
    convert: Callable[[Any], Any] = lambda value: value
    default: Any = field(default_factory=msgspec.field)
    """The field of a struct that says what it is when an older writer leaves it out."""


@cache
def columns_of(record: type[Record]) -> dict[str, RecordColumn]:
    """Return the columns of a record's table, by name, in the order of its fields."""
    hints = get_type_hints(record, include_extras=True)
    fields = msgspec.inspect.type_info(record)
    if not isinstance(fields, msgspec.inspect.StructType):
        raise TypeError(record)
    return {part.name: replace(_column_of(part.name, part.type, hints[part.name]), default=_default(part)) for part in fields.fields}


def _default(part: msgspec.inspect.Field) -> Any:
    """Return the declaration of a struct's field by its default, if it has one."""
    if part.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=part.default_factory)
    return msgspec.field() if part.default is msgspec.NODEFAULT else msgspec.field(default=part.default)


def _column_of(name: str, kind: msgspec.inspect.Type, annotation: Any) -> RecordColumn:
    extra: Mapping[str, object] = {}
    if isinstance(kind, msgspec.inspect.Metadata):
        extra, kind = kind.extra or {}, kind.type
    match kind:
        case msgspec.inspect.StructType():
            return RecordColumn(name, msgspec.Raw, object, lambda value: bytes(value).decode())
        case msgspec.inspect.StrType() | msgspec.inspect.LiteralType() | msgspec.inspect.UnionType():
            return RecordColumn(name, annotation, object)
        case msgspec.inspect.FloatType() if extra.get("moment"):
            return RecordColumn(name, annotation, np.int64, _milliseconds)
        case msgspec.inspect.FloatType():
            return RecordColumn(name, float | None, np.float64, _figure)
        case msgspec.inspect.BoolType() | msgspec.inspect.IntType():
            whole = np.int64 if extra.get("signed") else np.uint64
            return RecordColumn(name, annotation, whole if isinstance(kind, msgspec.inspect.IntType) else np.bool_)
        case msgspec.inspect.DictType():
            return RecordColumn(f"sent_{name}", annotation, object, lambda value: orjson.dumps(value).decode())
    raise TypeError(kind)


def _figure(value: float | None) -> float:
    if value is not None and abs(value) > _MAX_FIGURE:  # its column would hold infinity
        raise ValueError
    return math.nan if value is None else value


def _milliseconds(seconds: float) -> int:
    if not 0 <= seconds <= MAX_TIME_SECONDS:
        raise ValueError
    return round(seconds * 1000)


def _message(record: type[Record]) -> Callable[[KafkaRecord], dict[str, Array]]:
    columns = columns_of(record)
    fields = [(name, column.annotation, column.default) for name, column in columns.items()]
    stored = msgspec.defstruct(f"Stored{record.__name__}", fields, kw_only=True)

    def convert(message: KafkaRecord) -> dict[str, Array]:
        try:
            row = read_json(message.value or b"", stored)
            return {column.name: _array_of([column.convert(getattr(row, name))], column.dtype) for name, column in columns.items()}
        except (ValueError, OverflowError) as error:  # of a number that no column holds, too
            raise BlockLayoutError(f"a message of {message.topic} lacks a field, or a field has the wrong type") from error

    return convert


def _dead_letter(record: KafkaRecord) -> dict[str, Array]:
    letter = DeadLetter.from_headers(record.headers)
    return dict(dead_letters({(_minute(record), letter.source[:_MAX_CODE_BYTES], letter.reason[:_MAX_CODE_BYTES]): 1}).columns)


def _case(record: KafkaRecord) -> Rows:
    try:
        head, items = taken_apart(record.value or b"")
        lists = dict(insert_of("case_items", items).columns)
    except (ValueError, OverflowError, MalformedEventError) as error:
        raise BlockLayoutError("a record is no version of a case, or a list of it has the wrong type") from error
    return {"case_items": lists, "cases": _CASE(replace(record, value=head))}  # a head never stands without what it says of lists


def _only(table: str, convert: Callable[[KafkaRecord], dict[str, Array]]) -> Callable[[KafkaRecord], Rows]:
    return lambda record: {table: convert(record)}


_CASE: Final = _message(Case)
_TABLES: Final[Mapping[str, Callable[[KafkaRecord], Rows]]] = {
    topics.REQUESTS: _only("requests", _request),
    topics.SCORES: _only("scores", _score),
    topics.SHADOW: _only("shadow_scores", _shadow),
    topics.ALERTS: _only("alerts", _message(Alert)),
    topics.CASES: _case,
    topics.LABELS: _only("labels", _message(Label)),
    topics.ACTIONS: _only("actions", _message(Action)),
    topics.ENFORCEMENT: _only("enforcement", _message(EnforcementDecision)),
    topics.DEAD_LETTERS: _only("dead_letters", _dead_letter),
}
"""What a topic's records become: rows of tables, in the order in which they are written."""

STORED: Final = tuple(_TABLES)
"""The topics that the store stage reads."""
