"""What a caller writes into any string of a line, in any format: the event is kept, under the operator's time and account."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams.core.errors import MalformedEventError
from streams.intake.formats.registry import reader
from streams.schema.event import check

SAMPLES = Path(__file__).parents[1] / "streams/intake/formats/samples"
LINES = [
    pytest.param(line, id=f"{path.stem}-{number}")
    for path in sorted(SAMPLES.glob("*.jsonl"))
    if "expected" not in path.name
    for number, line in enumerate(path.read_bytes().splitlines(), 1)
]
WORDS, COMMAS = "{}" + " word" * 240_000, "{}" + "," * 1_200_000
"""1.2 MB each: over what one line may take. As many commas as the second might be as many values."""
NO_IDS: tuple[Any, ...] = (None, "", "-", " ", True, [], {}, [None])
"""What stands in a log for an id that a caller left out, or wrote otherwise."""

Change = Callable[[str], Any]
Write = Callable[[Change], Any]


def strings(value: Any) -> Iterator[tuple[str, Write]]:
    """Yield each string of a value, also those within texts of JSON, and how to write the value with that string changed."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            for text, write in strings(value[key]):
                yield text, partial(_within, value, key, write)
    elif isinstance(value, str) and value[:1] in {"{", "["}:
        for text, write in strings(json.loads(value)):
            yield text, partial(_in_a_text, write)
    elif isinstance(value, str):
        yield value, lambda change: change(value)


def _within(holder: Any, key: Any, write: Write, change: Change) -> Any:
    changed = holder.copy()
    changed[key] = write(change)
    return changed


def _in_a_text(write: Write, change: Change) -> str:
    return json.dumps(write(change))


def kept(line: bytes) -> list[tuple[float, str]] | str:
    """Return time and account of each event of a line, or the reason why it is refused."""
    try:
        events = reader("auto")(line)
        return [(check(event), event["account.id"]) for event in events]
    except MalformedEventError as error:
        return error.reason


def written(write: Write, change: Change) -> bytes:
    return json.dumps(write(change)).encode()


@pytest.mark.parametrize("line", LINES)
def test_no_string_that_a_caller_chooses_hides_its_event_by_its_length(line: bytes) -> None:
    ids = kept(line)
    if isinstance(ids, str) or not ids:
        return
    for text, write in strings(json.loads(line)):
        if kept(written(write, "{} word".format)) != ids:
            continue  # the operator's own: a time, a kind of record, an account
        for much in (WORDS, COMMAS):
            assert kept(written(write, much.format)) == ids, text


@pytest.mark.parametrize("line", LINES)
def test_an_id_that_is_no_id_hides_no_event_and_is_the_same_when_it_is_sent_again(line: bytes) -> None:
    ids = kept(line)
    if isinstance(ids, str) or not ids:
        return
    names = [event["event.id"] for event in reader("auto")(line)]
    for text, write in strings(json.loads(line)):
        if text not in names:
            continue
        for strange in NO_IDS:
            changed = written(write, partial(_instead, strange))
            assert kept(changed) == ids, strange
            assert event_ids(changed) == event_ids(changed)
            assert all(name.strip("- ") for name in event_ids(changed))


def _instead(value: Any, _text: str) -> Any:
    return value


def event_ids(line: bytes) -> list[str]:
    events = reader("auto")(line)
    for event in events:
        check(event)
    return [event["event.id"] for event in events]
