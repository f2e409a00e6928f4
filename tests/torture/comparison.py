"""What the workers knew when they stopped, beside what a replay of the same blocks knows."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import chain
from typing import Any

import numpy as np
from kafka import KafkaConsumer, TopicPartition

from models.durations import DAY
from streams.core.settings import Settings
from streams.demo.traffic import START
from streams.replay.run import Replay
from streams.schema import topics
from streams.worker.stored import unsealed
from streams.worker.table import CHUNK


def last_monday() -> float:
    """Return the newest Monday whose next two days are over: ClickHouse forgets requests after some weeks."""
    weeks = (time.time() - 3 * DAY - START) // (7 * DAY)
    return START + weeks * 7 * DAY


def replay_of(settings: Settings) -> Replay:
    return Replay(settings.partitions, settings.seal_key.get_secret_value().encode())


def kept_state(settings: Settings) -> dict[tuple[str, int], dict[str, bytes]]:
    """Return the newest value of each chunk, by agent and partition, as the changelogs have it."""
    agents = {topics.changelog(agent): agent for agent in (topics.ACCOUNTS_AGENT, topics.GROUPS_AGENT, topics.CASES_AGENT)}
    reader: Any = KafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    places = [TopicPartition(name, place) for name in agents for place in reader.partitions_for_topic(name)]
    reader.assign(places)
    found: dict[tuple[str, int], dict[str, bytes]] = {}
    with closing(reader):
        ends = reader.end_offsets(places)
        while any(reader.position(place) < ends[place] for place in places):  # however slow the broker is
            for record in chain.from_iterable(reader.poll(timeout_ms=1_000).values()):
                number, _, name = record.key.decode().partition("/")
                if name.startswith(CHUNK):
                    found.setdefault((agents[record.topic], int(number)), {})[name.removeprefix(CHUNK)] = unsealed(record.value or b"")
    return found


def state_of(settings: Settings) -> Replay:
    """Return what the workers knew when they stopped, as the replay that would have known it."""
    known = replay_of(settings)
    stages: dict[str, list[Any]] = {
        topics.ACCOUNTS_AGENT: [*known.pipeline.accounts],
        topics.GROUPS_AGENT: [*known.pipeline.groups],
        topics.CASES_AGENT: [known.pipeline.cases],
    }
    for (agent, number), chunks in kept_state(settings).items():
        stages[agent][number].load(chunks.items())
    return known


def families(known: Replay) -> dict[str, list[float]]:
    """Return the last evidence of every account by family, in nats."""
    tables = [stage.table for stage in known.pipeline.accounts]
    return {table.keys[slot]: np.nan_to_num(table["evidence_shrunk"][slot]).tolist() for table in tables for slot in table.slots.tolist()}
