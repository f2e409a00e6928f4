"""From lines to blocks and dead letters: every line has one fate, and no text gets out."""

from __future__ import annotations

import gc
import gzip
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.errors import FuseBlownError, SettingsError
from streams.core.settings import Settings
from streams.intake.clock import FileClock
from streams.intake.collector import _RECORD_OVERHEAD_BYTES, Collector, Ingested, OutgoingBlock, _steps, collect_garbage_rarely, read_files
from streams.intake.files import CHUNK_LINES
from streams.schema.blocks import Block, decode
from streams.schema.event import Event
from streams.schema.layouts import REQUESTS
from streams.schema.topics import partition_of

NOON = 1_790_000_000.0
DAY = 86_400.0
MARKER = "xylophone quokka manifesto"


def event(number: int = 1, **changes: Any) -> Event:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return {"timestamp": NOON + number, "event.id": f"e{number}", "account.id": "a1", **named}


def line(number: int = 1, **changes: Any) -> bytes:
    return json.dumps(event(number, **changes)).encode()


def settings(**changes: Any) -> Settings:
    return Settings(mode="local", **changes)


def collected(lines: list[bytes], **changes: Any) -> tuple[Block, Ingested]:
    """Return one block of all accepted lines, and the result."""
    collector = Collector(settings(partitions=1, **changes))
    ingested = collector.add(lines, "test", NOON)
    blocks = [*ingested.outgoing, *collector.flush()]
    assert len(blocks) == 1
    return decode(blocks[0].data, REQUESTS), ingested


def reasons(lines: list[bytes], **changes: Any) -> list[str]:
    return [each.reason for each in Collector(settings(**changes)).add(lines, "test", NOON).dead]


def test_a_good_line_becomes_a_row() -> None:
    block, ingested = collected([line(1, gen_ai__usage__input_tokens=12, user_agent__original="curl/8")])
    assert ingested.accepted == 1
    assert block.numbers("time").tolist() == [NOON + 1]
    assert block.texts("account_id") == ["a1"]
    assert block.numbers("input_tokens").tolist() == [12.0]
    assert block.texts("user_agent") == ["curl/8"]


def test_what_is_missing_is_unknown_and_never_zero() -> None:
    block, _ = collected([line()])
    for name, kind in REQUESTS.columns.items():
        if name in {"time", "event_id", "account_id"}:
            continue
        if kind in {"number", "time"}:
            assert np.isnan(block.numbers(name)).all(), name
        elif kind == "text":
            assert block.texts(name) == [None], name
        else:
            assert not block.hashes(name).any(), name


def test_rows_are_in_time_order_and_ties_keep_their_order() -> None:
    block, _ = collected([line(3), line(1), line(2), line(9, timestamp=NOON + 2)])
    assert block.texts("event_id") == ["e1", "e2", "e9", "e3"]


def test_an_account_always_goes_to_its_partition() -> None:
    collector = Collector(settings(partitions=4))
    collector.add([line(number, account__id=f"a{number}") for number in range(50)], "test", NOON)
    for block in collector.flush():
        for account in decode(block.data, REQUESTS).texts("account_id"):
            assert partition_of(account or "", 4) == block.partition


def test_a_block_closes_at_its_size() -> None:
    collector = Collector(settings(partitions=1, block_events=2))
    ingested = collector.add([line(number) for number in range(5)], "test", NOON)
    assert [each.events for each in ingested.outgoing] == [2, 2]
    assert [each.events for each in collector.flush()] == [1]


def test_a_live_block_closes_after_its_time() -> None:
    collector = Collector(settings(partitions=1, block_seconds=0.1))
    collector.add([line()], "test", NOON)
    assert collector.due(NOON + 0.05) == []
    assert [each.events for each in collector.due(NOON + 0.1)] == [1]
    assert collector.flush() == []


def test_a_block_of_a_file_closes_after_ten_minutes_of_the_files_own_time() -> None:
    collector = Collector(settings(partitions=1))
    lines = [line(number, timestamp=NOON + seconds) for number, seconds in enumerate((0, 599, 600, 601))]
    ingested = collector.add(lines, "test", FileClock(300.0, DAY))
    assert [len(decode(block.data, REQUESTS)) for block in ingested.outgoing] == [2]


