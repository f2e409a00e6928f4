from __future__ import annotations

import json

import pytest
from collecting import LENGTHS, TEXTS, collect, microseconds, prompts
from job import Job
from meter import Meter
from replaying import Rooms, least
from run import summary, verdict
from sample import Sample

from streams.schema import blocks, layouts, topics
from streams.testing.figures import Figures


def found(ours: float, ratio: float) -> Figures:
    return {"events_per_cpu_second": {"accounts_agent": {"median": ours}}, "ratios": {"accounts_agent / confluent_loop": ratio}}


def test_the_same_traffic_comes_as_blocks_and_as_lines() -> None:
    sample = Sample.draw(3_000, accounts=10)
    decoded = [blocks.decode(data, layouts.REQUESTS) for _, _, data in sample.blocks(partitions=2)]
    lines = [json.loads(line) for _, line in sample.lines()]
    assert sum(map(len, decoded)) == len(lines) == 3_000
    tokens = sum(float(block.numbers("output_tokens").sum(dtype=float)) for block in decoded)
    assert tokens == sum(line["gen_ai.usage.output_tokens"] for line in lines)


def test_a_line_takes_about_586_bytes() -> None:
    lines = [line for _, line in Sample.draw(1_000).lines()]
    assert sum(map(len, lines)) / len(lines) == pytest.approx(586, rel=0.02)


def test_light_traffic_has_an_account_an_event() -> None:
    assert len(set(Sample.draw(500, light=True).columns["account_id"])) == 500


def test_a_sample_of_later_accounts_is_in_their_partitions() -> None:
    later = Sample.draw(200, light=True).numbered_from(500)
    assert later.columns["account_id"][0] == "acct-0000000001f4"
    for partition, _, data in later.blocks(partitions=3):
        names = blocks.decode(data, layouts.REQUESTS).texts("account_id")
        assert {topics.partition_of(str(name), 3) for name in names} == {partition}


def test_the_baselines_score_every_event() -> None:
    job = Job()
    assert [job.handle(line) for _, line in Sample.draw(20).lines()] == [0.0] * 20  # the forest's first window is not full


@pytest.mark.parametrize("language", TEXTS)
def test_prompts_of_every_language_have_exactly_the_length_that_is_stated_and_differ(language: str) -> None:
    for characters in LENGTHS:
        drawn = prompts(language, characters, 10)
        assert {len(prompt) for prompt in drawn} == {characters}
        assert len(set(drawn)) == 10


def test_microseconds_are_of_one_event() -> None:
    line = b'{"timestamp": 1790000000, "event.id": "e", "account.id": "a", "prompt": "why"}'
    assert 0 < microseconds(lambda: collect([line]), events=1, repetitions=3) < 1e6


def test_the_meter_says_ready_after_the_warm_up_and_knows_the_last_event(capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter(warm_up=2, events=2)
    assert not meter.count(1)
    assert capsys.readouterr().out == ""
    assert not meter.count(1)
    assert capsys.readouterr().out == "ready\n"
    assert meter.count(2)


def test_the_median_of_the_repetitions_is_shown_with_their_range() -> None:
    told = summary([{"events_per_cpu_second": speed} for speed in (1.0, 5.0, 2.0)])
    assert (told["median"], told["min"], told["max"]) == (2.0, 1.0, 5.0)


def test_what_is_below_the_floor_is_named() -> None:
    assert verdict(found(100_000, 2)) == []
    assert verdict(found(90_000, 1.5)) == [
        "accounts_agent handles 90,000 events per CPU-second, the floor is 100,000",
        "accounts_agent is 1.50 times confluent_loop, the floor is 2",
    ]


def test_time_counts_for_the_innermost_room_and_the_least_of_each_figure_is_kept() -> None:
    rooms = Rooms()
    inner = rooms.of("decode", lambda: sum(range(200_000)))
    with rooms.inside("accounts"):
        inner()
    assert rooms.seconds["decode"] > rooms.seconds["accounts"] >= 0
    assert least([{"a": {"b": 2.0}}, {"a": {"b": 1.0}}]) == {"a": {"b": 1.0}}
