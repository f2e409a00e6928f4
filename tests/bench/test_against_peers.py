from __future__ import annotations

import io
import json
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from against_peers import DISTRIBUTIONS, OURS, Results, Size, Spent, figures_of, in_turn, version_of
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from job import Job
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from peer_figures import ABOUT, Measured, NotRunError, Run, ratios, show, summary
from peer_sink import columns
from peer_traffic import Feeder, Line, dated, lines
from rich.console import Console

from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.intake.clock import FileClock
from streams.intake.collector import Collector

LOCK = Path(__file__).with_name("peers.lock")


@pytest.fixture(scope="session")
def drawn() -> list[Line]:
    return lines(partitions=4)


def run(rate: int = 300, cpu: float = 100.0, drain: float = 1.0) -> Run:
    return Run(rate, {"one": cpu / 4, "two": cpu * 3 / 4}, 5.0, 6.0, 0.5, 1.0, 300.0, drain, 0.25)


def test_a_line_has_the_time_and_the_id_it_is_sent_with_and_hydrometer_reads_it(drawn: list[Line]) -> None:
    _, rest = drawn[0]
    line = dated(rest, "r300-7", 1_790_000_000.25)
    event = json.loads(line)
    assert (event["timestamp"], event["event.id"]) == (1_790_000_000.25, "r300-7")
    step = Collector(Settings(mode="local")).add([line], "bench", FileClock(60.0, 60.0))
    assert not step.dead


def test_events_of_an_account_are_in_one_partition(drawn: list[Line]) -> None:
    homes = {(json.loads(dated(rest, "e", 0.0))["account.id"], partition) for partition, rest in drawn}
    assert max(Counter(account for account, _ in homes).values()) == 1
    assert {partition for _, partition in homes} == {0, 1, 2, 3}


def test_events_are_sent_at_the_rate_that_was_asked_for_with_ids_of_their_own() -> None:
    with EmbeddedBroker() as broker:
        with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
            admin.create_topics([NewTopic("topic", 2, 1)], wait_for_metadata=True)
        feeder = Feeder(broker.bootstrap, [(0, b"}"), (1, b"}")])
        assert feeder.steadily("topic", rate=100, seconds=0.1, run="r100") == 10
        feeder.at_once("topic", 2, "full")
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "test"})
        consumer.assign([TopicPartition("topic", partition, OFFSET_BEGINNING) for partition in (0, 1)])
        values = [cast("bytes", record.value()) for record in consumer.consume(12, 10.0)]
        consumer.close()
    sent = [f"r100-{number}" for number in range(10)] + ["full-10", "full-11"]
    assert sorted(json.loads(value)["event.id"] for value in values) == sorted(sent)


