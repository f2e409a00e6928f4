"""Reads models' answers and chosen options: JSON lines (also gzip), CSV (also gzip) and Parquet, as a stream and within bounds.

A file of answers holds one model, named by the file: columns `item` and `output`. A table of options holds many: columns `item`, `answer`
(the right option), `options` (how many there are), optionally `category`, and one column a model with the option it chose, empty when none.

However long a file is, the items kept are those with the smallest hashes (a bottom-k sample: Broder 1997, "On the resemblance and
containment of documents"), so that all models keep the same items.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import heapq
import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Generic, TypeVar

import orjson

from streams.forensics.errors import AnswersError

MAX_ANSWERS: Final = 2_000
"""Items per model that are kept with their texts."""
MAX_QUESTIONS: Final = 12_500
"""Items per table that are kept with their options."""
MAX_ANSWER_CHARACTERS: Final = 2_500
MAX_ANSWER_BYTES: Final = 1_000_000
"""Bytes of a line, which is one answer."""
MAX_COMPARED_MODELS: Final = 200
_ITEM: Final = ("item", "id", "prompt_id")
_OUTPUT: Final = ("output", "answer", "response", "text")
_QUESTION: Final = frozenset({"item", "answer", "options", "category"})
_COUNT: Final = re.compile("[0-9]{1,6}")
_SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class Answers:
    """One model's answers, `texts` by item; `sha256` is the file's."""

    model: str
    texts: Mapping[str, str]
    sha256: str
    repeated: int = 0
    """Lines that answer an item again; the first is kept."""


@dataclass(frozen=True)
class Options:
    """A table of chosen options: by item the right one, how many there are, the category, and each model's choice ("" for none)."""

    right: Mapping[str, str]
    count: Mapping[str, int]
    category: Mapping[str, str]
    chosen: Mapping[str, Mapping[str, str]]
    sha256: str


Row = TypeVar("Row")


@dataclass
class _Smallest(Generic[Row]):
    """The `most` items with the smallest hashes, first seen first kept."""

    most: int
    rows: dict[str, Row] = field(default_factory=dict)
    repeated: int = 0
    _heap: list[tuple[int, str]] = field(default_factory=list)

    def add(self, item: str, row: Row) -> None:
        """Keep a row unless its item is known or its hash is too large."""
        if item in self.rows:
            self.repeated += 1
            return
        key = -int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest())
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, (key, item))
        elif key <= self._heap[0][0]:
            return
        else:
            del self.rows[heapq.heapreplace(self._heap, (key, item))[1]]
        self.rows[item] = row


def model_name(path: Path) -> str:
    """Return the model that a file is named after.

    >>> model_name(Path("panel/alpaca-7b.jsonl.gz"))
    'alpaca-7b'
    """
    return next(
        (path.name.removesuffix(suffix) for suffix in sorted(_SUFFIXES, key=len, reverse=True) if path.name.endswith(suffix)), path.name
    )


def files_of(folder: Path) -> list[Path]:
    """Return a folder's files of answers, sorted, without those that start with `_`. Raises AnswersError when the folder has none."""
    files = sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIXES) and not path.name.startswith("_"))
    if not files:
        raise AnswersError(f"{folder} has no answers: put one file per model there ({', '.join(_SUFFIXES)})")
    if len(files) > MAX_COMPARED_MODELS:
        raise AnswersError(f"{folder} has {len(files)} models, more than {MAX_COMPARED_MODELS}: leave some out")
    return files


def read_answers(path: Path) -> Answers:
    """Read one model's answers, without spaces around them: those come from how a model was served, not from the model.

    Raises AnswersError when the file is missing, unreadable, or has no columns of items and answers.
    """
    kept = _Smallest[str](MAX_ANSWERS)
    for number, row in _rows(path):
        item, output = _first(row, _ITEM), _first(row, _OUTPUT)
        if item is None or output is None:
            raise AnswersError(f"{path}: row {number} lacks `item` or `output`: write both, as {{'item': 7, 'output': '...'}}")
        kept.add(str(item), str(output)[:MAX_ANSWER_CHARACTERS].strip())
    if not kept.rows:
        raise AnswersError(f"{path} is empty: write one answer per line")
    return Answers(model_name(path), kept.rows, file_hash(path), kept.repeated)


