"""Shared builders of tests: a local ClickHouse, an embedded broker, the read-only folder of real data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_driver import Client
from kafka import KafkaConsumer, TopicPartition
from pydantic import SecretStr

from streams.cases.audit_chain import HistoryKey
from streams.clickhouse import migrate
from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.devserver.process import LocalClickHouse, local_server
from streams.schema import topics
from streams.schema.blocks import decode
from streams.schema.cases import Case
from streams.schema.layouts import REQUESTS


@contextmanager
def local_clickhouse(tmp_path: Path) -> Iterator[LocalClickHouse]:
    """Run a local ClickHouse (its own process) on `tmp_path/clickhouse`; about 1.5 s, so one for a whole test module."""
    with local_server(tmp_path / "clickhouse", user="hydrometer", password="only-for-tests") as server:  # noqa: S106
        yield server


@contextmanager
def migrated_clickhouse(folder: Path) -> Iterator[Settings]:
    """Run a local ClickHouse as `local_clickhouse` does, with our tables; yield the settings that reach it."""
    with local_clickhouse(folder) as server:
        password = SecretStr(server.password)
        settings = Settings(mode="local", clickhouse_port=server.port, clickhouse_user=server.user, clickhouse_password=password)
        migrate.run(settings)
        yield settings


def signed_case(case: Case, key: HistoryKey) -> Case:
    """Return a version of a case with the history that a worker of this key would send: a replay holds no key."""
    entries = key.rechained(case.case_id, case.payload.history)
    payload = msgspec.structs.replace(case.payload, history=entries, signature=key.signature(case.case_id, entries))
    return msgspec.structs.replace(case, payload=payload)


@contextmanager
def driver(server: LocalClickHouse, **options: Any) -> Iterator[Client]:
    """Connect clickhouse-driver to a local server; `options` are `Client`'s own."""
    client = Client(server.host, server.port, user=server.user, password=server.password, **options)
    try:
        yield client
    finally:
        client.disconnect()


@contextmanager
def embedded_broker() -> Iterator[str]:
    """Run an embedded Kafka-protocol broker on a free port and yield its bootstrap address."""
    with EmbeddedBroker() as broker:
        yield broker.bootstrap


def records_of(kafka: str, topic: str, idle_ms: int = 1000) -> list[Any]:
    """Return the records of a topic, in order within a partition: all that are there, and what comes until none does for `idle_ms`.

    kafka: its bootstrap address.
    """
    with closing(KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)) as consumer:
        partitions = [TopicPartition(topic, partition) for partition in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        records: list[Any] = []
        while (batch := consumer.poll(timeout_ms=idle_ms)) or any(consumer.position(tp) < end for tp, end in ends.items()):
            records += chain.from_iterable(batch.values())
        return records


def event_ids_of(kafka: str) -> list[str | None]:
    """Return the ids of all events of the topic `requests`."""
    return [event_id for record in records_of(kafka, topics.REQUESTS) for event_id in decode(record.value, REQUESTS).texts("event_id")]


def committed(root: Path) -> None:
    """Commit everything in a folder, which becomes a git repository if it is not one yet."""
    author = [word for pair in ("user.name=test", "user.email=test@localhost", "commit.gpgsign=false") for word in ("-c", pair)]
    for words in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "test"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)  # noqa: S607  (only tests of `--compare` need git)


def foreign_python(folder: Path, variable: str, *packages: str, seconds: float = 300.0) -> str:
    """Return a Python that has other programs' packages, in an environment of its own; skip the test where they cannot be had.

    Args:
        folder: Where the environment is made.
        variable: Of the shell: names a Python that has the packages already.
        packages: As in `pip install`, the program's own first.
        seconds: How long the installation may take.
    """
    if given := os.environ.get(variable):
        return given
    python, uv = folder / "venv/bin/python", Path(sys.executable).with_name("uv")
    try:
        subprocess.run([uv, "venv", "-q", folder / "venv", "--python", sys.executable], check=True, capture_output=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", python, *packages], check=True, capture_output=True, timeout=seconds)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{packages[0]} cannot be had from the package index ({type(error).__name__})")
    return str(python)
