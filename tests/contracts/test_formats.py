"""What every log format keeps, whoever adds one: its samples are beside it, and say all that is expected of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.core.errors import MalformedEventError
from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.intake.formats.envelopes import bare, unwrapped
from streams.intake.formats.format import CALLERS_CHOICE, TEXT_LINE, Entry, Format
from streams.intake.formats.registry import all_formats, export_reader, reader
from streams.schema import blocks, layouts
from streams.schema.event import NAMES, Event, check, seconds
from streams.schema.operations import NO_TEXT, OTHER

SAMPLES = Path(__file__).parents[1] / "streams" / "intake" / "formats" / "samples"
SECRET = "SECRET"
"""In every text of a caller in every sample."""
OURS = [each for each in all_formats() if (SAMPLES.parents[4] / "streams/intake/formats" / f"{each.name}.py").is_file()]
READABLE = [each for each in OURS if each.readable]
NONSENSE: tuple[Any, ...] = (None, "", "nonsense", -1, True, 1e300, [], ["x", 1], {"a": {"b": 1}})


def name_of(each: Format) -> str:
    return each.name


def lines(each: Format) -> list[bytes]:
    return (SAMPLES / f"{each.name}.jsonl").read_bytes().splitlines()


def entries(line: bytes) -> list[Entry]:
    try:
        return list(unwrapped(orjson.loads(bare(line))))
    except orjson.JSONDecodeError:
        return [{TEXT_LINE: line.decode()}]


def arrival(each: Format) -> float:
    """When its samples are read: as soon as the newest event was logged, whatever its date."""
    events = [event for line in lines(each) for event in reader(each.name)(line)] if each.readable else []
    return max((seconds("timestamp", event["timestamp"]) for event in events if event.get("timestamp")), default=0.0)


def leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*way, key)
        yield from leaves(each, (*way, key))


def put(entry: Entry, way: tuple[Any, ...], value: Any) -> Entry:
    changed = copy.deepcopy(entry)
    holder: Any = changed
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] = value
    return changed


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(each)


@pytest.mark.parametrize("each", OURS, ids=name_of)
def test_samples_are_beside_the_format(each: Format) -> None:
    assert (SAMPLES / f"{each.name}.jsonl").is_file(), f"{each.name} needs tests/streams/intake/formats/samples/{each.name}.jsonl"
    assert not each.readable or (SAMPLES / f"{each.name}.expected.jsonl").is_file()


@pytest.mark.parametrize("each", OURS, ids=name_of)
def test_samples_are_recognised_by_their_format_and_by_no_other(each: Format) -> None:
    for line in lines(each):
        for entry in entries(line):
            assert [other.name for other in all_formats() if other.recognise(entry)] == [each.name]


@pytest.mark.parametrize("each", READABLE, ids=name_of)
def test_every_field_of_a_sample_is_as_expected_read_by_name_or_recognised(each: Format) -> None:
    expected = [orjson.loads(line) for line in (SAMPLES / f"{each.name}.expected.jsonl").read_bytes().splitlines()]
    assert [reader("auto")(line) for line in lines(each)] == expected
    assert [reader(each.name)(line) for line in lines(each)] == expected


@pytest.mark.parametrize("each", READABLE, ids=name_of)
def test_a_sample_is_accepted_and_its_text_is_in_prompt_fields_alone(each: Format) -> None:
    found = [event for line in lines(each) for event in reader("auto")(line)]
    assert found
    for event in found:
        check(event)
        assert set(event) <= NAMES | {"@timestamp"}
        for name in {"prompt", "system_prompt"} & event.keys():
            assert any(SECRET in text for text in texts(event[name])), f"mark each caller's text in the sample of {each.name} with {SECRET}"
        elsewhere = {name: value for name, value in event.items() if name not in {"prompt", "system_prompt"}}
        assert not any(SECRET in text for text in texts(elsewhere))


@pytest.mark.parametrize("each", READABLE, ids=name_of)
def test_each_kind_of_text_that_a_format_reads_is_in_a_sample(each: Format) -> None:
    sampled = {name for line in lines(each) for event in reader("auto")(line) for name in event}
    missing = {"prompt", "system_prompt"} & each.fields.keys() - sampled
    assert not missing, f"a sample of {each.name} needs a text of a caller for {missing}, marked with {SECRET}"


@pytest.mark.parametrize("each", READABLE, ids=name_of)
def test_every_field_that_a_format_names_is_in_a_sample_or_has_a_canonical_name(each: Format) -> None:
    assert set(each.fields) <= NAMES


@pytest.mark.parametrize("each", [each for each in READABLE if each.fields], ids=name_of)
def test_what_a_caller_chose_never_refuses_a_request(each: Format) -> None:
    for line in lines(each):
        for entry in entries(line):
            whole = [*each.to_canonical(entry)]
            for way in leaves(entry):
                gone = [*each.to_canonical(put(entry, way, None))]
                if len(whole) != 1 or len(gone) != 1 or not gone[0].get("account.id") or not gone[0].get("event.id"):
                    continue
                fed = {name for name in NAMES if whole[0].get(name) != gone[0].get(name)}
                if fed and fed <= CALLERS_CHOICE - {"event.id"}:
                    for value in NONSENSE:
                        for event in each.to_canonical(put(entry, way, value)):
                            check(event)


@pytest.mark.parametrize("each", OURS, ids=name_of)
def test_nonsense_anywhere_is_translated_or_refused(each: Format) -> None:
    for line in lines(each):
        for entry in entries(line):
            for way in leaves(entry):
                for value in NONSENSE:
                    changed = put(entry, way, value)
                    each.recognise(changed)
                    try:
                        for event in each.to_canonical(changed):
                            check(event)
                    except MalformedEventError:
                        continue


def any_value(value: Any) -> Entry:
    """Return JSON as OTLP's JSON has it."""
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": name, "value": any_value(item)} for name, item in value.items()]}}
    kinds: dict[type, str] = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {} if value is None else {kinds[type(value)]: str(value) if type(value) is int else value}


