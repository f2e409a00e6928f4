"""However fast blocks are read, and in whatever order those of different partitions meet, accounts and alerts are judged alike."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pytest

from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.intake.collector import OutgoingBlock, read_files
from streams.replay.run import Replay
from streams.schema import blocks, layouts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EVENTS = 3_000
PARTITIONS = 4
MINUTE = 60.0


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
