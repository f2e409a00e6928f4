"""Whatever lies on a topic of ours, signed or not, every process that reads it goes on, and what is good around it counts once.

No topic is named here: the schema lists them, and what is put there is every layout and every record of the schema, changed in one thing
each (`streams.testing.tampering`). A new topic, layout or record is attacked from the day it exists.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from kafka import KafkaProducer

from streams.clickhouse import rows
from streams.clickhouse.health import REPORT_INTERVAL_SECONDS
from streams.core.errors import BlockLayoutError
from streams.core.keyring import ROLES as SIGNERS
from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.devserver.kafka import ApacheKafka
from streams.devserver.system import System, local_system
from streams.kafka.record_batches import tolerate_strangers
from streams.schema import blocks, layouts, topics
from streams.schema.access import ROLES
from streams.schema.signatures import Signatures
from streams.testing.builders import records_of
from streams.testing.processes import Running, hydrometer, wait_until_read
from streams.testing.tampering import KINDS, LAYOUTS, NO_RECORDS, json_sample, sample, tampered, tampered_json
from streams.worker.agents import accounts, cases, groups
from streams.worker.supervisor import STALL_SECONDS

pytestmark = pytest.mark.timeout(1800)

PARTITIONS: Final = 2
ACCOUNTS: Final = [f"good-{number}" for number in range(20)]
SIGNING_KEY: Final = "only-for-this-test-signing"
_INPUTS: Final = (accounts.INPUTS, groups.INPUTS, cases.INPUTS)
OWN: Final[Mapping[str, tuple[str, ...]]] = {
    topics.COLLECT: (topics.REQUESTS_RAW,),
    topics.STORE_AGENT: rows.STORED,
    **{inputs.agent: tuple(filter(None, (inputs.topic, inputs.feedback))) for inputs in _INPUTS},
}
"""The topics of each reader."""
CODECS: Final = (None, "gzip", "snappy", "lz4", "zstd")
TIMES_MS: Final = (None, 0, 1, 4_102_444_800_000)
KEYS: Final = (None, b"", b"\xff\xfe", b"0/chunk/x", b"k" * 10_000)
HEADERS: Final[tuple[list[tuple[str, bytes]], ...]] = (
    [],
    [("", b"")],
    [("source", b"\xff" * 500), ("reason", b"")],
    [("a" * 10_000, b"")],
    [("signature", b"1;1;" + b"0" * 64 + b";worker")],
    [("mark", b"{}"), ("signature", b"\xff")],
)
SHARE: Final = 19
"""One in so many of what is wrong with a layout or record is put onto each topic; each topic has another part of it."""


READS_WITHIN_SECONDS: Final = 400.0
"""`collect` alone waits for a minute before it sets aside what stood in its topic."""


class Strange(NamedTuple):
    """A record that no process of ours would send."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def contents(turn: int) -> list[bytes]:
    """Return a part of all that can be wrong with a value, and each good one once."""
    wrong = [value for layout in LAYOUTS for _, value in tampered(layout)]
    wrong += [value for kind in KINDS for _, value in tampered_json(json_sample(kind))]
    good = [*(sample(layout).encoded() for layout in LAYOUTS), *map(json_sample, KINDS)]
    return [*NO_RECORDS, *good, *wrong[turn % SHARE :: SHARE]]


def strangers(settings: Settings) -> Iterator[Strange]:
    """Yield what is put onto every topic: unsigned under all kinds of keys and headers, and signed by who may write there."""
    signatures = Signatures.of(settings, *SIGNERS)
    for turn, topic in enumerate(topics.TOPICS):
        for place, value in enumerate([None, *contents(turn)]):
            partition = place % topic.partitions(settings)
            key = b"k" if value is None else KEYS[place % len(KEYS)]
            yield Strange(topic.name, partition, key, value, HEADERS[place % len(HEADERS)])
            if value is not None:
                key = name_of(value)
                yield Strange(topic.name, partition, key, value, signatures.sign(topic.name, key, value))


