"""However fast blocks are read, and in whatever order those of different partitions meet, accounts and alerts are judged alike."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import orjson
import pytest

from models.arrays import Floats
from models.evidence.families import FAMILIES
from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.features.account.tiny_answers import TinyAnswers
from streams.features.declaration import Feature
from streams.features.registry import features
from streams.intake.collector import OutgoingBlock, read_files
from streams.replay.run import Replay
from streams.schema import blocks, layouts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
EVENTS = 20_000
"""Two days: on its first one the references of a new system have few votes."""
PARTITIONS = 4
MINUTE, HOUR = 60.0, 3600.0
HALF_A_NAT = 0.5
"""By which evidence of a family may differ when the requests of an hour, or the blocks of partitions, come in another order."""
MOST_NATS = {"client": 0.8, "content": 1.2, "timing": 1.2, "network": 0.8}
"""Families of which a few accounts move by more, and by how much at most: see `docs/guarantees.md`."""


def read(lines: Sequence[bytes], folder: Path) -> list[OutgoingBlock]:
    """The blocks of a log, and of a last request of each of some accounts hours later: all others have paused by then."""
    end = max(float(orjson.loads(line)["timestamp"]) for line in lines) + 2 * HOUR
    last = orjson.loads(lines[-1])
    tail = [orjson.dumps(last | {"account.id": f"tail-{name}", "event.id": f"tail-{name}", "timestamp": end}) for name in range(40)]
    log = folder / "events.jsonl"
    log.write_bytes(b"\n".join([*lines, *tail]))
    return list(read_files([log], Settings(mode="local", partitions=PARTITIONS)))


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(islice(demo_traffic(accounts=600, events=EVENTS).lines(), EVENTS))


@pytest.fixture(scope="module")
def outgoing(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> list[OutgoingBlock]:
    return read(lines, tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="module")
def replayed(outgoing: list[OutgoingBlock]) -> Replay:
    replay = Replay(PARTITIONS, b"a key of this test")
    replay.feed(outgoing)
    return replay


@pytest.fixture(scope="module")
def shuffled(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """The same log, each line up to an hour late."""
    chance = random.Random(1)
    late = [float(orjson.loads(line)["timestamp"]) + chance.uniform(0.0, HOUR) for line in lines]
    replay = Replay(PARTITIONS, b"a key of this test")
    replay.feed(read([lines[turn] for turn in sorted(range(len(lines)), key=late.__getitem__)], tmp_path_factory.mktemp("log")))
    return replay


def families(replay: Replay) -> dict[str, list[float]]:
    tables = [stage.table for stage in replay.pipeline.accounts]
    return {
        table.keys[slot]: np.nan_to_num(table["evidence_shrunk"][slot]).tolist()
        for table in tables
        for slot in table.slots.tolist()
        if not table.keys[slot].startswith("tail-")
    }


def nats_by_feature(replay: Replay) -> dict[str, list[float]]:
    """Each account's evidence by feature, as it would be scored now."""
    scored = [(stage.table, stage.scoring.score(stage.table.slots)) for stage in replay.pipeline.accounts]
    return {
        table.keys[slot]: np.nan_to_num(scores.nats[row]).tolist()
        for table, scores in scored
        for row, slot in enumerate(scores.slots.tolist())
        if not table.keys[slot].startswith("tail-")
    }


def off(have: Replay, want: Replay) -> list[str]:
    """Return the accounts whose evidence differs by over one per cent, or a hundredth of a nat."""
    found, expected = families(have), families(want)
    assert found.keys() == expected.keys()
    return [name for name, nats in expected.items() if not np.allclose(found[name], nats, rtol=0.01, atol=0.01)]


def differences(have: Mapping[str, list[float]], want: Mapping[str, list[float]]) -> Floats:
    """Return by how much each account's evidence differs, in nats, (accounts, families or features)."""
    assert have.keys() == want.keys()
    return np.array([np.abs(np.array(have[name]) - nats) for name, nats in want.items()])


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
    assert len(alerts(replayed)) >= 20
    assert alerts(live) == alerts(replayed)
    assert len(off(live, replayed)) <= len(families(replayed)) // 100


def test_partitions_that_are_a_minute_apart_give_the_alerts_and_the_evidence_of_a_replay(
    outgoing: list[OutgoingBlock], replayed: Replay
) -> None:
    apart = Replay(PARTITIONS, b"a key of this test")
    apart.feed(jostled(outgoing, MINUTE))
    assert alerts(apart) == alerts(replayed)
    assert len(off(apart, replayed)) <= len(families(replayed)) // 100


def test_feedback_that_comes_half_an_hour_late_gives_the_alerts_and_the_evidence_of_a_replay(
    outgoing: list[OutgoingBlock], replayed: Replay
) -> None:
    late, newest = Replay(PARTITIONS, b"a key of this test"), -np.inf
    for block in outgoing:
        time = float(np.median(blocks.decode(block.content, layouts.REQUESTS).numbers("time")))
        if time > newest + HOUR / 2:
            late.pipeline.drain()
            newest = time
        late.pipeline.carry(block.partition, block.content)
    late.pipeline.drain()
    assert alerts(late) == alerts(replayed)
    assert len(off(late, replayed)) <= len(families(replayed)) // 100


def test_partitions_that_are_an_hour_apart_give_the_alerts_and_the_evidence_of_a_replay(
    outgoing: list[OutgoingBlock], replayed: Replay
) -> None:
    apart = Replay(PARTITIONS, b"a key of this test")
    apart.feed(jostled(outgoing, HOUR))
    assert 0.0 < differences(families(apart), families(replayed)).max() < HALF_A_NAT / 2
    assert len(off(apart, replayed)) <= len(families(replayed)) // 100
    assert alerts(apart) == alerts(replayed)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_log_whose_lines_come_in_another_order_within_an_hour_moves_each_family_by_less_than_half_a_nat(
    family: str, shuffled: Replay, replayed: Replay
) -> None:
    moved = differences(families(shuffled), families(replayed))[:, FAMILIES.index(family)]
    assert moved.max() < MOST_NATS.get(family, HALF_A_NAT)
    assert (moved > HALF_A_NAT).mean() <= 0.01


@pytest.mark.parametrize("feature", features("account"), ids=lambda feature: feature.name())
def test_once_all_of_it_has_come_each_feature_is_worth_the_same_to_half_a_nat(
    feature: type[Feature], shuffled: Replay, replayed: Replay
) -> None:
    column = features("account").index(feature)
    moved = differences(nats_by_feature(shuffled), nats_by_feature(replayed))[:, column]
    assert (moved > HALF_A_NAT).sum() <= (1 if feature is TinyAnswers else 0), "who first shared a template is another one"


def test_a_log_whose_lines_come_in_another_order_within_an_hour_gives_nearly_the_same_alerts(shuffled: Replay, replayed: Replay) -> None:
    assert len(alerts(shuffled) ^ alerts(replayed)) <= 3
