"""What a new owner of a partition reads again: the last blocks and the last feedback, on which its stage depends and which are no state.

The blocks show which later events repeat an earlier one (`streams.stages.repeats`). The feedback has not taken effect yet, in part
(`streams.stages.accounts.delayed_feedback`): it was acknowledged when it came, and would be lost with the worker that knew it.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import Final

from faust.types import TP

from streams.core.errors import BlockLayoutError
from streams.kafka.log_range import LogRecord, ReadRange
from streams.schema.signatures import Signatures
from streams.stages.repeats import MAX_BLOCKS
from streams.stages.stage import PatientStage, RecallingStage, TimedStage
from streams.worker.pace import MARK
from streams.worker.partition import Partition

MAX_FEEDBACK_RECORDS: Final = 2_048
"""Records of feedback that are read again."""


async def recall(partition: Partition, feedback: TP, committed: int, read_range: ReadRange, signatures: Signatures) -> None:
    """Show the stage of a partition what it depends on of what was acknowledged.

    Args:
        partition: A partition that was loaded, before its first block.
        feedback: Topic and partition of its feedback.
        committed: Offset from which its feedback will be read.
        read_range: Reads a topic again.
        signatures: Checks the records of feedback.
    """
    stage, clock = partition.stage, -math.inf
    if isinstance(stage, RecallingStage) and partition.read_from > 0:
        blocks = await _last(read_range, partition.tp, partition.read_from, MAX_BLOCKS)
        for record in blocks:
            stage.recall(record.value or b"", record.offset)
        if blocks and isinstance(stage, TimedStage):
            clock = stage.reach(blocks[-1].value or b"")
    if isinstance(stage, PatientStage) and committed > 0:
        for record in await _last(read_range, feedback, committed, MAX_FEEDBACK_RECORDS):
            believed = signatures.refusal(feedback.topic, record.key, record.value, record.headers) is None
            if believed and record.key != MARK and record.value is not None:
                with suppress(BlockLayoutError):  # it became a dead letter when it came
                    stage.recall_feedback(record.value, clock)


async def _last(read_range: ReadRange, tp: TP, end: int, count: int) -> list[LogRecord]:
    """Return so many records before an offset, over a connection of its own."""
    return await asyncio.to_thread(read_range, tp.topic, tp.partition, max(0, end - count), end - 1)
