"""Real workers, a broker and ClickHouse's engine: a planted account is in no table, compacted topic or state after `hydrometer forget`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from pydantic import SecretStr

from streams.cases.audit_chain import HistoryCheck
from streams.cases.views import terminal
from streams.clickhouse import migrate
from streams.clickhouse.account_rows import AccountRows
from streams.clickhouse.client import ClickHouse, connected
from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.exports.erasure import Order, erase
from streams.intake.collector import read_files
from streams.schema import topics
from streams.schema.erasures import Receipt
from streams.testing.builders import embedded_broker, local_clickhouse
from streams.testing.processes import hydrometer
from streams.worker.stored import Seal

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
EVENTS = 6_000
SIGNING_KEY = "a signing key for this test"


@dataclass
class System:
    """Running workers that have read a morning of traffic."""

    settings: Settings
    clickhouse: ClickHouse

    def forget(self, account: str) -> Receipt:
        return erase(self.settings, self.clickhouse, Order(account, "ada", "request 1"), wait_seconds=200)

    def records(self, topic: str) -> dict[tuple[int, bytes | None], bytes | None]:
        """Return the last record of each key, as compaction leaves it."""
        options = topics.client_options(self.settings)
        last: dict[tuple[int, bytes | None], bytes | None] = {}
        with closing(KafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")) as consumer:
            tps = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
            consumer.assign(tps)
            consumer.seek_to_beginning(*tps)
            ends = consumer.end_offsets(tps)
            while any(consumer.position(tp) < ends[tp] for tp in tps):
                for tp, records in consumer.poll(timeout_ms=1000).items():
                    last |= {(tp.partition, record.key): record.value for record in records}
        return last

    def state(self, agent: str) -> Iterator[bytes]:
        """Yield every record of an agent's state, unpacked."""
        seal = Seal(self.settings.seal_key.get_secret_value().encode())
        for (_, key), value in self.records(topics.changelog(agent)).items():
            stored = seal.opened(key, value)
            data = stored.data if stored else b""
            yield zstandard.decompress(data, max_output_size=1 << 28) if data[:4] == b"\x28\xb5\x2f\xfd" else data


def wait_for(done: Callable[[], Any], seconds: float = 240) -> Any:
    give_up = time.monotonic() + seconds
    while not (result := done()):
        assert time.monotonic() < give_up, "nothing happened in time"
        time.sleep(1)
    return result


def shifted(path: Path) -> Path:
    """Write a morning of the demonstration that ends now: ClickHouse drops what has expired as it comes in."""
    events = [orjson.loads(line) for line in islice(demo_traffic(accounts=600, events=20_000).lines(), EVENTS)]
    by = time.time() - 60 - max(event["timestamp"] for event in events)
    path.write_bytes(b"".join(orjson.dumps({**event, "timestamp": event["timestamp"] + by}) + b"\n" for event in events))
    return path


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder: Path = tmp_path_factory.mktemp("forget")
    with embedded_broker() as bootstrap, local_clickhouse(folder) as server:
        settings = server.settings(partitions=2, kafka=bootstrap, signing_key=SecretStr(SIGNING_KEY))
        topics.ensure(settings)
        migrate.run(settings)
        with closing(KafkaProducer(**topics.client_options(settings))) as producer:
            for block in read_files([shifted(folder / "events.jsonl")], settings):
                producer.send(topics.REQUESTS, block.data, partition=block.partition)
            producer.flush()
        variables = {
            "KAFKA": bootstrap,
            "PARTITIONS": "2",
            "CLICKHOUSE_HOST": server.host,
            "CLICKHOUSE_PORT": str(server.port),
            "CLICKHOUSE_USER": server.user,
            "CLICKHOUSE_PASSWORD": server.password,
            "SIGNING_KEY": SIGNING_KEY,
            "CHECKPOINT_SECONDS": "2",
            "STATE_DIR": str(folder / "state"),
        }
        with hydrometer("worker", log=folder / "worker.log", **variables), connected(settings) as clickhouse:
            wait_for(lambda: clickhouse.query("SELECT count() FROM requests")[0][0] >= EVENTS * 0.9)
            wait_for(lambda: clickhouse.query("SELECT max(accounts) FROM cases")[0][0] >= 3)
            yield System(settings, clickhouse)


def test_a_planted_account_is_in_no_table_topic_or_state_after_it_was_forgotten(system: System) -> None:
    case = max(terminal.newest(system.clickhouse, with_resolved=True), key=lambda case: len(case.payload.members))
    account = min(case.payload.members)
    rows = AccountRows(system.clickhouse, account)
    assert {table for table, count in rows.counts().items() if count} >= {"requests", "scores", "cases"}
    receipt = system.forget(account)
    assert receipt.rows["requests"] > 0
    assert receipt.state["accounts"] == {"accounts": 1}
    assert receipt.state["cases"]["cases changed"] == 1
    assert not any(rows.counts().values())
    assert account not in str(terminal.find(system.clickhouse, case.case_id))
    for topic in (topics.ALERTS, topics.CASES, topics.LABELS, topics.ERASURES):
        assert not [key for key, value in system.records(topic).items() if value and account.encode() in value]
    wait_for(
        lambda: not [data for agent in ("accounts", "groups", "cases") for data in system.state(agent) if account.encode() in data], 60
    )
    history = HistoryCheck.of(system.settings)
    assert "versions are signed" in terminal.check(system.clickhouse, terminal.find(system.clickhouse, case.case_id), history)


def test_an_account_that_nobody_knows_has_a_receipt_of_nothing(system: System) -> None:
    receipt = system.forget("nobody")
    assert (receipt.rows, receipt.tombstones) == ({}, {})
    assert not any(count for counts in receipt.state.values() for count in counts.values())
    assert {topic.name for topic in topics.TOPICS if topic.names_accounts and not topic.compacted} == {
        kept.what.rpartition(" ")[2] for kept in receipt.kept if kept.what.startswith("records of before")
    }
