"""A transaction's end takes an offset and is no record: where it is the last of a partition, every reader is at the end all the same.

Apache Kafka with a transactional producer, and every process that reads topics. The embedded broker writes no such marks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from kafka import KafkaProducer, TopicPartition

from streams.clickhouse import rows
from streams.clickhouse.client import ClickHouse
from streams.core.errors import BrokerUnavailableError
from streams.core.settings import Settings
from streams.devserver.kafka import ApacheKafka
from streams.devserver.system import System, local_system
from streams.exports.erasure import ErasureOrder, erase
from streams.kafka import log_range, progress
from streams.schema import topics
from streams.schema.access import ROLES
from streams.testing.processes import Running, hydrometer
from streams.worker.agents import accounts, cases, groups

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PARTITIONS: Final = 2
ACCOUNTS: Final = 10
WITHIN_SECONDS: Final = 180.0
OWN: Final[Mapping[str, tuple[str, ...]]] = {
    topics.COLLECT: (topics.REQUESTS_RAW,),
    topics.STORE_AGENT: rows.STORED,
    **{inputs.agent: tuple(filter(None, (inputs.topic, inputs.feedback))) for inputs in (accounts.INPUTS, groups.INPUTS, cases.INPUTS)},
}


@contextmanager
def processes(system: System, folder: Path) -> Iterator[Sequence[Running]]:
    """Run `collect` and a worker, with a state folder of their own."""
    folder.mkdir()
    given = {name.removeprefix("HYDROMETER_"): value for name, value in system.environment().items() if name.startswith("HYDROMETER_")}
    own = {**given, "CHECKPOINT_SECONDS": "1", "STATE_DIR": str(folder)}
    with (
        hydrometer("collect", "--topic", log=folder / "collect.log", **own) as collect,
        hydrometer("worker", log=folder / "worker.log", **own) as worker,
    ):
        yield collect, worker


def send(settings: Settings, numbers: range) -> None:
    """Send requests of ten accounts."""
    now = time.time() - 3_600.0
    lines = [{"timestamp": now + number, "event.id": f"event-{number}", "account.id": f"a-{number % ACCOUNTS}"} for number in numbers]
    with closing(KafkaProducer(bootstrap_servers=settings.kafka, acks="all")) as producer:
        for sent in [producer.send(topics.REQUESTS_RAW, json.dumps(line).encode()) for line in lines]:
            sent.get(timeout=60)


def transactions(settings: Settings, partitions: Sequence[TopicPartition]) -> None:
    """Leave on each partition a transaction that was aborted and one that was committed."""
    for name in ("aborted", "committed"):
        with closing(KafkaProducer(bootstrap_servers=settings.kafka, transactional_id=name)) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            for tp in partitions:
                producer.send(tp.topic, b"not a record of ours", b"k", partition=tp.partition)
            producer.flush()
            producer.commit_transaction() if name == "committed" else producer.abort_transaction()


def behind(settings: Settings) -> list[str]:
    """Return the partitions whose end, as Kafka counts it, their reader has not acknowledged."""
    late = []
    for reader, names in OWN.items():
        ends = topics.ends(settings, names)
        with topics.administration(settings) as admin:
            done = admin.list_group_offsets({topics.group_of(reader): None})[topics.group_of(reader)]
        late += [f"{reader} {tp.topic}/{tp.partition}" for tp, end in ends.items() if end and (tp not in done or done[tp].offset < end)]
    return late


def wait_until_read(settings: Settings, running: Sequence[Running]) -> None:
    give_up, late = time.monotonic() + WITHIN_SECONDS, ["all"]
    while time.monotonic() < give_up:
        for process in running:
            assert process.runs, process.log.read_text()[-2_000:]
        with suppress(BrokerUnavailableError):  # until the group has a coordinator
            late = behind(settings)
        if not late:
            return
        time.sleep(0.5)
    raise TimeoutError(", ".join(late) + "".join(process.log.read_text()[-1_500:] for process in running))


def has_no_lag(settings: Settings, group: str) -> bool:
    return not sum(sum(lags.values()) for lags in progress.lag(settings, group).values())


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds: agents that wait for each other write to topics again and again."""
    give_up = time.monotonic() + WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.5)


