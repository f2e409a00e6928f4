"""The pipeline in one process: everything that leaves a stage is carried on before the next block is read."""

from __future__ import annotations

from collections import Counter

import orjson

from streams.core.settings import Settings
from streams.intake.collector import Collector
from streams.replay.in_process import Pipeline
from streams.schema import topics
from streams.stages.stage import Message

START = 1_790_000_000.0


def test_what_leaves_a_stage_reaches_the_next_before_another_block_is_read() -> None:
    settings, seen = Settings(mode="local", partitions=2), list[Message]()
    pipeline = Pipeline(2, b"a key of this test", seen.append)
    collector = Collector(settings)
    names = [f"account-{number}" for number in range(6)]
    facts = {"timestamp": START, "payment.hash": "one card", "gen_ai.usage.output_tokens": 5}
    collector.add([orjson.dumps({**facts, "event.id": name, "account.id": name}) for name in names], "test", START)
    blocks = collector.flush()
    assert {block.partition for block in blocks} == {0, 1}
    for count, block in enumerate(blocks, 1):
        pipeline.feed(block.partition, block.data)
        assert Counter(message.topic for message in seen)[topics.REQUESTS] == count
        assert seen[-1].topic != topics.REQUESTS, "its groups have been told"
    (members,) = [len(stage.members) for stage in pipeline.groups if len(stage.members)]
    assert members == 6, "accounts of both partitions meet in the partition of their card"