def read_prompts(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return texts and topics of prompts, by item, from columns `item`, `instruction`, `topic` (either may lack). Raises AnswersError."""
    texts, topics = _Smallest[str](MAX_QUESTIONS), {}
    for number, row in _rows(path):
        item = _first(row, _ITEM)
        if item is None:
            raise AnswersError(f"{path}: row {number} lacks `item`: give the prompts' items")
        texts.add(str(item), str(_first(row, ("instruction", "prompt", "text")) or "")[:MAX_ANSWER_CHARACTERS])
        topic = _first(row, ("topic", "category"))
        if topic is not None and str(item) in texts.rows:
            topics[str(item)] = str(topic)
    return texts.rows, topics


def read_options(path: Path) -> Options:
    """Read a table of chosen options. Raises AnswersError when a column is missing or `options` is not a number."""
    kept = _Smallest[dict[str, object]](MAX_QUESTIONS)
    for number, row in _rows(path):
        missing = sorted({"item", "answer", "options"} - row.keys())
        if missing:
            raise AnswersError(
                f"{path}: row {number} lacks `{missing[0]}`: a table of options has item, answer, options and one column per model"
            )
        if not _COUNT.fullmatch(str(row["options"])):
            raise AnswersError(f"{path}: row {number}: `options` is not a number of options: write it as in 4")
        kept.add(str(row["item"]), row)
    if not kept.rows:
        raise AnswersError(f"{path} is empty: write one question per line")
    models = list(dict.fromkeys(name for row in kept.rows.values() for name in row if name not in _QUESTION))
    if len(models) > MAX_COMPARED_MODELS:
        raise AnswersError(f"{path} has {len(models)} models, more than {MAX_COMPARED_MODELS}: leave some out")
    return Options(
        right={item: str(row["answer"]) for item, row in kept.rows.items()},
        count={item: int(str(row["options"])) for item, row in kept.rows.items()},
        category={item: str(row.get("category") or "") for item, row in kept.rows.items()},
        chosen={model: {item: str(row.get(model) or "") for item, row in kept.rows.items()} for model in models},
        sha256=file_hash(path),
    )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, which ties a result to its input."""
    try:
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield number (from 1) and columns of each row."""
    if path.exists() and not path.name.endswith(_SUFFIXES):
        raise AnswersError(f"{path} has an unsupported suffix: use one of {', '.join(_SUFFIXES)}")
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
            return
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as source:
            yield from _csv(path, source) if ".csv" in path.suffixes else _json_lines(path, source)
    except (OSError, EOFError, zlib.error) as error:  # a cut gzip file is an EOFError, a damaged one a zlib.error
        raise _unreadable(path, error) from error


def _json_lines(path: Path, source: IO[bytes] | gzip.GzipFile) -> Iterator[tuple[int, dict[str, object]]]:
    number = 0
    while line := source.readline(MAX_ANSWER_BYTES + 1):
        number += 1
        if len(line) > MAX_ANSWER_BYTES:
            raise AnswersError(f"{path}: line {number} is longer than {MAX_ANSWER_BYTES:,} bytes: write one answer per line")
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise AnswersError(f"{path}: line {number} is not JSON: write one object per line") from error
        if not isinstance(row, dict):
            raise AnswersError(f"{path}: line {number} is not an object: write {{'item': ..., 'output': ...}}")
        yield number, row


def _csv(path: Path, source: IO[bytes] | gzip.GzipFile) -> Iterator[tuple[int, dict[str, object]]]:
    csv.field_size_limit(min(MAX_ANSWER_BYTES, sys.maxsize))
    lines = (line.decode() for line in iter(lambda: source.readline(MAX_ANSWER_BYTES), b""))
    try:
        for number, row in enumerate(csv.DictReader(lines), start=1):
            yield number, {str(name): value for name, value in row.items() if name is not None}
    except (csv.Error, UnicodeDecodeError) as error:
        raise AnswersError(f"{path} is not CSV in UTF-8 ({error}): export it again") from error


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    import pyarrow as pa  # noqa: PLC0415 - 100 ms that JSON lines need not pay
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=1_000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, ValueError, OverflowError) as error:  # texts that are no UTF-8, dates beyond Python's
        raise AnswersError(f"{path} is not a Parquet file: export it again") from error


def _first(row: Mapping[str, object], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _unreadable(path: Path, error: Exception) -> AnswersError:
    return AnswersError(f"cannot read {path} ({getattr(error, 'strerror', None) or 'cut short or not gzip'}): check the path and its kind")