def name_of(value: bytes) -> bytes | None:
    """Return the key under which a label is believed."""
    try:
        return str(json.loads(value)["label_id"]).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


async def attack(settings: Settings, records: Sequence[Strange]) -> Counter[str]:
    """Send records in every codec and at every time that the broker takes; return how many lie on each topic."""
    sent: Counter[str] = Counter()
    ways = [*itertools.product(CODECS, TIMES_MS)]
    for turn, (codec, at) in enumerate(ways):  # a broker refuses a whole batch for one time in it
        producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, compression_type=codec, linger_ms=5, max_request_size=8 << 20)
        await producer.start()
        for part in batched(records[turn :: len(ways)], 500):
            futures = [await producer.send(one.topic, one.value, one.key, one.partition, at, one.headers) for one in part]
            ended = await asyncio.gather(*futures, return_exceptions=True)
            sent.update(record.topic for record, end in zip(part, ended, strict=True) if not isinstance(end, KafkaError))
        await producer.stop()
    return sent


def batched(records: Sequence[Strange], size: int) -> Iterator[Sequence[Strange]]:
    return (records[start : start + size] for start in range(0, len(records), size))


async def transactions(settings: Settings) -> None:
    """Leave on every partition a transaction that was aborted, with the marker of its end."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, transactional_id="stranger")
    await producer.start()
    await producer.begin_transaction()
    for topic in topics.TOPICS:
        for partition in range(topic.partitions(settings)):
            await producer.send_and_wait(topic.name, b"aborted", key=b"k", partition=partition)
    await producer.abort_transaction()
    await producer.stop()


async def behind(settings: Settings) -> None:
    """Leave a record as the last of each partition: what was acknowledged up to it shows that all before it was read."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka)
    await producer.start()
    for topic in topics.TOPICS:
        for partition in range(topic.partitions(settings)):
            await producer.send_and_wait(topic.name, b"behind", key=b"k", partition=partition)
    await producer.stop()


