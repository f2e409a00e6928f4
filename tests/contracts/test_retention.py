"""Everything that is stored about anybody ends: topics and states here, tables in tests/streams/clickhouse/test_retention.py."""

from __future__ import annotations

import numpy as np
import pytest

from models.durations import DAY
from streams.replay.in_process import Pipeline
from streams.schema import blocks, topics
from streams.schema.prompt_sketch import PROMPT_SHINGLES
from streams.schema.topics import Topic
from streams.stages.accounts.archive import ARCHIVE_SECONDS
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.stage import Groups
from streams.testing.feature_trial import block_of

START = 1_600_000_000.0
CARD, ROUTER, SHINGLE, NETWORK = (0x1122334455667700 + number for number in range(4))
KEPT_TABLES = {
    "models": "names of models, at most 512",
    "prompts": "one count",
    "public_templates": "phrases that so many payers use that they link none, for a day",
    "tallies": "counts of votes, one row a partition",
}
"""Tables of states that hold no trace of a caller."""


@pytest.mark.parametrize("topic", topics.TOPICS, ids=lambda topic: topic.name)
def test_every_topic_ends(topic: Topic) -> None:
    configs = topic.configs
    assert 0 < int(configs["retention.ms"]) <= 3 * 365 * 86_400_000
    if topic.compacted:
        assert configs["cleanup.policy"] == "compact,delete", "compaction alone keeps the last record of each key for ever"


def traffic(account: str, at: float, *, marked: bool) -> bytes:
    """Return three requests of an account; a marked one has a card, a router, a network and a prompt of its own."""
    own = (
        {"payment": CARD, "router": ROUTER, "client_network": NETWORK} if marked else {"payment": CARD + 9}
    )  # by which the groups hear of time
    shingles = np.zeros((3, PROMPT_SHINGLES), np.uint64)
    shingles[:, 0] = SHINGLE if marked else 5
    rows = {"account_id": account, "event_id": [f"{account} {at} {place}" for place in range(3)], "time": [at, at + 1, at + 2]}
    return blocks.encode(block_of({**rows, **own, "shingles": shingles, "message_count": 1, "output_tokens": 900}).batch)


def checkpoint(pipeline: Pipeline) -> None:
    """Write all state, as a worker does: what is not durable yet is never removed."""
    stages: list[Accounts | Groups] = [*pipeline.accounts, *pipeline.groups]
    for stage in stages:
        for chunk in list(stage.dirty()):
            stage.dump(chunk)


def traces(pipeline: Pipeline) -> set[str]:
    """Return the tables, and the archive, that hold anything of the marked account."""
    marks = np.array([CARD, ROUTER, SHINGLE, NETWORK], np.uint64)
    names = ("ada", f"{CARD:016x}", f"{ROUTER:016x}")
    stages: list[Accounts | Groups] = [*pipeline.accounts, *pipeline.groups]
    tables = [table for stage in stages for table in stage.chunks.tables]
    named = {table.name for table in tables if any(name in key for key in table.keys for name in names)}
    hashed = {table.name for table in tables for field in table.fields if np.isin(table[field], marks).any()}
    archived = {"archive"} if "ada" in pipeline.accounts[0].archive.rows else set()
    return named | hashed | archived


def test_an_account_without_requests_leaves_every_state_and_the_archive_and_nobody_else_does() -> None:
    pipeline = Pipeline(1, b"a key of this test")
    pipeline.feed(0, traffic("ada", START, marked=True))
    assert traces(pipeline) == {"accounts", "shingles", "groups", "members"}
    checkpoint(pipeline)
    for day in range(4, int(ARCHIVE_SECONDS / DAY) + 40, 4):
        pipeline.feed(0, traffic("bob", START + day * DAY, marked=False))
        checkpoint(pipeline)
        if day == 100:
            assert traces(pipeline) == {"archive", "shingles"}
    assert traces(pipeline) == set()
    assert not pipeline.accounts[0].archive.rows
    assert "bob" in pipeline.accounts[0].table
    assert pipeline.accounts[0].counters()["ended"] == 1


def test_every_table_of_a_state_is_looked_at_or_holds_no_trace_of_a_caller() -> None:
    pipeline = Pipeline(1, b"a key of this test")
    tables = {table.name for stage in (pipeline.accounts[0], pipeline.groups[0]) for table in stage.chunks.tables}
    assert tables - {"accounts", "shingles", "groups", "members", "aliases", "erased"} == set(KEPT_TABLES)
