"""Four independent counts of every event: sent, in the topic, in ClickHouse's tables, in the state as the next owner would load it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from faust.types import TP
from feeder import Feeder
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from rig import Rig

from streams.core.settings import Settings
from streams.schema import blocks, layouts, topics
from streams.stages.accounts.stage import Accounts
from streams.worker.app import STATEFUL, make_app, make_table
from streams.worker.table import CHUNK, ChunkTable, StoredArchive

COLD = "nobody"
"""The next owner who has no disk: it loads the changelog alone."""


@dataclass
class Account:
    """What came of all events, and in which of the counts something is missing or doubled."""

    sent: int
    topic: int
    rows: int
    usage: int
    arrivals: int
    states: dict[str, int]
    """Events in the state, by whose disk it was loaded from."""
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Tell whether every event counts exactly once everywhere."""
        return not self.faults

    def line(self) -> str:
        """Return the counts in one line."""
        states = ", ".join(f"{disk} {count:,}" for disk, count in self.states.items())
        tables = f"requests {self.rows:,}, usage {self.usage:,}, arrivals {self.arrivals:,}"
        return f"sent {self.sent:,}, topic {self.topic:,}, {tables}, state: {states}"


def check(rig: Rig, feeder: Feeder, disks: list[str], *, doubles_in_topic: bool = False) -> Account:
    """Compare the counts. Every worker must have been stopped; `disks` are the names of those whose disk may be taken over.

    `doubles_in_topic`: the topic itself may hold an event twice, because a gateway sent it twice.
    """
    sent = {event["event.id"]: event for event in feeder.events if event["event.id"] in feeder.taken}
    in_topic = _in_topic(rig)
    rows, ids, usage, arrivals = _in_tables(rig)
    account = Account(len(sent), sum(in_topic.values()), rows, usage, arrivals, {})
    lost = sent.keys() - in_topic.keys()
    _note(account, bool(lost), f"{len(lost)} accepted events are not in the topic")
    doubled = sum(count - 1 for count in in_topic.values())
    _note(account, bool(doubled) and not doubles_in_topic, f"{doubled} events stand twice in the topic")
    there = len(in_topic)  # what was refused may have arrived all the same: what is in the topic once must count once
    _note(account, ids != there, f"requests has {ids} different events, the topic {there}")
    for name, found in (("requests", rows), ("usage_minute", usage), ("arrivals", arrivals)):
        _note(account, found != there, f"{name} counts {found} of {there}")
    expected = _expected(feeder, in_topic)
    for disk in [*disks, COLD]:
        state = _loaded(rig, disk)
        account.states[disk] = int(sum(requests for requests, _ in state.values()))
        wrong = [name for name in expected.keys() | state.keys() if state.get(name) != expected.get(name)]
        missing = there - account.states[disk]
        _note(account, bool(wrong), f"state of {disk}: {len(wrong)} accounts are wrong, {missing} events are missing")
    return account


def check_totals(rig: Rig, taken: int, disks: list[str]) -> tuple[str, list[str]]:
    """Return the counts in one line, and what is wrong: as `check` does, for more events than can be compared one by one."""
    in_topic = _in_topic(rig)
    rows, ids, usage, arrivals = _in_tables(rig)
    account = Account(taken, sum(in_topic.values()), rows, usage, arrivals, {})
    _note(account, len(in_topic) < taken, f"{taken - len(in_topic)} accepted events are not in the topic")
    for name, found in (("requests", rows), ("different requests", ids), ("usage_minute", usage), ("arrivals", arrivals)):
        _note(account, found != len(in_topic), f"{name} counts {found} of {len(in_topic)}")
    for disk in [*disks, COLD]:
        account.states[disk] = int(sum(requests for requests, _ in _loaded(rig, disk).values()))
        _note(account, account.states[disk] != len(in_topic), f"state of {disk} counts {account.states[disk]} of {len(in_topic)}")
    return account.line(), account.faults