def test_a_row_has_the_means_and_variances_of_its_account_and_what_an_event_lacks_counts_as_0() -> None:
    job = Job()
    first = job.row(b'{"event.id": "e1", "account.id": "a", "timestamp": 10.0}')
    later = job.row(b'{"event.id": "e2", "account.id": "a", "timestamp": 10.0, "gen_ai.usage.output_tokens": 0}')
    assert first == ("e1", "a", 10.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert later == ("e2", "a", 10.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_rows_are_inserted_as_columns_with_milliseconds() -> None:
    events, accounts, times, *numbers = columns([("e1", "a", 1.5, 1.0, 2.0, 3.0, 4.0, 5.0), ("e2", "b", 2.0, 0.0, 0.0, 0.0, 0.0, 0.0)])
    assert (events.tolist(), accounts.tolist()) == (["e1", "e2"], ["a", "b"])
    assert times.tolist() == np.array([1_500, 2_000], "datetime64[ms]").tolist()
    assert [each[0] for each in numbers] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_cpu_time_of_a_program_is_an_events_share_and_the_rest_of_the_machine_is_named() -> None:
    before = Spent(at=0.0, parts={"collect": 1.0, "worker": 1.0}, broker=0.0, clickhouse=0.0, sender=0.0, machine=100.0)
    after = Spent(at=10.0, parts={"collect": 2.0, "worker": 4.0}, broker=1.0, clickhouse=2.0, sender=1.0, machine=118.0)
    parts, broker, clickhouse, others = after.since(before, events=1_000_000)
    assert (parts, broker, clickhouse) == ({"collect": 1.0, "worker": 3.0}, 1.0, 2.0)
    assert others == 1.0  # of 18 seconds 8 were ours, in 10


def test_of_several_rounds_the_median_is_kept_with_the_least_and_the_most() -> None:
    rounds = [[run(cpu=30.0)], [run(cpu=10.0)], [run(cpu=20.0, drain=11.0), run(rate=0, cpu=8.0)]]
    whole = summary([Measured(idle, runs) for idle, runs in zip((1.0, 2.0, 6.0), rounds, strict=True)])
    kept = whole["rates"]
    assert whole["idle_ms_a_second"] == {"min": 1.0, "median": 2.0, "max": 6.0}
    assert kept["300"]["cpu_us"] == {"min": 10.0, "median": 20.0, "max": 30.0}
    assert kept["300"]["parts_us"] == {"one": 5.0, "two": 15.0}
    assert (kept["300"]["rounds_held"], kept["300"]["rounds"]) == (2, 3)
    assert kept["full"]["cpu_us"]["median"] == 8.0


def test_we_are_compared_with_the_cheapest_peer_at_each_rate() -> None:
    programs = {name: summary([Measured(1.0, [run(cpu=cpu)])]) for name, cpu in ((OURS, 80.0), ("quix", 40.0), ("bytewax", 20.0))}
    assert ratios(programs, OURS) == {"300": {"best": "bytewax", "best_peer_us / ours": 0.25}}


def test_a_peer_that_cannot_run_is_said_to_be_not_run_with_the_reason_and_is_tried_again_in_the_next_round(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results, tried = Results([OURS, "pathway"], {OURS: [Measured(1.0, [run()])]}), []

    def measure() -> Measured:
        tried.append(1)
        raise NotRunError("it has no wheel for this Python")

    results.add("pathway", measure)
    results.add("pathway", measure)
    assert len(tried) == 2
    assert "NOT RUN: it has no wheel for this Python" in capsys.readouterr().err
    console = Console(width=150, record=True, file=io.StringIO())
    show(console, figures_of(results, Size()))
    text = console.export_text()
    assert f"pathway {version_of('pathway')}: NOT RUN: it has no wheel for this Python" in text
    assert "100 (100 to 100)" in text


def test_peers_do_their_job_with_the_river_and_the_client_that_we_have() -> None:
    pinned = set(LOCK.read_text().splitlines())
    ours = (LOCK.parents[2] / "requirements-dev.lock").read_text().splitlines()
    for name in ("river", "clickhouse-driver", "numpy"):
        line = next(line for line in ours if line.startswith(f"{name}=="))
        assert line in pinned
    assert set(DISTRIBUTIONS) | {OURS} == set(ABOUT)
    assert all(version_of(name) for name in DISTRIBUTIONS.values())


@pytest.mark.integration
@pytest.mark.timeout(240)
def test_each_event_has_a_row_and_cpu_time_on_a_real_kafka(tmp_path: Path) -> None:
    size = Size(rates=(200,), steady_seconds=2.0, idle_seconds=2.0, warm_up_events=200, backlog_events=500)
    (results,) = in_turn(["confluent", OURS], 1, size, lambda: Path(sys.executable), tmp_path)
    assert results.not_run == {}
    assert set(results.rounds) == {"confluent", OURS}
    for (measured,), runs in ((rounds, rounds[0].runs) for rounds in results.rounds.values()):
        assert measured.idle_ms >= 0
        assert [each.label for each in runs] == ["200", "full"]
        assert all(sum(each.parts.values()) > 0 for each in runs)
        assert all(0 < each.p50_seconds <= each.p99_seconds for each in runs)
    assert set(figures_of(results, size)["ratios"]) == {"200", "full"}
