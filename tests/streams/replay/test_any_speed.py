"""However fast blocks are read, and in whatever order those of different partitions meet, accounts and alerts are judged alike."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import orjson
import pytest

from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.intake.collector import OutgoingBlock, read_files
from streams.replay.run import Replay
from streams.schema import blocks, layouts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EVENTS = 3_000
PARTITIONS = 4
MINUTE, HOUR = 60.0, 3600.0
HALF_A_NAT = 0.5
MAX_MOVED_NATS = 2.0
"""By which evidence of a family may differ when partitions, or the requests of an account, come in another order within an hour."""


@pytest.fixture(scope="module")
def outgoing(tmp_path_factory: pytest.TempPathFactory) -> list[OutgoingBlock]:
    log = tmp_path_factory.mktemp("log") / "events.jsonl"
    log.write_bytes(b"\n".join(islice(demo_traffic(accounts=600, events=20_000).lines(), EVENTS)))
    return list(read_files([log], Settings(mode="local", partitions=PARTITIONS)))


@pytest.fixture(scope="module")
def replayed(outgoing: list[OutgoingBlock]) -> Replay:
    replay = Replay(PARTITIONS, b"a key of this test")
    replay.feed(outgoing)
    return replay


def families(replay: Replay) -> dict[str, list[float]]:
    tables = [stage.table for stage in replay.pipeline.accounts]
    return {table.keys[slot]: np.nan_to_num(table["evidence_shrunk"][slot]).tolist() for table in tables for slot in table.slots.tolist()}


def off(have: Replay, want: Replay) -> list[str]:
    """Return the accounts whose evidence differs by over one per cent, or a hundredth of a nat."""
    found, expected = families(have), families(want)
    assert found.keys() == expected.keys()
    return [name for name, nats in expected.items() if not np.allclose(found[name], nats, rtol=0.01, atol=0.01)]


def moved(have: Replay, want: Replay) -> tuple[float, float]:
    """Return by how much evidence of a family differs at most, in nats, and the share of accounts where it does by over half a nat."""
    found, expected = families(have), families(want)
    nats = np.array([np.abs(np.array(found[name]) - nats).max() for name, nats in expected.items()])
    return float(nats.max()), float((nats > HALF_A_NAT).mean())


def alerts(replay: Replay) -> set[str]:
    return {alert.alert_id for alert in replay.alerts}


def jostled(outgoing: Sequence[OutgoingBlock], seconds: float) -> Iterator[OutgoingBlock]:
    """Yield the blocks as if each partition were up to so many seconds of event time late; within a partition they keep their order."""
    chance, queues = random.Random(1), [iter([block for block in outgoing if block.partition == place]) for place in range(PARTITIONS)]
    times = [float(np.median(blocks.decode(block.content, layouts.REQUESTS).numbers("time"))) for block in outgoing]
    for turn in sorted(range(len(outgoing)), key=lambda turn: times[turn] + chance.uniform(0.0, seconds)):
        yield next(queues[outgoing[turn].partition])


def test_a_block_at_a_time_as_live_traffic_comes_gives_the_alerts_and_the_evidence_of_a_replay(
    outgoing: list[OutgoingBlock], replayed: Replay
) -> None:
    live = Replay(PARTITIONS, b"a key of this test")
    for block in outgoing:
        live.pipeline.feed(block.partition, block.content)
    assert len(alerts(replayed)) >= 3
    assert alerts(live) == alerts(replayed)
    assert len(off(live, replayed)) <= len(families(replayed)) // 50


def test_partitions_that_are_a_minute_apart_give_the_alerts_and_the_evidence_of_a_replay(
    outgoing: list[OutgoingBlock], replayed: Replay
) -> None:
    apart = Replay(PARTITIONS, b"a key of this test")
    apart.feed(jostled(outgoing, MINUTE))
    assert alerts(apart) == alerts(replayed)
    assert len(off(apart, replayed)) <= len(families(replayed)) // 50


def test_partitions_that_are_an_hour_apart_move_few_accounts_by_half_a_nat_and_none_by_two(
    outgoing: list[OutgoingBlock], replayed: Replay
) -> None:
    apart = Replay(PARTITIONS, b"a key of this test")
    apart.feed(jostled(outgoing, HOUR))
    most, share = moved(apart, replayed)
    assert 0.0 < most < MAX_MOVED_NATS
    assert share <= 0.03
    assert alerts(apart) == alerts(replayed)


def test_a_log_whose_lines_come_in_another_order_within_an_hour_moves_no_account_by_two_nats(replayed: Replay, tmp_path: Path) -> None:
    lines, chance, log = (
        list(islice(demo_traffic(accounts=600, events=20_000).lines(), EVENTS)),
        random.Random(1),
        tmp_path / "shuffled.jsonl",
    )
    times = [float(orjson.loads(line)["timestamp"]) for line in lines]
    log.write_bytes(b"\n".join(lines[turn] for turn in sorted(range(EVENTS), key=lambda turn: times[turn] + chance.uniform(0.0, HOUR))))
    shuffled = Replay(PARTITIONS, b"a key of this test")
    shuffled.feed(list(read_files([log], Settings(mode="local", partitions=PARTITIONS))))
    most, share = moved(shuffled, replayed)
    assert HALF_A_NAT < most < MAX_MOVED_NATS
    assert share <= 0.2
