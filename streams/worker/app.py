"""The worker: one Faust app per stage, each a consumer group of its own, all in one process and event loop.

Each stage has its own consumer group, so a rebalance of one never stops another, and any worker can run any set of stages: Faust's assignor
expects all members of a group to read the same topics. All names are set here and in `streams.schema.topics`; nothing is discovered.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import faust
from tenacity import Retrying

from streams.clickhouse.batch_writer import BatchWriter
from streams.clickhouse.client import ClickHouse
from streams.clickhouse.health import publisher, served
from streams.core import tls
from streams.core.errors import SettingsError
from streams.core.settings import Settings
from streams.kafka.log_range import range_reader
from streams.schema import topics
from streams.schema.signatures import Signatures
from streams.stages.stage import MakeStage
from streams.worker.agents import accounts, cases, groups, store
from streams.worker.agents.store import StoreEngine
from streams.worker.engine import Engine, Inputs
from streams.worker.fetch_wait import read_promptly
from streams.worker.patient_producer import wait_for_brokers
from streams.worker.stages import makers as stage_makers
from streams.worker.supervisor import Agent, Worker
from streams.worker.table import ChunkTable

STATEFUL: Final = {module.INPUTS.agent: module for module in (accounts, groups, cases)}
"""The agents whose stages have state, by name."""

AGENTS: Final = (*STATEFUL, topics.STORE_AGENT)

ROCKSDB_OPTIONS: Final = {"write_buffer_size": 4 << 20, "max_write_buffer_number": 2, "block_cache_size": 4 << 20}
"""RocksDB options for each partition. Chunks are written, and read once in sequence at recovery; Faust's defaults use 2 GB of cache."""


def make_app(settings: Settings, stage: str) -> faust.App:
    """Return the Faust app of a stage, without agents or tables.

    In local mode state is in memory (and in the changelog), reads wait less, and a lost worker is detected after 6 s instead of 15.
    """
    local = settings.mode == "local"
    datadir = settings.state_dir.absolute() / stage
    datadir.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        topics.group_of(stage),
        broker=[f"kafka://{server}" for server in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=6.0 if local else 15.0,
        broker_heartbeat_interval=2.0 if local else 4.0,
        broker_request_timeout=90.0,
        broker_commit_interval=1.0,
        broker_max_poll_records=128,
        consumer_group_instance_id=None if local else _member(datadir),
        consumer_max_fetch_size=topics.MAX_RECORD_BYTES,
        producer_max_request_size=topics.MAX_RECORD_BYTES,
        producer_max_batch_size=256 << 10,
        producer_request_timeout=60.0,
        stream_buffer_maxsize=512,
        stream_wait_empty=False,  # blocks stay unacknowledged for up to a minute, until their chunks are durable
        store="memory://" if local else "rocksdb://",
        datadir=str(datadir),
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        table_cleanup_interval=3600.0,
        web_enabled=False,
        autodiscover=False,
        logging_config={"version": 1, "disable_existing_loggers": False},
    )
    wait_for_brokers(app, numbered=not local)
    if local:
        read_promptly(app)
    return app


def _member(datadir: Path) -> str:
    """Return the name under which the owner of this state folder is a member of the group: who comes back with its disk is the same member.

    So a restart within the session time-out moves no partition, and after a crash no one waits until the dead member is given up.
    """
    file = datadir / "member"
    if not file.exists():
        file.write_text(uuid4().hex)
    return file.read_text()


def make_table(app: faust.App, settings: Settings, inputs: Inputs) -> ChunkTable:
    """Return the table of an agent's state."""
    return ChunkTable(
        app,
        seal_key=settings.seal_key.get_secret_value().encode(),
        previous_seal_key=settings.seal_key_previous.get_secret_value().encode() if settings.seal_key_previous else None,
        read_range=range_reader(settings),
        name=topics.STATE_TABLE,
        partitions=1 if inputs.single else settings.partitions,
        key_type=bytes,
        value_type=bytes,
        options=dict(ROCKSDB_OPTIONS),
        extra_topic_configs=dict(topics.CHANGELOG_CONFIG),
        help=f"the state of {inputs.agent}, in chunks",
    )


