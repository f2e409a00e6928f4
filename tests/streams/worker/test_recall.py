"""What a new owner of a partition reads again: the last blocks, and of the feedback what is believed and is no mark."""

from __future__ import annotations

from typing import Any

from faust.types import TP

from streams.core.errors import BlockLayoutError
from streams.core.settings import Settings
from streams.kafka.log_range import LogRecord
from streams.schema import topics
from streams.schema.signatures import Signatures
from streams.stages.repeats import MAX_BLOCKS
from streams.testing.counting import CountingStage
from streams.worker.pace import MARK
from streams.worker.partition import Partition
from streams.worker.recall import MAX_FEEDBACK_RECORDS, recall

SIGNATURES = Signatures.of(Settings.model_validate({"mode": "local", "signing_key": "only-for-this-test"}), "worker")
FEEDBACK = TP(topics.FEEDBACK, 1)


class Patient(CountingStage):
    """Notes what it is shown."""

    newest = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.blocks, self.feedback = list[tuple[bytes, int]](), list[tuple[bytes, float]]()

    def reach(self, value: bytes) -> float:
        return float(value)

    def recall(self, value: bytes, offset: int) -> None:
        self.blocks.append((value, offset))

    def recall_feedback(self, value: bytes, since: float) -> None:
        if value == b"noise":
            raise BlockLayoutError("noise")
        self.feedback.append((value, since))


class Log:
    """Topics as a broker has them: every record of `requests` is its offset, feedback is what was sent."""

    def __init__(self, *feedback: LogRecord) -> None:
        self.feedback, self.asked = feedback, list[tuple[str, int, int, int | None]]()

    def read(self, topic: str, partition: int, first: int, last: int | None) -> list[LogRecord]:
        self.asked.append((topic, partition, first, last))
        assert last is not None
        if topic == topics.FEEDBACK:
            return [record for record in self.feedback if first <= record.offset <= last]
        return [LogRecord(offset, None, b"%d" % offset) for offset in range(first, last + 1)]


def told(offset: int, value: bytes | None, key: bytes | None = None, *, signed: bool = True) -> LogRecord:
    headers = SIGNATURES.sign(topics.FEEDBACK, key, value or b"") if signed else []
    return LogRecord(offset, key, value, 0, tuple(headers))


def partition(stage: Any, read_from: int) -> Partition:
    return Partition(TP(topics.REQUESTS, 1), stage, None, 60.0, read_from=read_from)  # type: ignore[arg-type]  # no archive is asked for


async def test_a_stage_sees_the_blocks_before_its_first_one_and_what_it_heard_since_the_last_of_them() -> None:
    stage, log = Patient(), Log(told(0, b"zero"), told(1, b"one"), told(2, b"two"))
    await recall(partition(stage, 3), FEEDBACK, 2, log.read, SIGNATURES)
    assert stage.blocks == [(b"0", 0), (b"1", 1), (b"2", 2)]
    assert stage.feedback == [(b"zero", 2.0), (b"one", 2.0)], "the next record, 2, comes by itself"


async def test_what_is_forged_damaged_deleted_or_a_mark_is_passed_over() -> None:
    stage = Patient()
    log = Log(told(0, b"forged", signed=False), told(1, b"noise"), told(2, None), told(3, b"{}", MARK), told(4, b"good"))
    await recall(partition(stage, 8), FEEDBACK, 5, log.read, SIGNATURES)
    assert stage.feedback == [(b"good", 7.0)]


async def test_no_more_is_read_again_than_is_needed() -> None:
    stage, log = Patient(), Log()
    await recall(partition(stage, 10_000), FEEDBACK, 9_000, log.read, SIGNATURES)
    assert log.asked == [
        (topics.REQUESTS, 1, 10_000 - MAX_BLOCKS, 9_999),
        (topics.FEEDBACK, 1, 9_000 - MAX_FEEDBACK_RECORDS, 8_999),
    ]


async def test_a_stage_that_asks_for_neither_or_begins_at_the_beginning_costs_no_connection() -> None:
    log = Log()
    await recall(partition(CountingStage(), 9), FEEDBACK, 9, log.read, SIGNATURES)
    await recall(partition(Patient(), 0), FEEDBACK, 0, log.read, SIGNATURES)
    assert log.asked == []
