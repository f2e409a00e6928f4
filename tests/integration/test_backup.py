"""A deployment that is destroyed and restored has the same rows, cases, records and offsets, and counts on as one that was never touched.

Both read the same blocks, on Apache Kafka, with tables in RocksDB and ClickHouse's engine. One is stopped in the middle, saved, and loses
its topics, tables and state folder; a new one is made of the backup alone, beside the ledger of erasures.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaProducer

from streams.backup import logs, run
from streams.clickhouse import migrate
from streams.clickhouse.client import connected
from streams.core.errors import BrokerUnavailableError
from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.devserver.kafka import ApacheKafka
from streams.devserver.process import local_server
from streams.intake.collector import OutgoingBlock, read_files
from streams.kafka import progress
from streams.schema import topics
from streams.testing.processes import Running, hydrometer
from streams.worker.app import AGENTS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]
EVENTS = 2_400
SETTLES_WITHIN_SECONDS = 400
KEYS = {name: f"the {name} of these tests, and long" for name in ("signing_key", "seal_key", "sketch_key", "pseudonym_key")}
OF_REQUESTS = "SELECT count(), uniqExact(event_id), sum(cityHash64(event_id, account_id, template, simhash)) FROM requests"
OF_USAGE = (
    "SELECT minute, request_model, sum(requests), sum(input_tokens), uniqMerge(accounts) FROM usage_minute GROUP BY 1, 2 ORDER BY 1, 2"
)
OF_ACCOUNTS = "SELECT entity_id, time, max(requests) FROM scores WHERE entity_kind = 'account' GROUP BY 1, 2 ORDER BY 1, 2"
SAME_MOMENTS_SHARE = 0.95
"""Scores of accounts at the same moments, at least: when one is scored depends on feedback too, some of which is lost with a worker."""
OF_CASES = """
SELECT any(behaviour), arraySort(groupArray(name)) AS members FROM (SELECT * FROM cases FINAL) AS cases
INNER JOIN (SELECT case_id, name FROM case_lists WHERE part = 'members') AS lists USING case_id
WHERE accounts >= 2 GROUP BY case_id ORDER BY 2, 1
"""


def quiet(_line: str) -> None:
    """Throw away what is told."""


@dataclass
class Deployment:
    """A Kafka, a ClickHouse and a state folder below one folder."""

    folder: Path
    settings: Settings
    variables: dict[str, str]

    @classmethod
    def start(cls, folder: Path, running: ExitStack) -> Deployment:
        kafka = running.enter_context(ApacheKafka(folder / "kafka"))
        server = running.enter_context(local_server(folder / "clickhouse", user="h", password="a password of these tests"))
        where = {"kafka": kafka.bootstrap, "partitions": 2, "clickhouse_host": server.host, "clickhouse_port": server.port}
        login = {"clickhouse_user": server.user, "clickhouse_password": server.password, "mode": "production"}
        given = {**where, **login, **KEYS, "replication": 1, "checkpoint_seconds": 2, "state_dir": folder / "state"}
        variables = {name.upper(): str(value) for name, value in given.items()}
        settings = Settings.load({f"HYDROMETER_{name}": value for name, value in variables.items()}, role="backup")
        return cls(folder, settings, variables)

    def prepare(self) -> None:
        topics.ensure(self.settings)
        migrate.run(self.settings)

    def send(self, blocks: Sequence[OutgoingBlock]) -> None:
        with closing(KafkaProducer(**topics.client_options(self.settings))) as producer:
            for block in blocks:
                producer.send(topics.REQUESTS, block.data, partition=block.partition)
            producer.flush()

    def wait(self, worker: Running, *agents: str, behind: int = 0) -> None:
        """Wait until agents have read all that they read but for some blocks, and no more comes of it."""
        give_up, before = time.monotonic() + SETTLES_WITHIN_SECONDS, None
        while True:
            ends = {agent: topics.ends(self.settings, logs.reads()[agent]) for agent in agents}
            if ends == before and all(self._has_read(agent, ends[agent], behind) for agent in agents):
                return
            assert worker.runs, worker.log.read_text()[-2_000:]
            assert time.monotonic() < give_up, worker.log.read_text()[-2_000:]
            before = ends
            time.sleep(5)

    def _has_read(self, agent: str, ends: Mapping[Any, int], behind: int) -> bool:
        needed = {tp: end - behind for tp, end in ends.items() if end > behind}
        with suppress(BrokerUnavailableError):  # until the group has a coordinator
            return progress.passed(self.settings, topics.group_of(agent), needed)
        return False

    def worker(self, name: str) -> Any:
        return hydrometer("worker", log=self.folder / f"{name}.log", **self.variables)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with connected(self.settings) as clickhouse:
            return clickhouse.query(sql)


def topic_position(settings: Settings) -> tuple[dict[Any, int], Mapping[str, Mapping[Any, int]]]:
    """Return where the topics end, and how far the groups have read: of a changelog only the records count, not their offsets."""
    ends, committed = logs.TopicPosition.of(settings).settled()
    return {tp: end for tp, end in ends.items() if tp.topic not in logs.CHANGELOGS}, committed


def blocks(folder: Path) -> list[OutgoingBlock]:
    """Return a morning of the demonstration that ends now: ClickHouse drops what has expired as it comes in."""
    folder.mkdir(parents=True)
    events = [orjson.loads(line) for line in islice(demo_traffic(accounts=600, events=20_000).lines(), EVENTS)]
    by = time.time() - 60 - max(event["timestamp"] for event in events)
    lines = [orjson.dumps({**event, "timestamp": event["timestamp"] + by}) + b"\n" for event in events]
    (folder / "events.jsonl").write_bytes(b"".join(lines))
    return list(
        read_files([folder / "events.jsonl"], Settings.model_validate({"mode": "local", "partitions": 2, "block_events": 256, **KEYS}))
    )


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> list[OutgoingBlock]:
    return blocks(tmp_path_factory.mktemp("traffic") / "events")


def test_a_deployment_that_was_destroyed_goes_on_as_one_that_was_not(traffic: list[OutgoingBlock], tmp_path: Path) -> None:
    half = len(traffic) // 2
    with ExitStack() as running:
        untouched = Deployment.start(tmp_path / "untouched", running)
        untouched.prepare()
        with untouched.worker("worker") as worker:
            untouched.send(traffic)
            untouched.wait(worker, *AGENTS)
        expected = {sql: untouched.ask(sql) for sql in (OF_REQUESTS, OF_USAGE, OF_ACCOUNTS)}
    with ExitStack() as running:
        first = Deployment.start(tmp_path / "first", running)
        first.prepare()
        with first.worker("worker") as worker:
            first.send(traffic[:half])
            first.wait(worker, topics.ACCOUNTS_AGENT, behind=3)
        with connected(first.settings) as clickhouse:
            run.backup(first.settings, clickhouse, tmp_path / "backup", (), 90, quiet)
        saved = {sql: first.ask(sql) for sql in (*expected, OF_CASES)}
        ends, committed = topic_position(first.settings)
        ledger = (first.settings.state_dir / "erasures.jsonl").read_bytes()
    shutil.rmtree(tmp_path / "first")
    with ExitStack() as running:
        second = Deployment.start(tmp_path / "second", running)
        second.settings.state_dir.mkdir(parents=True)
        (second.settings.state_dir / "erasures.jsonl").write_bytes(ledger)
        run.restore(second.settings, tmp_path / "backup", ledger_is_lost=False, progress=quiet)
        assert {sql: second.ask(sql) for sql in saved} == saved
        assert topic_position(second.settings) == (ends, committed)
        with second.worker("worker") as worker:
            second.send(traffic[half:])
            second.wait(worker, *AGENTS)
        found = {sql: second.ask(sql) for sql in expected}
        assert "set aside" not in (second.folder / "worker.log").read_text()
    for sql in (OF_REQUESTS, OF_USAGE):
        assert found[sql] == expected[sql], sql
    counted, as_untouched = ({(account, moment): count for account, moment, count in rows[OF_ACCOUNTS]} for rows in (found, expected))
    same = counted.keys() & as_untouched.keys()
    assert len(same) >= SAME_MOMENTS_SHARE * len(as_untouched)
    assert {key: counted[key] for key in same} == {key: as_untouched[key] for key in same}
    assert expected[OF_REQUESTS][0][0] == EVENTS
    assert saved[OF_ACCOUNTS]
