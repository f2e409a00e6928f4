"""What a record becomes in ClickHouse: pure functions from decoded blocks and JSON to columns.

Text columns become arrays of str ('' unknown), hashes uint64 (0 unknown), times int64 milliseconds. Numbers that may be unknown travel
as float32 with NaN in a column `sent_<name>`, which the table turns into NULL. There is no column that could hold a prompt.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from streams.core.errors import BlockLayoutError
from streams.schema import blocks, topics
from streams.schema.event import LATEST
from streams.schema.labels import SPLIT, VERDICTS

Array = NDArray[Any]
_STEPS: Final = ("open", "update", "resolved")
_LONGEST_CODE: Final = 64  # a reason or a source is a word of ours; anything longer is not


@dataclass(frozen=True)
class Record:
    """One Kafka record, as the store stage reads it."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    """Seconds since 1970, from Kafka."""
    value: bytes | None
    """None is a tombstone: it stores nothing."""
    headers: Mapping[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Insert:
    """Columns of one length for one table."""

    table: str
    columns: Mapping[str, Array]

    @property
    def rows(self) -> int:
        """Count the rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0


def inserts(topic: str, records: Sequence[Record]) -> list[Insert]:
    """Return what these records of one topic become; a record that cannot be read becomes a dead letter of reason `layout`.

    Requests are also counted by minute and feed. The same records give the same columns.
    """
    letters: Counter[tuple[int, str, str]] = Counter()
    arrived: Counter[tuple[int, str]] = Counter()
    table, convert = _TABLES[topic]
    parts: list[dict[str, Array]] = []
    for record in records:
        if record.value is None:
            continue
        try:
            parts.append(convert(record))
        except BlockLayoutError:
            letters[_minute(record), topic, "layout"] += 1
            continue
        if topic == topics.REQUESTS:
            arrived[_minute(record), _word(record, "source")] += len(parts[-1]["time"])
    return [made for made in (_joined(table, parts), arrivals(arrived), dead_letters(letters)) if made.rows]


def set_aside(record: Record, reason: str) -> Insert:
    """Return the dead letter of one record."""
    return dead_letters({(_minute(record), record.topic, reason): 1})


def set_aside_by_us(insert: Insert) -> int:
    """Count the dead letters of the store stage itself among rows for `dead_letters`; those of `collect` were counted there."""
    if insert.table != "dead_letters":
        return 0
    ours = np.isin(insert.columns["source"].astype(str), STORED)
    return int(insert.columns["count"][ours].sum())


def health(samples: Sequence[tuple[datetime, str, str, str, Mapping[str, str], float]]) -> Insert:
    """Return the rows of a registry's samples: time, process, instance, metric, labels, value (`metrics.Registry.rows`)."""
    columns = {
        "time": np.array([round(time.timestamp() * 1000) for time, *_ in samples], np.int64),
        "process": _texts(process for _, process, *_ in samples),
        "instance": _texts(instance for _, _, instance, *_ in samples),
        "metric": _texts(metric for _, _, _, metric, *_ in samples),
        "sent_labels": _texts(orjson.dumps(labels).decode() for *_, labels, _ in samples),
        "value": np.array([value for *_, value in samples], np.float64),
    }
    return Insert("health", columns)


def dead_letters(counts: Mapping[tuple[int, str, str], int]) -> Insert:
    """Return the rows of counted dead letters, by minute (epoch seconds), source and reason."""
    keys = sorted(counts)
    columns = {
        "minute": np.array([minute for minute, _, _ in keys], np.int64),
        "source": _texts(source for _, source, _ in keys),
        "reason": _texts(reason for _, _, reason in keys),
        "count": np.array([counts[key] for key in keys], np.uint64),
    }
    return Insert("dead_letters", columns)


def arrivals(counts: Mapping[tuple[int, str], int]) -> Insert:
    """Return the rows of counted events, by minute (epoch seconds) and feed."""
    keys = sorted(key for key, events in counts.items() if events)
    columns = {
        "minute": np.array([minute for minute, _ in keys], np.int64),
        "feed": _texts(feed for _, feed in keys),
        "events": np.array([counts[key] for key in keys], np.uint64),
    }
    return Insert("arrivals", columns)