def strange_state(settings: Settings) -> Iterator[Strange]:
    """Yield what is put onto the changelogs: other values under each key that is there, and keys that nobody wrote."""
    rng = random.Random(17)
    for name in (name for role in ROLES for name in role.changelogs):
        kept = [record for record in records_of(settings.kafka, name) if record.key and record.value]
        assert kept, name
        for record in kept:
            noise = bytearray(record.value)
            noise[rng.randrange(len(noise))] ^= 1 << rng.randrange(8)
            for value in (bytes(noise), record.value[: len(record.value) // 2], rng.choice(kept).value, b"", b"\xff" * 100, None):
                yield Strange(name, record.partition, record.key, value, [])
        for key in (b"", b"\xff", b"0", b"0/", b"x/chunk", b"-1/chunk", b"99999999999999999999/chunk", b"k" * 10_000, kept[0].key + b"x"):
            for value in (b"", b"x", kept[0].value):
                yield Strange(name, kept[0].partition, key, value, [("a", b"\xff")])


def requests(numbers: range, now: float) -> list[bytes]:
    """Return lines of good requests. Those of an account are far enough apart for a score row each."""
    return [
        json.dumps(
            {
                "timestamp": now - 42_000.0 + 40.0 * number,
                "event.id": f"good-event-{number}",
                "account.id": ACCOUNTS[number % len(ACCOUNTS)],
                "payment.hash": f"card-{number % 5}",
                "gen_ai.usage.input_tokens": 10,
                "prompt": f"What is {number} times {number}?",
            }
        ).encode()
        for number in numbers
    ]


def send_good(settings: Settings, lines: Sequence[bytes]) -> None:
    """Send lines in their order: the last one of an account is the last that is counted, and its score row says all."""
    with closing(KafkaProducer(bootstrap_servers=settings.kafka, acks="all")) as producer:
        for sent in [producer.send(topics.REQUESTS_RAW, line, partition=0) for line in lines]:
            sent.get(timeout=60)


def stored_once(system: System, events: int) -> None:
    """Check that every good event is a row, and none is two."""
    with system.client() as client:
        ids = client.execute("SELECT event_id, count() FROM requests WHERE startsWith(event_id, 'good-event-') GROUP BY event_id")
    assert Counter(dict(ids)) == Counter({f"good-event-{number}": 1 for number in range(events)})


def counted(settings: Settings) -> Counter[str]:
    """Return how many requests the newest score of each good account says."""
    counts: Counter[str] = Counter()
    for record in records_of(settings.kafka, topics.SCORES):
        try:
            block = blocks.decode(record.value or b"", layouts.SCORES)
        except BlockLayoutError:
            continue
        for account, requested in zip(block.texts("entity_id"), block.numbers("requests").tolist(), strict=True):
            if account in ACCOUNTS:
                counts[str(account)] = int(requested)
    return counts


class Processes:
    """Every process that reads topics, each with a state folder of its own."""

    def __init__(self, system: System, folder: Path, stack: ExitStack) -> None:
        given = {name.removeprefix("HYDROMETER_"): value for name, value in system.environment().items() if name.startswith("HYDROMETER_")}
        self.settings = system.settings
        self.running: dict[str, Running] = {}
        for reader in OWN:
            words = ("collect", "--topic") if reader == topics.COLLECT else ("worker", reader)
            own = {**given, "CHECKPOINT_SECONDS": "1", "STATE_DIR": str(folder / reader)}
            (folder / reader).mkdir(parents=True)
            self.running[reader] = stack.enter_context(hydrometer(*words, log=folder / f"{reader}.log", **own))

    def read_all(self) -> None:
        """Wait until every reader has acknowledged all that lies on its topics. Raises AssertionError when one has ended."""
        for reader, names in OWN.items():
            wait_until_read(self.settings, reader, *names, running=self.running[reader], seconds=READS_WITHIN_SECONDS)
        assert not [reader for reader, process in self.running.items() if not process.runs]


def test_every_topic_of_the_schema_has_a_reader_here() -> None:
    assert {topic.name for topic in topics.TOPICS} - {name for names in OWN.values() for name in names} == {topics.ERASURES}
    assert OWN.keys() == set(topics.READERS)


@pytest.mark.parametrize(
    "kind", [pytest.param("embedded", marks=pytest.mark.slow), pytest.param("Apache Kafka", marks=pytest.mark.integration)]
)
def test_every_process_reads_on_whatever_lies_on_any_topic(kind: str, tmp_path: Path) -> None:
    now = time.time()
    tolerate_strangers()  # what this test itself reads, too
    with ExitStack() as stack:
        broker: Any = stack.enter_context(ApacheKafka(tmp_path / "kafka") if kind == "Apache Kafka" else EmbeddedBroker())
        chosen = {"kafka": broker.bootstrap, "partitions": PARTITIONS, "signing_key": SIGNING_KEY}
        system = stack.enter_context(local_system(tmp_path / "system", **chosen))
        settings = system.settings
        with ExitStack() as first:
            processes = Processes(system, tmp_path / "first", first)
            send_good(settings, requests(range(400), now))
            processes.read_all()
            sent = asyncio.run(attack(settings, [*strangers(settings)]))
            assert sent.keys() == {topic.name for topic in topics.TOPICS}
            if kind == "Apache Kafka":
                asyncio.run(transactions(settings))
                time.sleep(STALL_SECONDS + 3 * REPORT_INTERVAL_SECONDS)  # the end of a transaction is no record that waits
                asyncio.run(behind(settings))
            send_good(settings, requests(range(400, 800), now))
            processes.read_all()
        stored_once(system, 800)
        assert asyncio.run(attack(settings, [*strange_state(settings)])).keys() == {name for role in ROLES for name in role.changelogs}
        with ExitStack() as second:  # whose state is recovered from the topics alone
            processes = Processes(system, tmp_path / "second", second)
            send_good(settings, requests(range(800, 1_000), now))
            processes.read_all()
        stored_once(system, 1_000)
        assert counted(settings) == Counter(dict.fromkeys(ACCOUNTS, 50))
