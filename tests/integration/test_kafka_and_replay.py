"""Through Kafka and through replay the same events give the same alerts and the same evidence.

Replay carries a block through all stages before it reads the next. Live traffic comes close to that: its feedback is a second behind the
events. So blocks are sent here one at a time, each when everything that came of the one before has arrived where it belongs, and a
partition does not wait for what may yet come.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from comparison import families, last_monday, replay_of, state_of
from kafka import KafkaConsumer, TopicPartition

from streams.demo.campaigns import HYDRA
from streams.demo.traffic import Traffic, demo_traffic
from streams.devserver.kafka import ApacheKafka
from streams.devserver.system import System, local_system
from streams.intake.block_producer import BlockProducer
from streams.intake.collector import OutgoingBlock, read_files
from streams.replay.run import Replay
from streams.schema import topics
from streams.worker.pace import MARK

EVENTS = 6_000
FEEDBACK = (topics.GROUPS, topics.FEEDBACK, topics.EVIDENCE)
"""What the next block may depend on. (How many records carry the scores depends on what a worker gathers.)"""
PATIENCE = 90.0
LARGEST_DIFFERENCE_NATS = 3.0


@dataclass
class Lockstep:
    """A running system and a replay that get the same blocks, one at a time."""

    system: System
    hop: float
    """Seconds within which an agent sees a record."""
    replay: Replay = field(init=False)
    values: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.replay = replay_of(self.system.settings)
        places = [TopicPartition(topic, number) for topic in FEEDBACK for number in range(self._partitions(topic))]
        self._reader = KafkaConsumer(bootstrap_servers=self.system.settings.kafka, auto_offset_reset="earliest", fetch_max_wait_ms=50)
        self._reader.assign(places)

    def close(self) -> None:
        self._reader.close()

    def run(self, outgoing: Iterator[OutgoingBlock]) -> None:
        with BlockProducer(self.system.settings, "file") as shipper:
            for block in outgoing:
                told = self._expected()[topics.FEEDBACK]
                shipper.insist([block])
                self.replay.feed([block])
                self._wait(FEEDBACK)
                time.sleep(self.hop if self._expected()[topics.FEEDBACK] > told else 0)
        time.sleep(self.hop)  # for the cases: evidence of two groups may come in another order, and then in more or fewer versions of them

    def _partitions(self, topic: str) -> int:
        return next(each for each in topics.TOPICS if each.name == topic).partitions(self.system.settings)

    def _expected(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for (topic, _), count in self.replay.pipeline._offsets.items():
            counts[topic] += count
        return counts

    def _wait(self, names: tuple[str, ...]) -> None:
        give_up = time.monotonic() + PATIENCE
        wanted = {name: self._expected()[name] for name in names}
        while (found := self._counted(names)) != wanted:
            assert time.monotonic() < give_up, f"replay has {wanted}, Kafka has {found}: read {self.system.folder}/worker-agents.log"
            self.system.check()
            for place, records in self._reader.poll(timeout_ms=50).items():
                self.values.setdefault((place.topic, place.partition), []).extend(record.value for record in records if record.key != MARK)

    def _counted(self, names: tuple[str, ...]) -> dict[str, int]:
        found = Counter(dict.fromkeys(names, 0))
        for (topic, _), values in self.values.items():
            found[topic] += len(values)
        return {name: found[name] for name in names}


def upgraded_halfway(traffic: Traffic) -> Iterator[bytes]:
    """Yield the first lines; from the middle on the hydra's relay sends its headers in another order."""
    hydra = {account for account, role in traffic.truth.items() if role.campaign == HYDRA}
    for number, line in enumerate(islice(traffic.lines(), EVENTS)):
        event = orjson.loads(line)
        if number >= EVENTS / 2 and event["account.id"] in hydra:
            event["http.request.header_names"].reverse()
        yield orjson.dumps(event)


def renamed(known: Replay) -> list[dict[str, int]]:
    """Return by which name each partition of accounts knows which stack."""
    tables = [stage.links.aliases.table for stage in known.pipeline.accounts]
    return [{table.keys[slot]: int(table["first"][slot]) for slot in table.slots.tolist()} for table in tables]