def test_long_lines_close_a_block_early_so_that_memory_stays_bounded() -> None:
    collector = Collector(settings(partitions=1))
    words = [{"role": "user", "content": "x" * 60_000}] * 10
    ingested = collector.add([line(number, prompt=words) for number in range(20)], "test", NOON)
    assert ingested.outgoing
    assert ingested.outgoing[0].events < 20


def test_a_block_too_big_for_a_record_goes_as_two(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"user_agent.original": np.random.default_rng(1).bytes(400).hex()}
    lines = [json.dumps(event(number) | texts).encode() for number in range(4)]

    def blocks() -> list[OutgoingBlock]:
        collector = Collector(settings(partitions=1))
        collector.add(lines, "test", NOON)
        return collector.flush()

    (whole,) = blocks()
    monkeypatch.setattr("streams.intake.collector.MAX_RECORD_BYTES", len(whole.data) - 1 + _RECORD_OVERHEAD_BYTES)
    halves = blocks()
    assert [half.events for half in halves] == [2, 2]
    assert [name for half in halves for name in half.ids] == list(whole.ids)
    assert all(len(half.data) < len(whole.data) for half in halves)


BAD = {
    "not_json": b"hello",
    "truncated": line()[:-20],
    "bad_utf8": b'{"event.id": "\xff"',
    "not_object": b"[]",
    "too_large": b'{"a": "' + b"x" * (10 * 1024 * 1024) + b'"}',
    "missing_field": b'{"timestamp": 1790000000, "account.id": "a1"}',
    "wrong_type": line(account__id=5),
    "negative": line(gen_ai__usage__input_tokens=-5),
    "absurd": line(gen_ai__usage__input_tokens=10**15),
    "bad_timestamp": line(timestamp="noon"),
    "time_skew": line(timestamp=0),
}


@pytest.mark.parametrize("reason", BAD)
def test_each_bad_line_has_one_reason_and_nothing_else_is_lost(reason: str) -> None:
    block, ingested = collected([line(1), BAD[reason], line(2)])
    assert block.texts("event_id") == ["e1", "e2"]
    assert [each.reason for each in ingested.dead] == [reason]
    assert ingested.rejected == {reason: 1}
    assert ingested.dead[0].position == "2"


@pytest.mark.parametrize("year", ["1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z"])
def test_a_time_of_another_century_is_refused_live(year: str) -> None:
    assert reasons([line(timestamp=year)]) == ["time_skew"]


@pytest.mark.parametrize(("seconds", "fate"), [(300, []), (-DAY, []), (DAY + 5, ["clock_ahead"]), (-DAY - 5, ["time_skew"])])
def test_a_live_event_may_be_a_day_from_its_arrival(seconds: float, fate: list[str]) -> None:
    assert reasons([line(timestamp=NOON + seconds)]) == fate


def test_an_event_that_is_hours_ahead_counts_at_its_arrival_and_its_repetition_is_a_duplicate() -> None:
    collector, ahead = Collector(settings()), line(timestamp=NOON + 20 * 3_600)
    ingested = collector.add([ahead, ahead], "test", NOON)
    assert (ingested.accepted, ingested.corrected, dict(ingested.rejected)) == (1, 1, {"duplicate": 1})
    [block] = collector.flush()
    assert decode(block.data, REQUESTS).numbers("time").tolist() == [NOON]


def test_one_clock_that_is_two_days_ahead_is_set_aside_alone() -> None:
    ingested = Collector(settings()).add([line(1), line(2, timestamp=NOON + 2 * DAY), line(3)], "test", [NOON, NOON, NOON])
    assert (ingested.accepted, dict(ingested.rejected)) == (2, {"clock_ahead": 1})


def test_a_backlog_of_last_year_is_read_when_it_is_called_one_and_the_future_is_not() -> None:
    lines = [line(1, timestamp=NOON - 300 * DAY), line(2, timestamp=NOON + 2 * DAY)]
    assert Collector(settings()).add(lines, "test", NOON).accepted == 0
    assert Collector(settings(), backfill=True).add(lines, "test", NOON).accepted == 1


def test_blank_lines_are_nothing() -> None:
    _, ingested = collected([b"", line(), b"  ", b"\r"])
    assert ingested.accepted == 1
    assert not ingested.rejected


def test_unknown_fields_are_ignored() -> None:
    _, ingested = collected([line(weather={"deep": [1, {"x": MARKER}]})])
    assert ingested.accepted == 1