def exported(**record: Any) -> Entry:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


@pytest.mark.parametrize("each", [each for each in READABLE if each.name != "otlp"], ids=name_of)
def test_a_sample_within_a_log_record_of_a_collector_is_the_same_events(each: Format) -> None:
    """As the text that was a line, as an object, and as attributes."""
    read = export_reader("auto")
    for line in filter(is_object, lines(each)):
        entry = orjson.loads(line)
        records = [exported(body={"stringValue": line.decode()}), exported(body=any_value(entry))]
        records += [exported(attributes=any_value(entry)["kvlistValue"]["values"])]
        for record in records:
            events = [known(event) for event in read(record)]
            assert events == [known(event) for event in reader("auto")(line)]
            assert [known(event) for event in reader("auto")(orjson.dumps(record))] == events


def is_object(line: bytes) -> bool:
    return line.startswith(b"{")


def known(event: Event) -> Event:
    return {name: value for name, value in event.items() if name in NAMES}


@pytest.mark.parametrize("each", [each for each in OURS if not each.readable], ids=name_of)
def test_a_log_without_accounts_is_refused_by_name_with_advice(each: Format) -> None:
    for line in lines(each):
        with pytest.raises(MalformedEventError, match=r"account\.id is missing: .* log at the gateway"):
            reader("auto")(line)


@pytest.mark.parametrize("each", OURS, ids=name_of)
def test_the_collector_counts_each_event_of_each_sample(each: Format) -> None:
    collector = Collector(Settings(mode="local"), each.name if each.readable else "auto")
    step = collector.add(lines(each), "test", arrival(each))
    events = [max(1, len(reader("auto")(line))) for line in lines(each)] if each.readable else [1] * len(lines(each))
    assert step.accepted + sum(step.rejected.values()) == sum(events)
    assert (step.accepted > 0) == each.readable


def rows(each: Format) -> list[tuple[str | None, float, int]]:
    """Return of each request of a format's samples its operation, its output tokens and the sketch of its prompt."""
    collector = Collector(Settings(mode="local"), each.name, backfill=True)
    step = collector.add(lines(each), "test", arrival(each))
    read = [blocks.decode(outgoing.data, layouts.REQUESTS) for outgoing in (*step.outgoing, *collector.flush())]
    return [
        row
        for block in read
        for row in zip(block.texts("operation"), block.numbers("output_tokens").tolist(), block.hashes("simhash").tolist(), strict=True)
    ]


@pytest.mark.parametrize("each", READABLE, ids=name_of)
def test_a_call_that_answers_without_text_is_in_the_samples_and_is_no_content(each: Format) -> None:
    silent = [row for row in rows(each) if row[0] in NO_TEXT]
    assert silent, f"a sample of {each.name} needs an embedding, and how the gateway says so"
    assert all(math.isnan(output_tokens) and simhash == 0 for _, output_tokens, simhash in silent)


@pytest.mark.parametrize("each", READABLE, ids=name_of)
def test_each_word_of_a_sample_for_a_kind_of_call_is_known(each: Format) -> None:
    assert OTHER not in {operation for operation, _, _ in rows(each)}
