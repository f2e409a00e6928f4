"""A trial of durability: a real worker process counts keys, is killed and restarted, and must count each key exactly once.

The tests run it on the embedded broker and on Apache Kafka; the benchmark measures the bare agent with it. The worker runs as
`python -m streams.testing.durability <directory> <bootstrap> <mode> <checkpoint seconds>`.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.core.errors import BrokerUnavailableError
from streams.core.settings import SECRETS, Settings
from streams.kafka import progress
from streams.schema import topics
from streams.stages.stage import Message
from streams.testing.counting import CountingStage
from streams.worker.app import run_worker
from streams.worker.stored import Seal, Stored
from streams.worker.table import CHUNK

MAX_CHUNKS_PER_PARTITION: Final = 16
"""Chunks of the counting stage in each partition."""
BUG: Final = "divide by zero"
"""A key that makes the stage of a trial fail."""
AGENT: Final = topics.ACCOUNTS_AGENT
_QUIET_SECONDS = 2.0


class Trial:
    """One broker, one state directory per worker, and the workers that this trial starts and stops."""

    def __init__(self, bootstrap: str, directory: Path, mode: Literal["local", "production"] = "local", checkpoint: float = 2.0) -> None:
        """Create the topics; `checkpoint` is in seconds. Local mode keeps tables in memory, production in RocksDB."""
        self.directory = directory
        self.arguments = [bootstrap, mode, str(checkpoint)]
        self.settings = settings(directory, *self.arguments)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.sent: list[tuple[int, list[str]]] = []
        topics.ensure(self.settings)
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")

    def __enter__(self) -> Self:
        """Return the trial."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Kill all running workers."""
        for worker in self.workers:
            kill(worker)
        self._producer.close()

    def start(self, name: str = "one") -> subprocess.Popen[bytes]:
        """Start a worker. Its log is `<directory>/<name>.log`."""
        command = [sys.executable, "-m", "streams.testing.durability", str(self.directory / name), *self.arguments]
        with (self.directory / f"{name}.log").open("ab") as log:
            worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.workers.append(worker)
        return worker

    def send(self, blocks: Iterable[tuple[int, list[str]]], pause: float = 0.0) -> None:
        """Send blocks of keys, each to its partition of `requests` and confirmed, with a pause after each."""
        for partition, keys in blocks:
            self._producer.send(topics.REQUESTS, json.dumps(keys).encode(), partition=partition).get(timeout=30)
            self.sent.append((partition, keys))
            time.sleep(pause)

    def wait_until_acknowledged(self, blocks: int | None, seconds: float = 90.0) -> None:
        """Wait until this many blocks (None: all that were sent) are acknowledged. Raises TimeoutError after `seconds`."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            sent, lag = len(self.sent), self._lag()
            if len(lag) == self.settings.partitions and sum(lag.values()) <= (sent - blocks if blocks else 0):
                return
            time.sleep(0.25)
        raise TimeoutError(f"{blocks or 'all'} blocks are not acknowledged after {seconds:.0f} s")

    def expected(self) -> Counter[str]:
        """Return the counts that the state must have in the end."""
        return Counter(key for _, keys in self.sent for key in keys)

    def left_out(self) -> list[str]:
        """Return the blocks (`partition/offset`) with keys that were never passed on."""
        passed, offsets, missing = self.passed(), Counter[int](), []
        for partition, keys in self.sent:
            block = f"{partition}/{offsets[partition]}"
            offsets[partition] += 1
            if not passed.get(block, set()) >= set(keys):
                missing.append(block)
        return missing

    def counted(self) -> Counter[str]:
        """Return the counts in the state: the last valid value of each chunk in the changelog, added up."""
        seal = Seal(self.settings.seal_key.get_secret_value().encode())
        chunks: dict[tuple[int, bytes], Stored] = {}
        owners: defaultdict[int, int] = defaultdict(int)
        for record in self._read(topics.changelog(AGENT)):
            stored = seal.opened(record.key, record.value)
            if stored is None or stored.stamp.epoch < owners[record.partition]:
                continue
            owners[record.partition] = stored.stamp.epoch
            if f"/{CHUNK}".encode() in record.key:
                chunks[record.partition, record.key] = stored
        stage = CountingStage(MAX_CHUNKS_PER_PARTITION * self.settings.partitions)
        stage.load((str(index), stored.data) for index, stored in enumerate(chunks.values()))
        return stage.counts()

    def strays(self) -> list[bytes]:
        """Return the keys of chunks whose changelog partition differs from the partition of their input."""
        records = self._read(topics.changelog(AGENT))
        return [record.key for record in records if not record.key.startswith(f"{record.partition}/".encode())]

    def passed(self) -> dict[str, set[str]]:
        """Return which keys of each block (`partition/offset`) were passed on to `scores`, at least once."""
        keys: defaultdict[str, set[str]] = defaultdict(set)
        for record in self._read(topics.SCORES):
            keys[record.key.decode()].update(json.loads(record.value))
        return keys

    def _lag(self) -> dict[int, int]:
        with suppress(BrokerUnavailableError):  # a new Kafka creates its topic of offsets for the first group
            return progress.lag(self.settings, topics.group_of(AGENT)).get(topics.REQUESTS, {})
        return {}

    def _read(self, topic: str) -> Iterable[Any]:
        partitions = [TopicPartition(topic, number) for number in range(self.settings.partitions)]
        quiet = int(_QUIET_SECONDS * 1_000)
        consumer = KafkaConsumer(bootstrap_servers=self.arguments[0], auto_offset_reset="earliest", consumer_timeout_ms=quiet)
        consumer.assign(partitions)
        try:
            yield from consumer
        finally:
            consumer.close()


def blocks_of_keys(count: int, partitions: int = 4, keys: int = 20) -> list[tuple[int, list[str]]]:
    """Return `count` blocks of different keys, of 5,000 in all, for the partitions in turn; always the same ones."""
    chance = random.Random(count)
    return [(number % partitions, [f"k{key}" for key in chance.sample(range(5_000), keys)]) for number in range(count)]


def kill(worker: subprocess.Popen[bytes]) -> None:
    """End a worker as a crash does."""
    worker.kill()
    worker.wait()


def stop(worker: subprocess.Popen[bytes]) -> int:
    """Stop a worker as a supervisor does, and return its exit code."""
    worker.send_signal(signal.SIGTERM)
    return worker.wait(60)


def settings(directory: Path, bootstrap: str, mode: str, checkpoint: str) -> Settings:
    """Return the settings of a trial in a `mode`, with made-up secrets; `checkpoint` is in seconds."""
    secrets = {name: f"only-for-this-trial-{name}" for name in (*SECRETS, "signing_key")}
    given = {"mode": mode, "kafka": bootstrap, "checkpoint_seconds": checkpoint, "state_dir": str(directory), "replication": 1, **secrets}
    return Settings.model_validate(given)


class _Trial(CountingStage):
    """Counts keys, and has a bug."""

    def apply(self, value: bytes, offset: int) -> list[Message]:
        """Count the keys of a block; fail when BUG is one of them."""
        if BUG.encode() in value:
            raise ZeroDivisionError("the bug of this trial")
        return super().apply(value, offset)


def _work(directory: str, bootstrap: str, mode: str, checkpoint: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stages = {AGENT: lambda partition, _archive: _Trial(MAX_CHUNKS_PER_PARTITION, topics.SCORES, partition)}
    logging.info("process %d", os.getpid())  # noqa: LOG015 - the log of one trial
    run_worker(settings(Path(directory), bootstrap, mode, checkpoint), [AGENT], stages, health=False)


if __name__ == "__main__":
    _work(*sys.argv[1:])