def test_a_duplicate_is_counted_once_and_is_no_fault_of_its_line() -> None:
    block, ingested = collected([line(1), line(1), line(1, account__id="a2"), line(1, timestamp=NOON + 9)])
    assert len(block) == 3
    assert ingested.rejected == {"duplicate": 1}
    assert not ingested.dead


def test_a_refused_event_is_no_duplicate_of_its_corrected_self() -> None:
    block, _ = collected([line(1, gen_ai__usage__input_tokens=-1), line(1)])
    assert len(block) == 1


def test_a_block_that_was_lost_may_be_sent_again() -> None:
    collector = Collector(settings(partitions=1))
    collector.add([line(1)], "test", NOON)
    (lost,) = collector.flush()
    assert collector.add([line(1)], "test", NOON).accepted == 0
    collector.forget(lost)
    assert collector.add([line(1)], "test", NOON).accepted == 1


def test_the_fuse_stops_a_thousand_refused_lines_in_a_row() -> None:
    collector = Collector(settings())
    ingested = collector.add([line(), *[b"wrong"] * 2000], "test", NOON)
    assert len(ingested.dead) == 1000
    with pytest.raises(FuseBlownError, match="1000 lines in a row"):
        collector.add([line(2)], "test", NOON)
    assert [each.events for each in collector.flush()] == [1]


def test_the_fuse_stops_when_more_than_a_fifth_of_the_window_is_refused() -> None:
    collector = Collector(settings(fuse_window=100, partitions=1))
    mixed = [b"wrong" if number % 4 == 0 else line(number) for number in range(200)]
    ingested = collector.add(mixed, "test", NOON)
    assert len(ingested.dead) + ingested.accepted == 100
    with pytest.raises(FuseBlownError, match="25 of the last 100"):
        collector.fuse.check()


def test_the_fuse_bears_a_fifth() -> None:
    collector = Collector(settings(fuse_window=100))
    collector.add([b"wrong" if number % 5 == 0 else line(number) for number in range(500)], "test", NOON)
    collector.fuse.check()


def test_duplicates_do_not_blow_the_fuse() -> None:
    collector = Collector(settings(fuse_run=10))
    collector.add([line(1)] * 100, "test", NOON)
    collector.fuse.check()


def test_a_refused_event_of_many_leaves_its_own_shape_and_not_that_of_the_whole_line() -> None:
    export = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}] * 10_000}]}], "padding": "x" * 900_000}).encode()
    ingested = Collector(settings(fuse_skip=True)).add([export], "test", NOON)
    assert ingested.rejected == {"missing_field": 10_000}
    assert sum(len(each.line) for each in ingested.dead) < 1_000_000


def test_a_line_of_more_events_than_a_line_may_hold_is_refused_as_one() -> None:
    export = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}] * 10_001}]}]}).encode()
    assert reasons([export]) == ["too_large"]


def test_events_of_a_shipment_are_taken_as_they_are_and_refused_by_their_shape() -> None:
    ingested = Collector(settings()).add([event(1), {"account.id": "a1", "prompt": MARKER}], "test", NOON)
    assert ingested.accepted == 1
    assert [each.line for each in ingested.dead] == [b'{"account.id":"","prompt":""}']


def test_no_caller_can_blow_the_fuse_with_huge_prompts() -> None:
    collector = Collector(settings(fuse_run=3))
    assert collector.add([line(number, prompt="x" * 70_000) for number in range(10)], "test", NOON).accepted == 10
    assert len(collector.add([b'{"prompt": "' + b"x" * (2 << 20)] * 10, "test", NOON).dead) == 10
    values = b'{"timestamp": 1790000000, "event.id": "e", "prompt": [' + b"1," * (1 << 20) + b'1], "account.id": "a"}'
    assert collector.add([values.replace(b'"e"', b'"%d"' % number) for number in range(4)], "test", NOON).accepted == 4
    collector.fuse.check()


WHERE_CALLERS_WRITE = ("prompt", "system_prompt", "http.request.header_names", "gen_ai.request.seed", "user.id", "event.id", "other")
WHAT_THEY_WRITE = (b"[],", b"{},", b"1,", b'"",', b'"a",', b"NaN,", b"[[1],[2]],", b'{"role":"user","content":"a"},', b'{"text":"ab"},')