def test_every_reader_is_at_the_end_behind_a_transactions_end(tmp_path: Path) -> None:
    with ExitStack() as stack:
        kafka = stack.enter_context(ApacheKafka(tmp_path / "kafka"))
        system = stack.enter_context(
            local_system(tmp_path / "system", kafka=kafka.bootstrap, partitions=PARTITIONS, signing_key="only-for-this-test-signing")
        )
        settings = system.settings
        with processes(system, tmp_path / "first") as running:
            send(settings, range(200))
            wait_until_read(settings, running)
            transactions(settings, list(topics.ends(settings, {name for names in OWN.values() for name in names})))
            wait_until_read(settings, running)
            for reader, names in OWN.items():
                group, ends = topics.group_of(reader), topics.ends(settings, names)
                wait_for(partial(progress.passed, settings, group, ends))
                wait_for(partial(has_no_lag, settings, group))
            receipt = erase(settings, ClickHouse(settings), ErasureOrder("a-1", "ada"), wait_seconds=60)
            assert receipt.rows
        changelogs = [TopicPartition(name, number) for role in ROLES for name in role.changelogs for number in range(PARTITIONS)]
        transactions(settings, [tp for tp in changelogs if tp.partition in partitions_of(settings, tp.topic)])
        with processes(system, tmp_path / "second") as running:  # whose state is recovered from topics that end in a transaction's end
            send(settings, range(200, 400))
            wait_until_read(settings, running)


def partitions_of(settings: Settings, topic: str) -> set[int]:
    with closing(log_range.open_consumer(settings)) as consumer:
        return set(consumer.partitions_for_topic(topic) or ())


def test_what_waits_are_records_and_no_ends_of_transactions(apache_kafka: ApacheKafka) -> None:
    settings = Settings(mode="local", kafka=apache_kafka.bootstrap)
    topics.ensure(settings)
    tp = TopicPartition(topics.LABELS, 0)
    group = "reader of one record"
    with closing(KafkaProducer(bootstrap_servers=settings.kafka)) as producer:
        producer.send(tp.topic, b"one", b"k", partition=0).get(timeout=60)
    start = topics.ends(settings, [tp.topic])[tp]
    with closing(log_range.open_consumer(settings, group)) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, start)
        consumer.commit()
    assert progress.lag(settings, group) == {tp.topic: {0: 0}}

    transactions(settings, [tp])
    assert progress.lag(settings, group) == {tp.topic: {0: 4}}  # two records and two ends: counted from the first record
    assert not progress.passed(settings, group, {tp: start + 1})
    with closing(log_range.open_consumer(settings, group)) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, start + 3)  # behind the last record
        consumer.commit()

    assert topics.ends(settings, [tp.topic])[tp] == start + 4
    assert progress.lag(settings, group) == {tp.topic: {0: 0}}
    assert progress.passed(settings, group, topics.ends(settings, [tp.topic]))
    assert log_range.range_reader(settings)(tp.topic, 0, start + 3, None) == []


def test_what_retention_removed_is_nothing_that_waits(apache_kafka: ApacheKafka) -> None:
    settings = Settings(mode="local", kafka=apache_kafka.bootstrap)
    topics.ensure(settings)
    tp = TopicPartition(topics.DEAD_LETTERS, 0)
    with closing(KafkaProducer(bootstrap_servers=settings.kafka)) as producer:
        producer.send(tp.topic, b"one", partition=0).get(timeout=60)
    ends = {tp: topics.ends(settings, [tp.topic])[tp]}
    assert not progress.passed(settings, "reader that was away", ends)
    with topics.administration(settings) as admin:
        admin.delete_records({tp: ends[tp]})
    assert progress.passed(settings, "reader that was away", ends)
