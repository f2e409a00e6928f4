"""The blocks that `collect` makes of a folder's traffic, kept beside it: sketching is half of a replay, and each run needs the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from streams.core.settings import Settings
from streams.intake.collector import OutgoingBlock, read_files
from streams.replay.run import Replay

KEY = b"an evaluation seals nothing worth"
_NAME = "blocks.parquet"


def keep(folder: Path) -> None:
    """Write a folder's blocks, unless they are there."""
    if (folder / _NAME).exists():
        return
    events = next(path for path in (folder / "events.jsonl.zst", folder / "events.jsonl") if path.exists())
    made = list(read_files([events], Settings.load({"HYDROMETER_MODE": "local"})))
    columns = {name: [getattr(block, name) for block in made] for name in ("partition", "data", "events")}
    pq.write_table(pa.table(columns), folder / _NAME)


def kept(folder: Path) -> Iterator[OutgoingBlock]:
    """Yield a folder's blocks in order."""
    for row in pq.read_table(folder / _NAME).to_pylist():
        yield OutgoingBlock(row["partition"], row["data"], row["events"])


def replayed(folder: Path, run: Replay | None = None) -> Replay:
    """Return a run that has seen a folder's blocks."""
    run = run or Replay(4, KEY)
    run.feed(kept(folder))
    return run