@pytest.mark.parametrize("field", WHERE_CALLERS_WRITE)
def test_a_line_of_odd_values_takes_no_more_calls_than_lines_of_as_many_bytes(field: str) -> None:
    """What is counted is steps of Python, not time."""
    head = b'{"timestamp":1790000000,"account.id":"a","event.id":"e","model":"m","%s":[' % field.encode()
    usual = [line(number, prompt="Translate this, please. " * 10) for number in range(1_000)]
    of_usual = steps_of(usual) / sum(map(len, usual))
    for values in WHAT_THEY_WRITE:
        odd = head + values * (400_000 // len(values)) + b"1]}"
        assert steps_of([odd]) / len(odd) < 3 * of_usual, values


def steps_of(lines: list[bytes]) -> int:
    """Return how many lines of Python are run for these lines of a log, and how many functions are called."""
    collector, steps = Collector(settings()), itertools.count()

    def trace(_frame: FrameType, _event: str, _argument: object) -> Callable[..., Any]:
        next(steps)
        return trace

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        if event == "c_call":
            next(steps)

    before = sys.gettrace()  # that of coverage
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        assert collector.add(lines, "test", NOON).accepted == len(lines)
        collector.flush()
    finally:
        sys.settrace(before)
        sys.setprofile(None)
    return next(steps)


def test_ids_that_two_callers_leave_out_lose_no_event_and_blow_no_fuse() -> None:
    collector = Collector(settings(fuse_run=3))
    lines = [line(number, event__id="", account__id=f"a{number % 2}") for number in range(100)]
    assert collector.add(lines, "test", NOON).accepted == 100
    assert collector.add(lines, "test", NOON).rejected == {"duplicate": 100}


@pytest.mark.parametrize("prompt", ["word " * 240_000, "," * 1_200_000], ids=["words", "commas"])
def test_one_long_prompt_in_an_export_of_many_hides_none_of_them(prompt: str) -> None:
    pairs = [
        {"account.id": f"a{number}", "event.id": "e", "gen_ai.input.messages": prompt if number == 25 else "hi"} for number in range(51)
    ]
    records = [{"timeUnixNano": f"{NOON:.0f}000000000", "attributes": [attribute(*pair) for pair in each.items()]} for each in pairs]
    export = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    assert Collector(settings()).add([export], "test", NOON).accepted == 51


def attribute(name: str, value: str) -> Event:
    return {"key": name, "value": {"stringValue": value}}


def leaving(collector: Collector, lines: list[bytes]) -> bytes:
    ingested = collector.add(lines, "test", NOON)
    letters = [each.line + repr(each).encode() + repr(each.headers()).encode() for each in ingested.dead]
    blocks = [each.data for each in [*ingested.outgoing, *collector.flush()]]
    texts = [repr(decode(each, REQUESTS).batch.to_pylist()).encode() for each in blocks]
    return b"".join([*letters, *blocks, *texts, repr(ingested).encode()])


@pytest.mark.parametrize(
    "hidden",
    [
        line(prompt=MARKER),
        line(system_prompt=MARKER),
        line(prompt=[{"role": "system", "content": MARKER}, {"role": "user", "content": [{"type": "text", "text": MARKER}]}]),
        line(prompt=MARKER, timestamp=0),
        line(prompt={"text": MARKER}),
        line(prompt=MARKER * 5000),
        json.dumps({**event(), MARKER: MARKER, "timestamp": 0}).encode(),
        line(timestamp=MARKER),
        line(api_key__id=MARKER, user__id=MARKER, client__address=MARKER),
        json.dumps([MARKER]).encode(),
        json.dumps(MARKER).encode(),
        MARKER.encode(),
        line(prompt=MARKER)[:-3],
        b"\xff" + line(prompt=MARKER),
        b'{"prompt": "' + MARKER.encode() * 50_000 + b'"}',
    ],
)
def test_no_text_leaves_collect_in_any_form(hidden: bytes) -> None:
    out = leaving(Collector(settings(partitions=1)), [hidden])
    for word in MARKER.encode().split():
        assert word not in out


def test_the_marker_would_be_found_where_text_may_stay() -> None:
    assert MARKER.encode() in leaving(Collector(settings(partitions=1)), [line(user_agent__original=MARKER)])


def test_a_number_in_place_of_a_text_is_blanked_too() -> None:
    (letter,) = Collector(settings()).add([line(account__id=4111_1111_1111_1111, secret=4111_1111_1111_1111)], "test", NOON).dead
    assert b"4111" not in letter.line
    assert json.loads(letter.line)["timestamp"] == NOON + 1


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_dead_letters_and_never_an_error(lines: list[bytes]) -> None:
    collector = Collector(settings())
    ingested = collector.add(lines, "test", NOON)
    filled = [each for each in lines if each and not each.isspace()]
    assert ingested.accepted + len(ingested.dead) + ingested.rejected["duplicate"] == len(filled)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELD_NAMES = sorted(__import__("streams.schema.event", fromlist=["NAMES"]).NAMES)


@given(st.dictionaries(st.sampled_from(FIELD_NAMES), JSON, max_size=8), st.sampled_from(["auto", "litellm", "envoy"]))
def test_any_json_under_our_names_is_accepted_or_refused_and_never_an_error(fields: Event, log_format: str) -> None:
    collector = Collector(settings(), log_format)
    ingested = collector.add([json.dumps(event() | fields).encode()], "test", NOON)
    assert ingested.accepted + len(ingested.dead) == 1
    for block in collector.flush():
        assert len(decode(block.data, REQUESTS)) == 1


@given(st.lists(st.dictionaries(st.sampled_from(FIELD_NAMES), JSON, max_size=8), max_size=20))
def test_how_often_python_looks_for_cycles_changes_no_byte(fields: list[Event]) -> None:
    lines = [json.dumps(event(number) | each).encode() for number, each in enumerate(fields)]
    before = gc.get_threshold()
    try:
        gc.set_threshold(1)
        often = leaving(Collector(settings(fuse_run=1_000)), lines)
        collect_garbage_rarely()
        assert leaving(Collector(settings(fuse_run=1_000)), lines) == often
    finally:
        gc.set_threshold(*before)


def written(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def read(paths: list[Path], **changes: Any) -> tuple[list[OutgoingBlock], Collector]:
    given_settings = settings(**changes)
    collector = Collector(given_settings)
    return list(read_files(paths, given_settings, collector=collector)), collector


def test_a_file_always_gives_the_same_blocks(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.jsonl", [line(number, account__id=f"a{number % 7}", prompt=f"Question {number}") for number in range(3000)]
    )
    first, second = read([path])[0], read([path])[0]
    assert [(each.partition, each.data, each.events) for each in first] == [(each.partition, each.data, each.events) for each in second]
    assert sum(each.events for each in first) == 3000


def test_a_file_of_last_year_is_read_by_its_own_clock(tmp_path: Path) -> None:
    old = [line(number, timestamp=NOON - 300 * DAY + number) for number in range(10)]
    assert read([written(tmp_path / "old.jsonl", old)])[1].accepted == 10


def test_a_broken_gzip_gives_what_it_holds_and_one_dead_letter(tmp_path: Path) -> None:
    whole = gzip.compress(b"\n".join(line(number) for number in range(5000)))
    cut, good = tmp_path / "cut.gz", written(tmp_path / "good.jsonl", [line(9999)])
    cut.write_bytes(whole[: len(whole) // 2])
    blocks, collector = read([cut, good])
    assert 0 < collector.accepted < 5000
    assert sum(each.events for each in blocks) == collector.accepted
    assert collector.rejected["unreadable_input"] == 1


def test_a_file_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.jsonl"):
        list(read_files([tmp_path / "nowhere.jsonl"], settings()))


def test_a_refused_line_is_named_by_its_number_in_the_file_also_in_the_second_chunk(tmp_path: Path) -> None:
    path, dead = written(tmp_path / "a.jsonl", [*[line(number) for number in range(CHUNK_LINES)], b"wrong"]), list[str]()
    for ingested, _ in _steps(Collector(settings()), path, settings()):
        dead += [letter.position for letter in ingested.dead]
    assert dead == [str(CHUNK_LINES + 1)]


def test_a_blown_fuse_ends_a_file_after_the_good_lines_before_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [line(), *[b"wrong"] * 5000])
    rest = read_files([path], settings())
    assert next(rest).events == 1
    with pytest.raises(FuseBlownError):
        next(rest)


def test_two_clocks_are_two_files() -> None:
    collector = Collector(settings())
    assert collector.add([line(timestamp=NOON)], "a", FileClock(300.0, DAY)).accepted == 1
    assert collector.add([line(2, timestamp=NOON - 100 * DAY)], "b", FileClock(300.0, DAY)).accepted == 1