def _in_tables(rig: Rig) -> tuple[int, int, int, int]:
    """Return rows of `requests`, different events in them, and the sums of `usage_minute` and `arrivals`."""
    with rig.connected() as client:
        [[rows, ids]] = client.execute("SELECT count(), uniqExact(event_id) FROM requests")
        [[usage]] = client.execute("SELECT sum(requests) FROM usage_minute")
        [[arrivals]] = client.execute("SELECT sum(events) FROM arrivals")
    return rows, ids, usage, arrivals


def _note(account: Account, wrong: bool, what: str) -> None:  # noqa: FBT001 - what was found
    if wrong:
        account.faults.append(what)


def _expected(feeder: Feeder, in_topic: Mapping[str, int]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for event in feeder.events:
        if event["event.id"] in in_topic:
            requests, tokens = found.get(event["account.id"], (0.0, 0.0))
            found[event["account.id"]] = (requests + 1, tokens + event["gen_ai.usage.output_tokens"])
    return found


def _in_topic(rig: Rig) -> Counter[str]:
    places = [TopicPartition(topics.REQUESTS, number) for number in range(rig.partitions)]
    consumer = KafkaConsumer(bootstrap_servers=rig.kafka.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=5_000)
    consumer.assign(places)
    ends: Any = consumer.end_offsets(places)
    counts: Counter[str] = Counter()
    try:
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(timeout_ms=1_000).values():
                for record in records:
                    counts.update(str(each) for each in blocks.decode(record.value, layouts.REQUESTS).texts("event_id"))
    finally:
        consumer.close()
    return counts


def damage_disk(rig: Rig, disk: str, partition: int) -> None:
    """Flip a bit of the first chunk of a partition in a worker's RocksDB. The worker must be stopped."""
    table = _table(rig.settings.model_copy(update={"state_dir": rig.directory / f"state-{disk}"}))
    key = f"{partition}/{CHUNK}accounts/0".encode()
    value = table._get(partition, key)
    assert value is not None
    table._keep(partition, key, bytes([value[0] ^ 1, *value[1:]]))
    table._database(partition).close()  # or RocksDB's lock is ours until the garbage is collected, and the worker that starts next ends


def damage_changelog(rig: Rig, partition: int) -> None:
    """Write a record that no worker wrote as the newest value of a partition's first chunk."""
    with closing(KafkaProducer(bootstrap_servers=rig.kafka.bootstrap, acks="all")) as producer:
        topic, key = topics.changelog(topics.ACCOUNTS_AGENT), f"{partition}/{CHUNK}accounts/0".encode()
        producer.send(topic, key=key, value=b"no record of a worker", partition=partition).get(30)


def _table(settings: Settings) -> ChunkTable:
    return make_table(make_app(settings, topics.ACCOUNTS_AGENT), settings, STATEFUL[topics.ACCOUNTS_AGENT].INPUTS)


def _loaded(rig: Rig, disk: str) -> dict[str, tuple[float, float]]:
    """Return the state that the next owner of all partitions would load: a copy of this disk, then the changelog from where it ends."""
    folder = rig.directory / f"next-owner-{disk}"
    if (rig.directory / f"state-{disk}").exists():
        shutil.copytree(rig.directory / f"state-{disk}", folder)
    settings = rig.settings.model_copy(update={"state_dir": folder})
    table = _table(settings)
    state: dict[str, tuple[float, float]] = {}
    for partition in range(rig.partitions):
        place = TP(topics.changelog(topics.ACCOUNTS_AGENT), partition)
        table.recover(place)
        stage = Accounts(partition, rig.partitions, settings.seal_key.get_secret_value().encode(), StoredArchive(table, partition))
        stage.load((name, data) for name, data, _ in table.records(partition, CHUNK))
        rows = stage.table
        state |= {key: (float(rows["requests"][row]), float(rows["output"][row])) for key, row in rows._slot_of.items()}
    return state