def stored(system: System, alerts: set[str]) -> dict[str, Any]:
    """Wait until ClickHouse has the requests and these alerts, and return its figures."""
    asked = {
        "requests": "SELECT count() FROM requests",
        "usage": "SELECT sum(requests) FROM usage_minute",
        "input_tokens": "SELECT sum(input_tokens) FROM requests",
        "usage_input_tokens": "SELECT sum(input_tokens) FROM usage_minute",
        "alerts": "SELECT groupUniqArray(alert_id) FROM alerts",
        "refused": "SELECT sum(count) FROM dead_letters",
    }
    give_up = time.monotonic() + PATIENCE
    with system.client() as client:
        while True:
            rows = {name: client.execute(query)[0][0] for name, query in asked.items()}
            if time.monotonic() > give_up or (rows["usage"] >= EVENTS and set(rows["alerts"]) >= alerts):
                return rows
            time.sleep(0.3)


BROKERS = [
    pytest.param("embedded", 512, id="embedded", marks=[pytest.mark.integration, pytest.mark.timeout(300)]),
    pytest.param("apache", 128, id="apache", marks=[pytest.mark.integration, pytest.mark.timeout(300)]),
]


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    if request.param == "embedded":
        yield None
        return
    with ApacheKafka(tmp_path / "kafka") as kafka:  # of its own: the names of topics are fixed
        yield kafka.bootstrap


@pytest.mark.parametrize(("broker", "block_events"), BROKERS, indirect=["broker"])
def test_the_same_events_give_the_same_alerts_and_the_same_evidence(broker: str | None, block_events: int, tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_bytes(b"\n".join(upgraded_halfway(demo_traffic(accounts=600, events=20_000, start=last_monday()))))
    hop = 0.1
    with local_system(tmp_path / "run", broker, block_events=block_events, checkpoint_seconds=60.0, backlog_end_seconds=0) as system:
        system.start("agents", ())  # all of them
        with closing(Lockstep(system, hop)) as lockstep:
            lockstep.run(read_files([log], system.settings))
        expected = lockstep.replay
        ids = {alert.alert_id for alert in expected.alerts}
        rows = stored(system, ids)
        system.stop()
        found = state_of(system.settings)

    assert len(ids) >= 3, "too little traffic to compare alerts"
    assert renamed(found) == renamed(expected)
    assert all(renamed(expected)), "every partition of accounts knows that the relay was upgraded"
    assert set(rows["alerts"]) == ids
    assert (rows["requests"], rows["usage"], rows["refused"]) == (EVENTS, EVENTS, 0)
    assert rows["usage_input_tokens"] == rows["input_tokens"]

    want, have = expected.accounts(), found.accounts()
    assert {name for name, row in have.items() if row.alerted} == {name for name, row in want.items() if row.alerted}
    assert {name: row.requests for name, row in have.items()} == {name: row.requests for name, row in want.items()}
    for measure in ("extraction", "routing"):
        agree({name: getattr(row, measure) for name, row in have.items()}, {name: getattr(row, measure) for name, row in want.items()})
        agree(
            {name: getattr(row, measure) for name, row in found.routers().items()},
            {name: getattr(row, measure) for name, row in expected.routers().items()},
        )
    want_own, have_own = families(expected), families(found)
    assert have_own.keys() == want_own.keys()
    agree(
        {f"{name} {family}": value for name, nats in have_own.items() for family, value in enumerate(nats)},
        {f"{name} {family}": value for name, nats in want_own.items() for family, value in enumerate(nats)},
    )


def agree(have: Mapping[str, float], want: Mapping[str, float]) -> None:
    """Compare evidence in nats: what a worker gathers within 100 ms decides when a group is scored, which may show in one value of 50."""
    assert have.keys() == want.keys()
    off = {name: (have[name], nats) for name, nats in want.items() if have[name] != pytest.approx(nats, rel=0.01, abs=0.01, nan_ok=True)}
    assert len(off) <= max(1, len(want) // 50), off
    assert all(abs(mine - replayed) < LARGEST_DIFFERENCE_NATS for mine, replayed in off.values()), off
