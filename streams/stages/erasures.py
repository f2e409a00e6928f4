"""Erasures: the command to remove an account from all state, as it travels from stage to stage, and what each stage reports of it.

command -> `feedback`, the account's partition -> accounts -> `groups`, every partition -> groups -> `evidence` -> cases

Each stage hands an erasure on where it sends the account's rows, so that the next stage reads it after the last of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streams.schema import layouts, topics
from streams.schema.blocks import Block
from streams.schema.erasures import ErasureReport
from streams.stages.stage import Message


class Erasure(NamedTuple):
    """One account to erase."""

    request: str
    """Names the erasure in reports."""
    account: str
    time: float
    """What is dated up to it (epoch seconds) is of before the command, and is not counted again: its time, and as much as a clock may be
    ahead."""
    source: int
    """Partition of the stage that handed it on; -1 for the command."""


def command(request: str, account: str, time: float) -> bytes:
    """Return the block that starts the erasure `request`: for the account's partition of `feedback`. time: epoch seconds."""
    return layouts.ERASURES.encode({"request": [request], "account_id": [account], "time": [time], "source": [-1.0]})


def read(block: Block) -> list[Erasure]:
    """Return the erasures of a block."""
    rows = zip(
        block.texts("request"), block.texts("account_id"), block.numbers("time").tolist(), block.numbers("source").tolist(), strict=True
    )
    return [Erasure(str(request), str(account), time, int(source)) for request, account, time, source in rows]


def handed_on(block: Block, source: int, times: Sequence[float] | None = None) -> bytes:
    """Return the same erasures for the next stage.

    Args:
        block: Erasures.
        source: Partition of the stage that sends them.
        times: Until when each reaches, epoch seconds; None: as the block says.
    """
    reaches = block.numbers("time") if times is None else times
    columns = {"request": block.texts("request"), "account_id": block.texts("account_id"), "time": reaches}
    return layouts.ERASURES.encode(columns | {"source": [float(source)] * len(block)})


def report(
    erasure: Erasure,
    stage: str,
    partition: int,
    removed: Mapping[str, int],
    held: Sequence[str] = (),
) -> Message:
    """Return what a stage removed, as a message. It names no account.

    Args:
        erasure: The erasure.
        stage: Name of the stage.
        partition: Partition of the stage; for the cases, of the groups stage that handed the erasure on.
        removed: Number of removed items by kind.
        held: Cases under legal hold, which are kept.
    """
    record = ErasureReport(erasure.request, stage, partition, dict(removed), list(held))
    return Message(topics.ERASURES, 0, record.encode(), erasure.request.encode())