def make_engine(settings: Settings, agent: str, make_stage: MakeStage) -> Engine:
    """Return the engine of an agent with state, with its app, its table and its Faust agents attached."""
    app, module = make_app(settings, agent), STATEFUL[agent]
    table = make_table(app, settings, module.INPUTS)
    app.tables.add(table)
    signatures = Signatures.of(settings, "worker", "analyst")
    engine = Engine(app, table, module.INPUTS, make_stage, settings.checkpoint_seconds, settings.backlog_end_seconds, signatures)
    module.attach(app, engine)
    return engine


def make_store_engine(settings: Settings) -> StoreEngine:
    """Return the engine that writes to ClickHouse, with its app and its Faust agent attached."""
    app = make_app(settings, topics.STORE_AGENT)
    signatures = Signatures.of(settings, "worker", "analyst")
    engine = StoreEngine(app, lambda stop: BatchWriter(ClickHouse(settings), stop, read_range=range_reader(settings)), signatures)
    store.attach(app, engine)
    return engine


def run_worker(
    settings: Settings, agents: Sequence[str] = AGENTS, stages: Mapping[str, MakeStage] | None = None, *, health: bool = True
) -> None:
    """Run the named agents until SIGTERM or SIGINT; then write all state, and leave.

    After an error nothing is acknowledged.

    Args:
        settings: Settings of the process.
        agents: Names of the agents to run.
        stages: Makers of the stages of the agents with state, by agent; None for the product's own.
        health: Whether to report the health of the process, to ClickHouse and over HTTP.

    Raises:
        HydrometerError: If an operator can fix the cause. Any other exception that ends the worker is raised too.
    """
    makers = stages or stage_makers(settings)
    _check_topics(settings)
    with ExitStack() as folders:
        for agent in agents:
            folders.enter_context(state_folder(settings, agent))
        _run(settings, agents, makers, health=health)


@contextmanager
def state_folder(settings: Settings, agent: str) -> Iterator[Path]:
    """Own the state folder of an agent while the context lasts: two workers on one RocksDB would end in its own, unclear error.

    Raises:
        SettingsError: If another process owns it.
    """
    folder = settings.state_dir.absolute() / agent
    folder.mkdir(parents=True, exist_ok=True)
    if settings.mode == "local":  # its tables are in memory
        yield folder
        return
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            process = lock.read().strip() or "unknown"
            advice = "give each worker a HYDROMETER_STATE_DIR of its own"
            raise SettingsError(f"another worker (process {process}) uses the state in {folder}: {advice}") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield folder


def _run(settings: Settings, agents: Sequence[str], makers: Mapping[str, MakeStage], *, health: bool) -> None:
    engines = [_engine(settings, agent, makers) for agent in agents]
    with served(settings) if health else nullcontext():
        publish = publisher(settings, feeds=topics.STORE_AGENT in agents) if health else None
        asyncio.run(Worker(engines, publish).run())


def _check_topics(settings: Settings) -> None:
    if settings.mode == "local":
        topics.ensure(settings)
        return
    missing = Retrying(**topics.patience(settings))(topics.missing, settings)
    if missing:
        raise SettingsError(f"Kafka has no topic {', '.join(missing)}: make them with `hydrometer topics`")


def _engine(settings: Settings, agent: str, stages: Mapping[str, MakeStage]) -> Agent:
    return make_store_engine(settings) if agent == topics.STORE_AGENT else make_engine(settings, agent, stages[agent])


def _credentials(settings: Settings) -> Any:
    protocol = settings.kafka_security_protocol
    context = tls.context(settings.kafka_ssl_cafile) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL") and settings.kafka_sasl_password is not None:
        password = settings.kafka_sasl_password.get_secret_value()
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username, password=password, ssl_context=context, mechanism=settings.kafka_sasl_mechanism
        )
    return context
