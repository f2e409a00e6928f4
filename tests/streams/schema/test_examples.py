"""What was sent yesterday is read today: one example a topic and version, and a sentence that says what to do when one is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import orjson
import pyarrow as pa
import pytest

from streams.core.errors import MalformedEventError
from streams.schema import layouts, topics
from streams.schema.actions import Action, EnforcementDecision
from streams.schema.blocks import Layout, decode
from streams.schema.cases import Alert, Case
from streams.schema.dead_letters import DeadLetter
from streams.schema.erasures import ErasureReport
from streams.schema.labels import Label
from streams.schema.record import Record
from streams.schema.replay_files import RefusedLine, Summary
from streams.testing.tampering import KINDS

EXAMPLES: Final = Path(__file__).parent / "examples"
RECORDS: Final[dict[str, type[Record]]] = {
    topics.ALERTS: Alert,
    topics.CASES: Case,
    topics.LABELS: Label,
    topics.ACTIONS: Action,
    topics.ENFORCEMENT: EnforcementDecision,
    topics.ERASURES: ErasureReport,
    topics.DEAD_LETTERS: DeadLetter,
    "rejected": RefusedLine,
    "summary": Summary,
}
LAYOUTS: Final = [value for value in vars(layouts).values() if isinstance(value, Layout)]
RENAMED: Final = {"persona": "hypothesis"}
"""Names of fields in older examples, and what they are called today; today's records read both."""
DROPPED: Final[dict[type[Record], set[str]]] = {ErasureReport: {"$.alerts", "$.cases"}}
"""Fields in older examples that nothing reads any more: a report names no keys, for the cases stage removes their records itself."""
ADVICE: Final = (
    "records of this version are still on the topic and in ClickHouse: give the new field a default and keep the old one, "
    "or add a new example beside the old and a reader for both"
)


def lost(before: Any, after: Any, path: str = "$") -> Iterator[str]:
    """Yield the path of every value of `before` that `after` does not have."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            today = name if name in after else RENAMED.get(name, name)
            if today not in after:
                yield f"{path}.{name}"
            else:
                yield from lost(value, after[today], f"{path}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{path}[{place}]")
    elif before != after:
        yield path


def incompatible(record: type[Record], example: bytes) -> str:
    """Say what today's code does not read of an example; nothing when it reads all of it."""
    try:
        known = record.decode(example)
    except MalformedEventError as error:
        return f"{record.__name__}: {error.detail}: {ADVICE}"
    missing = [path for path in lost(orjson.loads(example), orjson.loads(known.encode())) if path not in DROPPED.get(record, ())]
    return f"{record.__name__} no longer has {', '.join(missing)}: {ADVICE}" if missing else ""


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_todays_code_reads_every_example(path: Path) -> None:
    assert not incompatible(RECORDS[path.name.partition(".")[0]], path.read_bytes())


def test_a_renamed_field_is_read_under_its_old_name_and_written_under_its_new_one() -> None:
    for old, new in RENAMED.items():
        (*_, newest) = sorted(path for path in EXAMPLES.glob("*.json") if f'"{new}"'.encode() in path.read_bytes())
        record, example = RECORDS[newest.name.partition(".")[0]], newest.read_bytes()
        older = example.replace(f'"{new}":'.encode(), f'"{old}":'.encode())
        assert older != example
        assert record.decode(older) == record.decode(example)
        assert f'"{old}"'.encode() not in record.decode(older).encode()


def test_every_topic_of_json_has_an_example() -> None:
    assert {path.name.partition(".")[0] for path in EXAMPLES.glob("*.json")} == set(RECORDS)


def test_every_topic_of_ours_has_an_example_and_every_record_that_travels_as_json() -> None:
    of_ours = {topic.name for topic in topics.TOPICS} - {topics.REQUESTS_RAW}
    assert not of_ours - {path.name.partition(".")[0] for path in EXAMPLES.iterdir()}, "add tests/streams/schema/examples/<topic>.1.json"
    assert not KINDS.keys() - set(RECORDS.values())


def test_an_example_fills_every_field_that_its_record_has_today() -> None:
    """What no example has, a later version could lose without a word."""
    for name, record in RECORDS.items():
        filled = set[str]().union(*(orjson.loads(path.read_bytes()) for path in EXAMPLES.glob(f"{name}.*.json")))
        today = {field.encode_name for field in msgspec.structs.fields(record)}
        assert not today - filled, f"{name}: add the field to a further example"


def layout_of(path: Path) -> Layout:
    """Return the layout of an example block by its file's name, `requests.1.arrow`."""
    name, version, _ = path.name.split(".")
    return next(layout for layout in LAYOUTS if (layout.name, str(layout.version)) == (name, version))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.arrow")), ids=lambda path: path.name)
def test_todays_code_reads_every_example_block_and_has_all_its_columns(path: Path) -> None:
    layout = layout_of(path)
    with pa.ipc.open_stream(path.read_bytes()) as reader:
        stored = reader.read_next_batch()
    block = decode(path.read_bytes(), layout)
    missing = set(stored.schema.names) - layout.columns.keys()
    assert not missing, f"blocks of {layout.name}/{layout.version} on the topic have {missing}: raise the layout's version"
    assert all(block.batch.column(name).equals(stored.column(name)) for name in stored.schema.names)


def test_every_layout_has_an_example_of_its_version() -> None:
    """Make a missing one with `layout.encode(...)`; a column that is added later needs no new example."""
    assert {f"{layout.name}.{layout.version}.arrow" for layout in LAYOUTS} <= {path.name for path in EXAMPLES.glob("*.arrow")}


class Before(Record, frozen=True):
    name: str
    weight: float


def changed(*fields: Any) -> type[Record]:
    made: Any = msgspec.defstruct("Parcel", fields, bases=(Record,), frozen=True)
    return cast("type[Record]", made)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ([("name", str)], r"Parcel no longer has \$\.weight"),
        ([("name", str), ("mass", float)], "the parcel has no mass"),
        ([("name", str), ("weight", str)], "the parcel's weight has the wrong type"),
    ],
)
def test_a_field_that_is_removed_renamed_or_retyped_is_named_with_what_to_do(fields: list[Any], sentence: str) -> None:
    said = incompatible(changed(*fields), Before("a", 1.5).encode())
    assert re.match(sentence, said.removeprefix("Parcel: "))
    assert said.endswith(ADVICE)


def test_a_new_field_with_a_default_is_compatible() -> None:
    assert not incompatible(changed(("name", str), ("weight", float), ("colour", str, "red")), Before("a", 1.5).encode())
