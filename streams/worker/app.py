"""The worker: one Faust app per stage, each a consumer group of its own, all in one process and event loop.

One group a stage, so that a rebalance of one never stops another, and so that any worker may run any set of stages: Faust's assignor
expects all members of a group to read the same topics. Everything is named here and in `streams.schema.topics`; nothing is discovered.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

import faust

from streams.clickhouse.batch_writer import BatchWriter
from streams.clickhouse.client import ClickHouse
from streams.clickhouse.health import publisher, served
from streams.core.errors import SettingsError
from streams.core.settings import Settings
from streams.schema import topics
from streams.stages.stage import MakeStage
from streams.worker.agents import accounts, cases, groups, store
from streams.worker.agents.store import StoreEngine
from streams.worker.engine import Engine
from streams.worker.fetch_wait import read_promptly
from streams.worker.stages import makers as stage_makers
from streams.worker.supervisor import Agent, Worker
from streams.worker.table import ChunkTable

STATEFUL: Final = {each.INPUTS.agent: each for each in (accounts, groups, cases)}
"""The doorways whose stages have state, by name."""

AGENTS: Final = (*STATEFUL, topics.STORE_AGENT)

COMPACT_AFTER_MS: Final = 3_600_000
"""Compaction leaves the last hour alone: of two workers that both hold a partition for a moment, the one in the wrong cannot erase."""

DATABASE: Final = {"write_buffer_size": 8 << 20, "max_write_buffer_number": 2, "block_cache_size": 4 << 20}
"""RocksDB, per partition: chunks are written, and read once in a row at recovery. Faust's defaults take 2 GB of cache each."""


def make_app(settings: Settings, stage: str) -> faust.App:
    """Return the Faust app of a stage, without agents or tables.

    In local mode state lives in memory (and in the changelog), reads wait less, and a lost worker is noticed after 6 s instead of 15.
    """
    here = settings.mode == "local"
    datadir = settings.state_dir.absolute() / stage
    datadir.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        topics.group_of(stage),
        broker=[f"kafka://{server}" for server in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=6.0 if here else 15.0,
        broker_heartbeat_interval=2.0 if here else 4.0,
        broker_request_timeout=90.0,
        broker_commit_interval=1.0,
        broker_max_poll_records=128,
        consumer_max_fetch_size=topics.MAX_RECORD_BYTES,
        producer_max_request_size=topics.MAX_RECORD_BYTES,
        producer_max_batch_size=256 << 10,
        producer_request_timeout=60.0,
        stream_buffer_maxsize=512,
        stream_wait_empty=False,  # we hold blocks for a minute on purpose
        store="memory://" if here else "rocksdb://",
        datadir=str(datadir),
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        table_cleanup_interval=3600.0,
        web_enabled=False,
        autodiscover=False,
        logging_config={"version": 1, "disable_existing_loggers": False},
    )
    if here:
        read_promptly(app)
    return app


def make_engine(settings: Settings, agent: str, make_stage: MakeStage) -> Engine:
    """Return the app of an agent with state, with its table, its engine and its doorway."""
    app, doorway = make_app(settings, agent), STATEFUL[agent]
    table = ChunkTable(
        app,
        seal_key=settings.seal_key.get_secret_value().encode(),
        name=topics.STATE_TABLE,
        partitions=1 if doorway.INPUTS.single else settings.partitions,
        key_type=bytes,
        value_type=bytes,
        options=dict(DATABASE),
        extra_topic_configs={"max.message.bytes": topics.MAX_RECORD_BYTES, "min.compaction.lag.ms": COMPACT_AFTER_MS},
        help=f"the state of {agent}, in chunks",
    )
    app.tables.add(table)
    engine = Engine(app, table, doorway.INPUTS, make_stage, settings.checkpoint_seconds)
    doorway.attach(app, engine)
    return engine


def make_store_engine(settings: Settings) -> StoreEngine:
    """Return the app that writes to ClickHouse, with its engine and its doorway."""
    app = make_app(settings, topics.STORE_AGENT)
    engine = StoreEngine(app, lambda stop: BatchWriter(ClickHouse(settings), stop))
    store.attach(app, engine)
    return engine


def run_worker(
    settings: Settings, agents: Sequence[str] = AGENTS, stages: Mapping[str, MakeStage] | None = None, *, health: bool = True
) -> None:
    """Run the named agents until SIGTERM or SIGINT; then write everything, and leave.

    `stages` makes the stages of the agents with state (unset: those of the product), `health` tells of the process, to ClickHouse and
    over HTTP. Raises whatever else stopped it, a HydrometerError when a person can do something about it. After an error nothing is
    acknowledged.
    """
    makers = stages or stage_makers(settings)
    _check_topics(settings)
    engines = [_engine(settings, agent, makers) for agent in agents]
    with served(settings) if health else nullcontext():
        publish = publisher(settings, feeds=topics.STORE_AGENT in agents) if health else None
        asyncio.run(Worker(engines, publish).run())


def _check_topics(settings: Settings) -> None:
    if settings.mode == "local":
        topics.ensure(settings)
    elif lacking := topics.missing(settings):
        raise SettingsError(f"Kafka has no topic {', '.join(lacking)}: make them with `hydrometer topics`")


def _engine(settings: Settings, agent: str, stages: Mapping[str, MakeStage]) -> Agent:
    return make_store_engine(settings) if agent == topics.STORE_AGENT else make_engine(settings, agent, stages[agent])


def _credentials(settings: Settings) -> Any:
    protocol = settings.kafka_security_protocol
    cafile = settings.kafka_ssl_cafile
    context = ssl.create_default_context(cafile=str(cafile) if cafile else None) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL") and settings.kafka_sasl_password is not None:
        password = settings.kafka_sasl_password.get_secret_value()
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username, password=password, ssl_context=context, mechanism=settings.kafka_sasl_mechanism
        )
    return context
