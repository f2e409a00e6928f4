"""Whatever a stage has read changes nothing when it comes again: copied from its topic, signed as it was, at another offset.

No record is named: all that the stages of a morning read and wrote is sent again, and their state is compared before and after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pytest

from models.state.columns import Columns
from streams.core.settings import Settings
from streams.intake.collector import read_files
from streams.replay.in_process import Pipeline
from streams.schema import topics
from streams.stages.stage import Message

pytestmark = pytest.mark.slow

AGAIN: Final = (topics.EVIDENCE, topics.GROUPS, topics.FEEDBACK)
OLDER: Final = 2 / 3
"""Share of the records, the first ones, that come again: each entity is known by newer ones."""


def rows(table: Columns) -> dict[str, str]:
    """Return what a table says of each of its keys."""
    values = {name: table[name] for name in table.fields if np.ndim(table[name]) == 1}
    return {key: repr([column[table.find(key)] for column in values.values()]) for key in table.keys if key}


def states(pipeline: Pipeline) -> dict[str, Mapping[str, str]]:
    """Return what is known of each entity, member, case and alert, and the votes."""
    book = pipeline.cases.book
    known = {"entities": book.entities, "cases": book.cases, "alerts": book.alerts}
    return {
        **{f"accounts {number}": rows(stage.table) for number, stage in enumerate(pipeline.accounts)},
        **{f"votes {number}": {"sum": f"{stage.votes.reference.votes.sum():.3f}"} for number, stage in enumerate(pipeline.accounts)},
        **{f"groups {number}": rows(stage.table) for number, stage in enumerate(pipeline.groups)},
        **{f"members {number}": rows(stage.members) for number, stage in enumerate(pipeline.groups)},
        **{name: {key: repr(msgspec.to_builtins(value)) for key, value in table.items()} for name, table in known.items()},
    }


def test_what_was_read_changes_nothing_when_it_comes_again(morning: Path) -> None:
    sent: defaultdict[str, list[Message]] = defaultdict(list)
    pipeline = Pipeline(2, b"a key of this test", lambda message: sent[message.topic].append(message))
    for block in read_files([morning], Settings(mode="local", partitions=2)):
        pipeline.feed(block.partition, block.data)
    before = states(pipeline)
    assert before["cases"]
    for topic in AGAIN:
        again = sent[topic][: int(len(sent[topic]) * OLDER)]
        assert again
        pipeline._send(again)
        pipeline.drain()
        after = states(pipeline)
        changed = {kind: [key for key, value in before[kind].items() if after[kind].get(key) != value] for kind in before}
        assert not {kind: keys for kind, keys in changed.items() if keys}, topic
        assert {kind: len(known) for kind, known in after.items()} == {kind: len(known) for kind, known in before.items()}, topic