def _joined(table: str, parts: Sequence[Mapping[str, Array]]) -> Insert:
    if not parts:
        return Insert(table, {})
    joined = Insert(table, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    return _counted(joined) if table == "dead_letters" else joined


def _counted(letters: Insert) -> Insert:
    counts = Counter(zip(*(letters.columns[name].tolist() for name in ("minute", "source", "reason")), strict=True))
    return dead_letters(counts)


def _minute(record: Record) -> int:
    """Return the minute of a record. Who sends it chooses its time: what is beyond anything real becomes 1970."""
    return int(record.timestamp // 60) * 60 if 0 <= record.timestamp <= LATEST else 0


def _word(record: Record, header: str) -> str:
    return (record.headers.get(header) or b"unknown")[:_LONGEST_CODE].decode("utf-8", "replace")


def _texts(values: Iterable[str]) -> Array:
    words = list(values)
    array = np.empty(len(words), object)
    array[:] = words
    return array


# --- blocks


def _request(record: Record) -> dict[str, Array]:
    block = blocks.decode(record.value or b"", blocks.REQUESTS)
    return {_REQUEST_NAMES[name]: _column(block, name) for name in block.layout.columns}


def _score(record: Record) -> dict[str, Array]:
    block = blocks.decode(record.value or b"", blocks.SCORES)
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


def _shadow(record: Record) -> dict[str, Array]:
    block = blocks.decode(record.value or b"", blocks.SHADOW)
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


def _sent(name: str, kind: blocks.Kind) -> str:
    nullable = kind in {"number", "shingles"} or name == "account_created"
    return f"sent_{name}" if nullable else name


_REQUEST_NAMES: Final = {name: _sent(name, kind) for name, kind in blocks.REQUESTS.columns.items()}


# --- JSON

Field = Callable[[Any], Any]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _whole(bits: int) -> Field:
    def read(value: Any) -> int:
        number = _number(value)
        if not 0 <= number < 2**bits:
            raise ValueError
        return int(value)

    return read


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _time(value: Any) -> int:
    seconds = datetime.fromisoformat(value).timestamp() if isinstance(value, str) else _number(value)
    if not 0 <= seconds <= LATEST:
        raise ValueError
    return round(seconds * 1000)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _one_of(*words: str) -> Field:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return read


_TYPES: Final[Mapping[Field, type]] = {_number: np.float64, _time: np.int64, _flag: np.bool_}
_U32, _U64 = _whole(32), _whole(64)

_ALERT: Final[Mapping[str, Field]] = {
    "alert_id": _text,
    "time": _time,
    "state": _one_of(*_STEPS),
    "behaviour": _text,
    "entity_kind": _text,
    "entity_id": _text,
    "case_id": _text,
    "evidence": _number,
    "false_alerts_per_day": _number,
    "summary": _text,
    "payload": _json,
}
_CASE: Final[Mapping[str, Field]] = {
    "case_id": _text,
    "version": _U64,
    "opened_at": _time,
    "updated_at": _time,
    "state": _one_of("open", "resolved"),
    "behaviour": _text,
    "title": _text,
    "accounts": _U32,
    "requests": _number,
    "output_tokens": _number,
    "extraction": _number,
    "routing": _number,
    "muted": _flag,
    "payload": _json,
}
_LABEL: Final[Mapping[str, Field]] = {
    "label_id": _text,
    "time": _time,
    "entity_kind": _text,
    "entity_id": _text,
    "verdict": _one_of(*VERDICTS, SPLIT),
    "author": _text,
    "note": _text,
}


def _message(fields: Mapping[str, Field]) -> Callable[[Record], dict[str, Array]]:
    def convert(record: Record) -> dict[str, Array]:
        try:
            found = orjson.loads(record.value or b"")
            row = {name: read(found[name]) for name, read in fields.items()}
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise BlockLayoutError(f"a message of {record.topic} lacks a field or has another type in it") from error
        return {name: _single(value, fields[name]) for name, value in row.items()}

    return convert


def _single(value: Any, read: Field) -> Array:
    if isinstance(value, str):
        return _texts([value])
    return np.array([value], np.uint64 if read in {_U32, _U64} else _TYPES[read])


def _letter(record: Record) -> dict[str, Array]:
    return dict(dead_letters({(_minute(record), _word(record, "source"), _word(record, "reason")): 1}).columns)


_TABLES: Final[Mapping[str, tuple[str, Callable[[Record], dict[str, Array]]]]] = {
    topics.REQUESTS: ("requests", _request),
    topics.SCORES: ("scores", _score),
    topics.SHADOW: ("shadow_scores", _shadow),
    topics.ALERTS: ("alerts", _message(_ALERT)),
    topics.CASES: ("cases", _message(_CASE)),
    topics.LABELS: ("labels", _message(_LABEL)),
    topics.DEAD_LETTERS: ("dead_letters", _letter),
}

STORED: Final = tuple(_TABLES)
"""The topics that the store stage reads."""
